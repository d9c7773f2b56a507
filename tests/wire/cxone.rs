//! CXone, whose API has to be discovered: does that survive a revocation, and a caller that leaves in its midst?

use std::{
    future::{Future, poll_fn},
    pin::pin,
    sync::Arc,
    task::Poll,
};

use clearance::{SkewAuthLayer, TokenSource};
use clearance_cxone::{AccessKey, ClientRegistration, Cxone};
use clearance_oauth::HttpService;
use clearance_test::sim;
use http::Request;
use http_body_util::Full;
use tokio::time::timeout;
use tower::ServiceExt;

use crate::{Body, SECOND, stack};

fn cxone_source(platform: &sim::Cxone) -> Cxone<impl HttpService> {
    let client = ClientRegistration::new(sim::Cxone::CLIENT_ID, sim::Cxone::CLIENT_SECRET);
    let key = AccessKey::new(sim::Cxone::ACCESS_KEY_ID, sim::Cxone::ACCESS_KEY_SECRET);
    Cxone::for_issuer(platform.login_url(), client, key)
        .unwrap()
        .with_client(platform.client::<Body>())
}

#[tokio::test(start_paused = true)]
async fn cxone_is_discovered_called_and_survives_a_revocation() {
    let platform = sim::Cxone::builder().build();
    let source = Arc::new(cxone_source(&platform));
    let api = source.discover().await.unwrap();
    let stack = stack(SkewAuthLayer::new(source), platform.client::<Body>());
    let agents = || {
        let uri = format!("{api}/incontactapi/services/v34.0/agents?top=10");
        Request::get(uri)
            .header("accept", "application/json")
            .body(Full::default())
            .unwrap()
    };
    assert_eq!(stack.clone().oneshot(agents()).await.unwrap().status(), 200);
    platform.revoke_all();
    assert_eq!(stack.oneshot(agents()).await.unwrap().status(), 200);
    assert_eq!(platform.counters().token_requests, 2);
}

#[tokio::test(start_paused = true)]
async fn cxone_dropped_at_any_moment_of_its_discovery_works_the_next_time() {
    for discovers in [true, false] {
        let mut ended = false;
        for polls in 1..100 {
            let platform = sim::Cxone::builder().latency(SECOND / 50).build();
            let source = cxone_source(&platform);
            if discovers {
                ended = polled(source.discover(), polls).await;
            } else {
                ended = polled(source.fetch(), polls).await;
            }
            // Whatever is on its way may arrive.
            let next = timeout(SECOND, source.fetch()).await;
            next.unwrap_or_else(|_| panic!("hangs after {polls} polls"))
                .unwrap();
            assert!(source.audience().is_some(), "after {polls} polls");
            let api = timeout(SECOND, source.discover()).await.unwrap().unwrap();
            assert_eq!(api, platform.api_url(), "after {polls} polls");
            // The three steps, the one that was cut off, and none that was done already.
            let counters = platform.counters();
            let asked = counters.discovery_requests + counters.token_requests;
            assert!(asked <= 4, "{asked} requests after {polls} polls");
            if ended {
                break;
            }
        }
        assert!(ended, "it was never polled to its end");
    }
}

/// Whether `future` ended within so many polls.
async fn polled(future: impl Future, polls: usize) -> bool {
    let mut future = pin!(future);
    let mut left = polls;
    poll_fn(|cx| {
        left -= 1;
        match future.as_mut().poll(cx) {
            Poll::Ready(_) => Poll::Ready(true),
            Poll::Pending if left == 0 => Poll::Ready(false),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}
