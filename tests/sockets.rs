//! The whole stack on loopback sockets, in real time: nothing here depends on how fast the machine is.

use std::time::Duration;

use bytes::Bytes;
use clearance::{RateLimitBackoffLayer, Retry401Layer, SkewAuthLayer};
use clearance_genesys::{GenesysCloud, Region};
use clearance_test::sim::{Fault, Genesys};
use http::Request;
use http_body_util::{BodyExt, Full};
use tokio::time::timeout;
use tower::{ServiceBuilder, ServiceExt};

type Body = Full<Bytes>;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixty_four_callers_survive_a_revocation_a_limit_and_a_reset() {
    let platform = Genesys::builder()
        .rate_limit(200, Duration::from_secs(1))
        .build();
    let running = platform.serve().await.unwrap();
    platform.fault_next_token(Fault::Reset);
    let source = GenesysCloud::new(Region::UsEast1, Genesys::CLIENT_ID, Genesys::CLIENT_SECRET)
        .and_then(|source| source.with_login_url(running.login_url()))
        .and_then(|source| source.with_api_url(running.api_url()))
        .unwrap();
    let auth = SkewAuthLayer::new(source);
    let stack = ServiceBuilder::new()
        .layer(Retry401Layer::new())
        .layer(RateLimitBackoffLayer::new())
        .layer(auth.clone())
        .service(clearance_oauth::https::<Body>());

    let url = format!("{}/api/v2/users", running.api_url());
    let mut calls = Vec::new();
    for caller in 0..64 {
        let (stack, url, platform) = (stack.clone(), url.clone(), platform.clone());
        calls.push(tokio::spawn(async move {
            for nth in 0..5 {
                if (caller, nth) == (7, 3) {
                    platform.revoke_all();
                }
                let request = Request::get(&url).body(Full::default()).unwrap();
                let response = stack.clone().oneshot(request).await.unwrap();
                assert_eq!(response.status(), 200);
                response.into_body().collect().await.unwrap();
            }
        }));
    }
    for call in calls {
        timeout(Duration::from_secs(30), call)
            .await
            .expect("a call hangs")
            .unwrap();
    }
    let counters = platform.counters();
    // The one that was reset, the first, and the one after the revocation.
    assert_eq!(counters.token_requests, 3);
    assert_eq!(counters.api_answers(200), 64 * 5);
    assert_eq!(auth.status().refreshes.total(), 2);
}
