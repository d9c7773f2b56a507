//! gRPC as the layers see it: replies without messages, and deadlines that no wait outlives. On paused time.
#![allow(clippy::unwrap_used, reason = "test code")]

mod support;

use std::{future::Future, time::Duration};

use clearance::{
    RateLimitBackoffLayer, RefusalReason, Retry401Layer, SkewAuthLayer, TokenError, TokenRefused,
    Waited,
    rate_limit_backoff::{RateLimited, RetryAfter},
};
use clearance_test::{ScriptedSource, Step};
use http::{Request, Response, Version};
use support::{Api, BoxError, SECOND, Verdict, stack};
use tokio::time::Instant;
use tower::{Layer, ServiceBuilder, ServiceExt};

/// A reply without messages.
fn status(code: u32) -> Verdict {
    Verdict::from(200)
        .with("content-type", "application/grpc")
        .with("grpc-status", code)
}

fn messages() -> Verdict {
    Verdict::from(200).with("content-type", "application/grpc")
}

fn call(timeout: Option<&str>) -> Request<support::Body> {
    let request = Request::post(support::URL)
        .version(Version::HTTP_2)
        .header("content-type", "application/grpc");
    let request = match timeout {
        Some(timeout) => request.header("grpc-timeout", timeout),
        None => request,
    };
    request.body("a message".into()).unwrap()
}

fn code<B>(response: &Response<B>) -> &str {
    response
        .headers()
        .get("grpc-status")
        .map_or("", |code| code.to_str().unwrap())
}

/// The deadline that the API was told.
fn timeout(seen: &support::Seen) -> Duration {
    let text = seen.head.headers()["grpc-timeout"].to_str().unwrap();
    let (digits, unit) = text.split_at(text.len() - 1);
    let nanos = match unit {
        "S" => 1_000_000_000,
        "m" => 1_000_000,
        "u" => 1_000,
        _ => 1,
    };
    Duration::from_nanos(digits.parse::<u64>().unwrap() * nanos)
}

fn timeouts(api: &Api) -> Vec<Duration> {
    api.seen().iter().map(timeout).collect()
}

fn around(duration: Duration, millis: u64) -> bool {
    duration.abs_diff(Duration::from_millis(millis)) <= Duration::from_millis(25)
}

#[tokio::test(start_paused = true)]
async fn unauthenticated_without_messages_is_cured_like_a_401() {
    let api = Api::new(|seen, _| match seen.token.as_str() {
        "token-1" => status(16),
        _ => messages(),
    });
    let source = ScriptedSource::counting();
    let (auth, stack) = stack(source.clone(), api.service());
    let response = stack.oneshot(call(None)).await.unwrap();
    assert_eq!(code(&response), "");
    assert_eq!(
        (source.fetches(), api.seen().len(), auth.status().refusals),
        (2, 2, 1)
    );
    assert!(api.seen().iter().all(|seen| seen.body == "a message"));
}

/// A status that says nothing of the token neither refuses it nor proves it.
#[tokio::test(start_paused = true)]
async fn other_statuses_are_handed_up_and_prove_nothing() {
    for other in [1, 5, 7, 8, 13, 14] {
        let api = Api::new(move |_, before| match before {
            0 => status(other),
            _ => status(16),
        });
        let source = ScriptedSource::counting();
        let (auth, stack) = stack(source.clone(), api.service());
        let response = stack.clone().oneshot(call(None)).await.unwrap();
        assert_eq!(code(&response), other.to_string());
        assert_eq!((api.seen().len(), source.fetches()), (1, 1));
        // Had it proved the token, this would be a revocation.
        stack.oneshot(call(None)).await.unwrap();
        assert_eq!(auth.status().refusals, 2, "status {other}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_status_in_another_kind_of_reply_is_no_refusal() {
    let api = Api::new(|_, _| {
        Verdict::from(200)
            .with("grpc-status", 16)
            .with("content-type", "text/html")
    });
    let (_, stack) = stack(ScriptedSource::counting(), api.service());
    let response = stack.oneshot(call(None)).await.unwrap();
    assert!(response.extensions().get::<TokenRefused>().is_none());
    assert_eq!(api.seen().len(), 1);
}

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

#[tokio::test(start_paused = true)]
async fn a_call_waits_no_longer_for_a_token_than_for_its_reply() {
    let source = ScriptedSource::script([Step::Fresh.after(3 * SECOND)]);
    let api = Api::new(|_, _| messages());
    let stack = SkewAuthLayer::new(source.clone()).layer(api.service());
    let start = Instant::now();
    let (short, long) = tokio::join!(
        stack.clone().oneshot(call(Some("1S"))),
        stack.clone().oneshot(call(Some("10S")))
    );
    let error = short.unwrap_err();
    assert!(
        error
            .downcast_ref::<TokenError>()
            .unwrap()
            .to_string()
            .contains("grpc-timeout"),
        "{error}"
    );
    long.unwrap();
    assert!(around(start.elapsed(), 3020), "{:?}", start.elapsed());
    let told = timeouts(&api);
    assert!(told.len() == 1 && around(told[0], 7_000), "{told:?}");
    assert_eq!(source.fetches(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_refused_call_waits_no_longer_for_another_token_than_for_its_reply() {
    let api = Api::new(|seen, _| match seen.token.as_str() {
        "token-1" => status(16),
        _ => messages(),
    });
    let source = ScriptedSource::script([Step::Fresh, Step::Fresh.after(3 * SECOND)]);
    let stack = ServiceBuilder::new()
        .layer(Retry401Layer::new())
        .layer(SkewAuthLayer::new(source.clone()))
        .service(api.service());
    let start = Instant::now();
    let (short, long) = tokio::join!(
        stack.clone().oneshot(call(Some("1S"))),
        stack.clone().oneshot(call(Some("10S")))
    );
    let short = short.unwrap();
    assert_eq!(code(&short), "16");
    assert!(matches!(
        short.extensions().get(),
        Some(RefusalReason::Undecided)
    ));
    assert_eq!(code(&long.unwrap()), "");
    assert!(around(start.elapsed(), 3040), "{:?}", start.elapsed());
    let told = timeouts(&api);
    assert!(told.len() == 3 && around(told[2], 7_000), "{told:?}");
}

/// The issuer hangs, and the token has a while to live.
#[tokio::test(start_paused = true)]
async fn a_token_that_still_lives_is_sent_before_nobody_waits_for_the_reply() {
    let source =
        ScriptedSource::script([Step::Fresh, Step::Hang]).with_lifetime(Duration::from_secs(100));
    let api = Api::new(|_, _| messages());
    let stack = SkewAuthLayer::new(source).layer(api.service());
    stack.clone().oneshot(call(Some("3S"))).await.unwrap();
    // Within the hard margin of ten seconds.
    tokio::time::sleep(91 * SECOND).await;
    let start = Instant::now();
    stack.oneshot(call(Some("3S"))).await.unwrap();
    assert!(around(start.elapsed(), 1_520), "{:?}", start.elapsed());
}

#[test]
fn outside_a_runtime_a_call_that_has_to_wait_is_an_error() {
    let api = Api::new(|_, _| messages());
    let stack = SkewAuthLayer::new(ScriptedSource::counting()).layer(api.service());
    let mut call = Box::pin(stack.oneshot(call(Some("3S"))));
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    let std::task::Poll::Ready(Err(error)) = call.as_mut().poll(&mut cx) else {
        panic!("no error");
    };
    assert!(error.to_string().contains("runtime"), "{error}");
}
