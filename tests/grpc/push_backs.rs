//! A server that pushes back: how long do a call and those behind it wait, and what does their deadline say to that?

use std::time::Duration;

use clearance::{
    RateLimitBackoffLayer, Waited,
    rate_limit_backoff::{RateLimited, RetryAfter},
};
use tokio::time::Instant;
use tower::{Layer, ServiceExt};

use crate::{
    around, call, code, messages, status,
    support::{Api, BoxError, SECOND},
    timeout, timeouts,
};

#[tokio::test(start_paused = true)]
async fn a_push_back_is_waited_out_and_taken_from_the_deadline() {
    let api = Api::new(|_, before| match before {
        0 | 1 => status(8).with("grpc-retry-pushback-ms", 1500),
        _ => messages(),
    });
    let stack = RateLimitBackoffLayer::new().layer(api.service());
    let start = Instant::now();
    let response = stack.oneshot(call(Some("10S"))).await.unwrap();
    assert_eq!(code(&response), "");
    let waited = response.extensions().get::<Waited>().unwrap();
    assert_eq!(waited.attempts, 3);
    assert!(around(start.elapsed(), 3060), "{:?}", start.elapsed());
    let told = timeouts(&api);
    assert!(
        around(told[0], 10_000) && around(told[1], 8_480) && around(told[2], 6_960),
        "{told:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_push_back_of_nothing_is_waited_for_as_if_none_were_stated() {
    let api = Api::new(|_, before| match before {
        0 => status(8).with("grpc-retry-pushback-ms", 0),
        _ => messages(),
    });
    let start = Instant::now();
    RateLimitBackoffLayer::new()
        .layer(api.service())
        .oneshot(call(None))
        .await
        .unwrap();
    assert!(
        (0.5..=1.05).contains(&start.elapsed().as_secs_f64()),
        "{:?}",
        start.elapsed()
    );
}

#[tokio::test(start_paused = true)]
async fn exhausted_without_a_push_back_or_with_a_negative_one_is_handed_up() {
    for reply in [
        status(8),
        status(8).with("grpc-retry-pushback-ms", -1),
        status(8).with("grpc-retry-pushback-ms", "soon"),
    ] {
        let api = Api::new(move |_, _| reply.clone());
        let response = RateLimitBackoffLayer::new()
            .layer(api.service())
            .oneshot(call(None))
            .await
            .unwrap();
        assert_eq!((code(&response), api.seen().len()), ("8", 1));
    }
}

#[tokio::test(start_paused = true)]
async fn a_push_back_that_does_not_fit_the_deadline_is_not_slept() {
    let api = Api::new(|_, _| status(8).with("grpc-retry-pushback-ms", 1500));
    let start = Instant::now();
    let stack = RateLimitBackoffLayer::new().layer(api.service());
    let response = stack.oneshot(call(Some("4S"))).await.unwrap();
    // Two waits fit, a third one does not.
    assert_eq!((code(&response), api.seen().len()), ("8", 3));
    assert_eq!(
        response.extensions().get(),
        Some(&RetryAfter(Duration::from_millis(1500)))
    );
    assert!(around(start.elapsed(), 3060), "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_held_call_whose_turn_comes_too_late_fails_at_once_and_leaves_the_line() {
    let api = Api::new(|_, before| match before {
        0 => status(8).with("grpc-retry-pushback-ms", 20_000),
        _ => messages(),
    });
    let layer = RateLimitBackoffLayer::new();
    let stack = layer.layer(api.service());
    let first = tokio::spawn(stack.clone().oneshot(call(None)));
    tokio::time::sleep(SECOND).await;

    let start = Instant::now();
    let error: BoxError = stack.clone().oneshot(call(Some("5S"))).await.unwrap_err();
    let limited = error.downcast_ref::<RateLimited>().unwrap();
    // What is left of the pause, and the turn of the first one.
    assert!(
        (19.0..19.5).contains(&limited.wait.as_secs_f64()),
        "{limited:?}"
    );
    assert_eq!(start.elapsed(), Duration::ZERO);
    assert_eq!(layer.status().keys[0].held, 1, "only the first one");
    // One that can wait so long is sent, with what is left of its deadline.
    stack.oneshot(call(Some("60S"))).await.unwrap();
    assert_eq!(code(&first.await.unwrap().unwrap()), "");
    let left = timeout(&api.seen()[2]);
    assert!((40.0..41.1).contains(&left.as_secs_f64()), "{left:?}");
}
