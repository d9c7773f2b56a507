//! A runtime that is shut down or stands still in the midst of a refresh or a pause: do callers on other runtimes go on?

use std::time::Duration;

use clearance::{RateLimitBackoffLayer, Retry401Layer, SkewAuthLayer};
use clearance_test::{ScriptedSource, Step};
use tokio::{
    runtime::Runtime,
    time::{Instant, sleep, timeout},
};
use tower::{ServiceBuilder, ServiceExt};

use crate::{
    paused,
    support::{Api, SECOND, Verdict, get, stack},
    tasks,
};

/// A refresh on `first` that hangs, and ten callers on another runtime that wait for it; `then` becomes of `first`.
fn waiters_from_elsewhere(then: impl FnOnce(Runtime)) -> (ScriptedSource, Duration) {
    let source = ScriptedSource::script([Step::Hang, Step::token("fresh")]);
    let (auth, stack) = stack(source.clone(), Api::new(|_, _| 200).service());
    let first = paused();
    first.spawn(stack.clone().oneshot(get()));
    first.block_on(async { sleep(SECOND).await });
    assert!(auth.status().refreshing);
    let took = paused().block_on(async {
        let waiters: Vec<_> = (0..10)
            .map(|_| tokio::spawn(stack.clone().oneshot(get())))
            .collect();
        sleep(SECOND).await;
        assert_eq!(source.fetches(), 1, "they wait for the one in flight");
        let begun = Instant::now();
        then(first);
        for waiter in waiters {
            let waiter = timeout(60 * SECOND, waiter).await.expect("a waiter hangs");
            assert_eq!(waiter.unwrap().unwrap().status(), 200);
        }
        begun.elapsed()
    });
    (source, took)
}

#[test]
fn a_refresh_whose_runtime_is_shut_down_is_begun_anew_by_those_who_wait() {
    let (source, took) = waiters_from_elsewhere(Runtime::shutdown_background);
    assert_eq!(source.fetches(), 2, "once, for all of them");
    assert!(took < SECOND, "{took:?}");
}

#[test]
fn a_refresh_whose_runtime_stands_still_is_given_up() {
    // Neither driven nor dropped.
    let (source, took) = waiters_from_elsewhere(std::mem::forget);
    assert_eq!(source.fetches(), 2);
    assert!(took <= 16 * SECOND, "{took:?}");
}

#[test]
fn runtimes_come_and_go_in_mid_refresh_and_in_mid_pause_and_the_layers_go_on() {
    let source = ScriptedSource::counting()
        .with_lifetime(40 * SECOND)
        .with_delay(SECOND);
    let api = Api::new(|seen, before| match before % 5 {
        2 => Verdict::from(429).with("retry-after", 3),
        3 if seen.token.ends_with('3') => Verdict::from(401),
        _ => Verdict::from(200),
    });
    let (auth, rate) = (
        SkewAuthLayer::new(source.clone()),
        RateLimitBackoffLayer::new(),
    );
    let inner = api.service();
    let probe = inner.handle();
    let stack = ServiceBuilder::new()
        .layer(Retry401Layer::new())
        .layer(rate.clone())
        .layer(auth.clone())
        .service(inner);
    for nth in 0..200_u32 {
        let runtime = paused();
        for _ in 0..4 {
            runtime.spawn(stack.clone().oneshot(get()));
        }
        // In the refresh, in the first send, in the pause, in the replay.
        runtime.block_on(async { sleep(SECOND * (nth % 40) / 10).await });
        drop(runtime);
        assert_eq!(probe.held(), 0);
        let held: usize = rate.status().keys.iter().map(|key| key.held).sum();
        assert_eq!(held, 0, "after {nth}");
    }
    let asked = source.fetches();
    paused().block_on(async {
        for _ in 0..3 {
            let call = timeout(60 * SECOND, stack.clone().oneshot(get()));
            let reply = call.await.expect("it hangs").unwrap();
            assert_eq!(reply.status(), 200, "{}", auth.status());
        }
        sleep(16 * SECOND).await;
        assert_eq!(tasks(), 0);
    });
    assert!(
        source.fetches() - asked <= 3,
        "{} more",
        source.fetches() - asked
    );
}
