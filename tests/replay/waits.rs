//! How long a replay is waited for: what is its budget, when is it given up, and does a refresh end a pause?

use clearance::{
    RateLimitBackoffLayer, RefusalReason, Retry401Layer, SkewAuthLayer, TokenRefused, Waited,
    rate_limit_backoff::RetryAfter,
};
use clearance_test::ScriptedSource;
use http::Response;
use tokio::time::{Instant, sleep};
use tower::{Layer, ServiceExt};

use crate::{
    recommended,
    support::{Api, Body, SECOND, Verdict, get},
};

/// The replay of a call that waited begins no new budget.
#[tokio::test(start_paused = true)]
async fn what_a_call_waited_before_its_401_counts_for_the_replay() {
    let api = Api::new(|_, before| match before {
        3 => 401.into(),
        _ => Verdict::from(429).with("retry-after", 50),
    });
    let stack = recommended(ScriptedSource::counting(), api.service());
    let start = Instant::now();
    let response = stack.oneshot(get()).await.unwrap();
    // The fourth wait of 50 s would not fit into the 180 s.
    assert_eq!(response.status(), 429);
    assert_eq!(response.extensions().get(), Some(&RetryAfter(50 * SECOND)));
    assert_eq!(api.seen().len(), 5);
    let waited = response.extensions().get::<Waited>().unwrap();
    assert_eq!((waited.attempts, waited.total.as_secs()), (5, 150));
    assert_eq!(start.elapsed().as_secs(), 150);
}

/// An auth layer that never learns whether another token would do.
#[tokio::test(start_paused = true)]
async fn an_undecided_refusal_is_returned_after_half_a_minute() {
    let api = Api::new(|_, _| Verdict::from(401).with("x-original", "yes"));
    let undecided = api.service().map_response(|mut response: Response<Body>| {
        response
            .extensions_mut()
            .insert(TokenRefused::when("", std::future::pending));
        response
    });
    let stack = Retry401Layer::new().layer(undecided);
    let start = Instant::now();
    let response = stack.oneshot(get()).await.unwrap();
    let latency = api.seen()[0].at.elapsed() - 30 * SECOND;
    assert_eq!(latency.as_millis(), 20, "{:?}", start.elapsed());
    assert_eq!(response.status(), 401);
    assert_eq!(response.headers()["x-original"], "yes");
    assert!(matches!(
        response.extensions().get(),
        Some(RefusalReason::Undecided)
    ));
    assert_eq!(api.seen().len(), 1);
}

/// By default a new token is no way around a limit; where a server counts by token, it is.
#[tokio::test(start_paused = true)]
async fn a_refresh_ends_a_pause_only_where_that_is_asked_for() {
    for (per_generation, seconds) in [(false, 30), (true, 20)] {
        let api = Api::new(|seen, before| match seen.token.as_str() {
            "token-1" if before > 0 => Verdict::from(429).with("retry-after", 30),
            _ => 200.into(),
        });
        let auth = SkewAuthLayer::new(ScriptedSource::counting().with_lifetime(20 * SECOND));
        let number = auth.clone();
        let limits = match per_generation {
            true => RateLimitBackoffLayer::new().per_generation(move || number.generation()),
            false => RateLimitBackoffLayer::new(),
        };
        assert_eq!(auth.generation(), 0);
        let authorised = auth.layer(api.service());
        let stack = limits.layer(authorised.clone());
        stack.clone().oneshot(get()).await.unwrap();
        assert_eq!(auth.generation(), 1);

        let start = Instant::now();
        let held = tokio::spawn(stack.oneshot(get()));
        // Renewed by a call that does not pass the limits.
        sleep(19 * SECOND).await;
        authorised.oneshot(get()).await.unwrap();
        assert_eq!(auth.generation(), 2);
        assert_eq!(held.await.unwrap().unwrap().status(), 200);
        let took = start.elapsed().as_secs();
        assert!(took.abs_diff(seconds) <= 1, "{took} s");
    }
}
