//! Calls on the wire: what a revocation under a burst and a rate limit cost, and whether a body arrives to the byte.

use bytes::Bytes;
use clearance::SkewAuthLayer;
use clearance_test::sim;
use http::Request;
use http_body_util::{BodyExt, Full};
use tokio::time::sleep;
use tower::ServiceExt;

use crate::{Body, SECOND, genesys_source, stack, users};

#[tokio::test(start_paused = true)]
async fn a_revocation_under_a_burst_costs_one_token_request() {
    let platform = sim::Genesys::builder()
        .no_rate_limit()
        .latency(SECOND / 50)
        .build();
    let stack = stack(
        SkewAuthLayer::new(genesys_source(&platform)),
        platform.client::<Body>(),
    );
    stack.clone().oneshot(users(&platform)).await.unwrap();
    platform.revoke_all();
    let calls: Vec<_> = (0..256)
        .map(|_| tokio::spawn(stack.clone().oneshot(users(&platform))))
        .collect();
    for call in calls {
        assert_eq!(call.await.unwrap().unwrap().status(), 200);
    }
    let counters = platform.counters();
    assert_eq!((counters.token_requests, counters.unauthorized()), (2, 256));
}

#[tokio::test(start_paused = true)]
async fn a_rate_limit_is_waited_out_together_and_never_overrun() {
    let platform = sim::Genesys::builder().rate_limit(10, 2 * SECOND).build();
    let stack = stack(
        SkewAuthLayer::new(genesys_source(&platform)),
        platform.client::<Body>(),
    );
    // One after the other, so that all but eleven can know of the limit when they begin.
    let mut calls = Vec::new();
    for _ in 0..64 {
        calls.push(tokio::spawn(stack.clone().oneshot(users(&platform))));
        sleep(SECOND / 100).await;
    }
    for call in calls {
        assert_eq!(call.await.unwrap().unwrap().status(), 200);
    }
    let counters = platform.counters();
    assert_eq!(counters.sent_in_pause, 0);
    // Six are enough; each for itself they would be refused again and again.
    let throttled = counters.throttled();
    assert!((1..=12).contains(&throttled), "{throttled} times 429");
    assert_eq!(counters.token_requests, 1, "a 429 refreshes no token");
}

#[tokio::test(start_paused = true)]
async fn a_post_arrives_byte_exact_after_a_revocation() {
    let platform = sim::Genesys::builder().build();
    let stack = stack(
        SkewAuthLayer::new(genesys_source(&platform)),
        platform.client::<Body>(),
    );
    stack.clone().oneshot(users(&platform)).await.unwrap();
    platform.revoke_all();
    let body: Bytes = (0..50_000_u32).flat_map(u32::to_le_bytes).collect();
    let request = Request::post(format!("{}{}", platform.api_url(), sim::Genesys::ECHO))
        .body(Full::from(body.clone()));
    let response = stack.oneshot(request.unwrap()).await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(
        response.into_body().collect().await.unwrap().to_bytes(),
        body
    );
}
