//! The local wall clock steps, is wrong, or goes on while the machine sleeps: at what cost, and which token is sent?

use std::{
    sync::atomic::Ordering::Relaxed,
    time::{Duration, SystemTime},
};

use clearance::{Retry401, Retry401Layer, SkewAuth, SkewAuthLayer, TokenError};
use clearance_test::{ReadyProbe, ScriptedSource, Step, TokioWallClock};
use tokio::time::sleep;
use tower::{ServiceBuilder, ServiceExt};

use crate::{
    issuer::{issuer_now, stamped},
    support::{Api, SECOND, calls_at, get},
};

/// A stack whose wall clock is injected, over an API that takes what was minted within `lifetime`.
struct Walled {
    wall: TokioWallClock,
    source: ScriptedSource,
    stack: Retry401<SkewAuth<ReadyProbe<Api>>>,
    api: Api,
}

fn walled(lifetime: Duration) -> Walled {
    let wall = TokioWallClock::starting_at(SystemTime::now());
    let source = ScriptedSource::counting()
        .with_lifetime(lifetime)
        .with_delay(SECOND / 10);
    let api = Api::new(|_, _| 200);
    let auth = SkewAuthLayer::new(source.clone()).wall_clock(wall.clone());
    let stack = ServiceBuilder::new()
        .layer(Retry401Layer::new())
        .layer(auth)
        .service(api.service());
    Walled {
        wall,
        source,
        stack,
        api,
    }
}

#[tokio::test(start_paused = true)]
async fn a_step_of_the_local_wall_clock_costs_one_token_request_at_most() {
    for (step, lifetime, requests) in [
        (-3600.0, 1800, 1),
        (-3600.0, 86_400, 1),
        (3600.0, 86_400, 1),
        (3600.0, 1800, 2),
    ] {
        let Walled {
            wall,
            source,
            stack,
            ..
        } = walled(Duration::from_secs(lifetime));
        stack.clone().oneshot(get()).await.unwrap();
        wall.step(step);
        let calls = calls_at(20, 10 * SECOND, &stack).await;
        assert!(calls.iter().all(|call| call.status() == Some(200)));
        // Where one is asked for, calls wait for it as for any: it may be that the machine slept.
        let slowest = calls.iter().map(|call| call.took).max().unwrap();
        let bound = if requests == 1 {
            SECOND / 40
        } else {
            SECOND / 5
        };
        assert!(slowest <= bound, "{step} {lifetime}: {slowest:?}");
        assert_eq!(source.fetches(), requests, "{step} {lifetime}");
    }
}

#[tokio::test(start_paused = true)]
async fn after_a_suspend_the_expired_token_is_not_sent_if_a_fresh_one_can_be_had() {
    let Walled {
        wall,
        source,
        stack,
        api,
    } = walled(600 * SECOND);
    stack.clone().oneshot(get()).await.unwrap();
    // The machine sleeps for an hour: the wall clock goes on, the monotonic one does not.
    wall.step(3600.0);
    stack.clone().oneshot(get()).await.unwrap();
    let tokens: Vec<_> = api.seen().iter().map(|seen| seen.token.clone()).collect();
    assert_eq!(tokens, ["token-1", "token-2"]);

    source.set([Step::Fail(TokenError::unavailable("down"))]);
    wall.step(3600.0);
    assert_eq!(
        stack.oneshot(get()).await.unwrap().status(),
        200,
        "the doubtful token is sent if there is no other"
    );
    assert_eq!(api.seen()[2].token, "token-2");
}

#[tokio::test(start_paused = true)]
async fn a_stored_token_that_knows_only_its_end_is_judged_by_the_issuers_clock() {
    // The local wall clock is an hour fast: by it, the token would be over.
    let (minted, source) = stamped(None, 1800 * SECOND);
    let wall = TokioWallClock::starting_at(issuer_now() + Duration::from_secs(3600));
    let auth = SkewAuthLayer::new(source).wall_clock(wall);
    let stack = ServiceBuilder::new()
        .layer(auth.clone())
        .service(Api::new(|_, _| 200).service());
    stack.clone().oneshot(get()).await.unwrap();
    let remaining = auth.status().remaining.unwrap();
    assert!(
        remaining.abs_diff(1800 * SECOND) < 2 * SECOND,
        "{remaining:?}"
    );
    sleep(1000 * SECOND).await;
    stack.oneshot(get()).await.unwrap();
    assert_eq!(minted.load(Relaxed), 1);
}
