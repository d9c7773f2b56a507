//! Runtimes that are shut down, sources that panic, block and never return, and layers that are dropped: in the midst of a
//! refresh, and nothing hangs or outlives its deadline.
#![allow(clippy::unwrap_used, reason = "test code")]

mod support;

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
        mpsc,
    },
    time::Duration,
};

use clearance::{
    Audience, RateLimitBackoffLayer, Retry401Layer, SkewAuthLayer, Token, TokenError, TokenSource,
    token_source_fn,
};
use clearance_test::{ScriptedSource, Step};
use support::{Api, SECOND, Verdict, get, stack};
use tokio::{
    runtime::{Builder, Handle, Runtime},
    sync::Notify,
    time::{Instant, sleep, timeout},
};
use tower::{Layer, ServiceBuilder, ServiceExt};

fn paused() -> Runtime {
    Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap()
}

fn tasks() -> usize {
    Handle::current().metrics().num_alive_tasks()
}

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

#[test]
fn no_task_outlives_the_layers_by_more_than_the_refresh_deadline() {
    for step in [
        Step::Hang,
        Step::Fail(TokenError::unavailable("down")),
        Step::Fail(TokenError::throttled(Some(6 * SECOND), "slow down")),
        Step::Fresh.after(14 * SECOND),
    ] {
        let source = ScriptedSource::script([step.clone()]);
        paused().block_on(async {
            let (auth, stack) = stack(source.clone(), Api::new(|_, _| 200).service());
            let calls: Vec<_> = (0..20)
                .map(|_| tokio::spawn(stack.clone().oneshot(get())))
                .collect();
            sleep(SECOND / 20).await;
            assert_eq!(tasks(), 21, "the callers', and the refresh");
            drop((auth, stack));
            calls.iter().for_each(|call| call.abort());
            drop(calls);
            tokio::task::yield_now().await;
            assert_eq!(tasks(), 1, "{step:?}: the refresh goes on for who may wait");
            sleep(15 * SECOND).await;
            assert_eq!(tasks(), 0, "{step:?}");
        });
    }
}

#[test]
fn layers_without_a_refresh_in_flight_have_no_task() {
    paused().block_on(async {
        let source = ScriptedSource::counting();
        let (auth, stack) = stack(source, Api::new(|_, _| 200).service());
        assert_eq!(tasks(), 0, "none before the first call");
        stack.clone().oneshot(get()).await.unwrap();
        sleep(SECOND).await;
        assert_eq!(tasks(), 0);
        drop((auth, stack));
    });
}

// ===== sources =====

/// Panics where it is told to, the first few times.
struct Panics {
    place: Place,
    left: AtomicUsize,
    fetches: Arc<AtomicUsize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Before there is a future.
    Closure,
    Fetch,
    Audience,
}

impl Panics {
    fn at(&self, place: Place) {
        let left = |left: usize| left.checked_sub(1);
        if self.place == place && self.left.fetch_update(SeqCst, SeqCst, left).is_ok() {
            panic!("a source that panics in {place:?}");
        }
    }
}

impl TokenSource for Panics {
    fn fetch(&self) -> impl Future<Output = Result<Token, TokenError>> + Send {
        self.fetches.fetch_add(1, SeqCst);
        self.at(Place::Closure);
        async {
            sleep(SECOND).await;
            self.at(Place::Fetch);
            Ok(Token::bearer("t0k3n")?.with_lifetime(300 * SECOND))
        }
    }

    fn audience(&self) -> Option<Audience> {
        self.at(Place::Audience);
        Some(Audience::any())
    }
}

#[test]
fn wherever_a_source_panics_its_waiters_learn_and_the_next_call_works() {
    for place in [Place::Closure, Place::Fetch, Place::Audience] {
        for times in 1..4 {
            let fetches = Arc::new(AtomicUsize::new(0));
            let source = Panics {
                place,
                left: AtomicUsize::new(times),
                fetches: fetches.clone(),
            };
            let (auth, stack) = stack(source, Api::new(|_, _| 200).service());
            paused().block_on(async {
                let calls: Vec<_> = (0..10)
                    .map(|_| tokio::spawn(stack.clone().oneshot(get())))
                    .collect();
                for call in calls {
                    // `audience` is asked by the callers themselves, too, who panic with it then.
                    match timeout(60 * SECOND, call).await.expect("a call hangs") {
                        Ok(Err(error)) => {
                            assert!(error.to_string().contains("panicked"), "{error}");
                        }
                        Ok(Ok(reply)) => assert_eq!(reply.status(), 200),
                        Err(ended) => assert!(ended.is_panic() && place == Place::Audience),
                    }
                }
                // Once is a slip; after that the source is held off as after any failure.
                sleep(30 * SECOND).await;
                while stack.clone().oneshot(get()).await.is_err() {
                    assert!(fetches.load(SeqCst) <= times, "{}", auth.status());
                    sleep(30 * SECOND).await;
                }
                assert_eq!(tasks(), 0);
            });
        }
    }
}

/// In real time: paused time stands still with the thread.
#[test]
fn a_source_that_blocks_its_thread_blocks_nobody_else() {
    let runtime = Builder::new_multi_thread()
        .worker_threads(2)
        .enable_time()
        .build()
        .unwrap();
    let (release, released) = mpsc::channel();
    let released = Arc::new(Mutex::new(released));
    let blocked = Arc::new(Notify::new());
    let blocks = blocked.clone();
    let audience = Audience::origin("https://api.example.com").unwrap();
    let source = token_source_fn(audience, move || {
        let (released, blocks) = (released.clone(), blocks.clone());
        async move {
            blocks.notify_one();
            let waited = released
                .lock()
                .unwrap()
                .recv_timeout(Duration::from_secs(20));
            waited.map_err(|_| TokenError::unavailable("nobody released it"))?;
            Token::bearer("t0k3n")
        }
    });
    let auth = SkewAuthLayer::new(source);
    let stack = auth.layer(Api::new(|_, _| 200).service());
    runtime.block_on(async {
        let limit = Duration::from_secs(30);
        let waits = tokio::spawn(stack.clone().oneshot(get()));
        timeout(limit, blocked.notified()).await.unwrap();
        assert!(auth.status().refreshing);
        // A call that needs no token is served, one that gives up ends at once, and `status` does not wait.
        let other = http::Request::get("https://files.example.com/").body(support::Body::default());
        let reply = timeout(limit, stack.clone().oneshot(other.unwrap()))
            .await
            .unwrap();
        assert_eq!(reply.unwrap().status(), 200);
        let gives_up = tokio::spawn(stack.clone().oneshot(get()));
        gives_up.abort();
        assert!(
            timeout(limit, gives_up)
                .await
                .unwrap()
                .unwrap_err()
                .is_cancelled()
        );
        release.send(()).unwrap();
        let reply = timeout(limit, waits).await.unwrap().unwrap().unwrap();
        assert_eq!(reply.status(), 200);
        assert_eq!(auth.status().refreshes.total(), 1);
    });
}
