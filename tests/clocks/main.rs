//! Clocks that disagree: what they really spoil is cured, and what they cannot spoil costs nothing.

#![allow(clippy::unwrap_used, reason = "test code")]

mod dates;
mod issuer;
#[path = "../logged.rs"]
mod logged;
mod recovery;
mod refusing_route;
mod ripening;
mod several_hosts;
mod sockets;
#[path = "../support.rs"]
mod support;
mod told;
mod wall;

use std::time::Duration;

use bytes::Bytes;
use clearance::{
    RateLimitBackoff, RateLimitBackoffLayer, Retry401, Retry401Layer, SkewAuth, SkewAuthLayer,
};
use clearance_genesys::{GenesysCloud, Region};
use clearance_oauth::HttpService;
use clearance_test::sim::Genesys;
use http::{Request, Response};
use http_body_util::Full;
use tokio::time::{Instant, sleep};
use tower::{Service, ServiceBuilder, ServiceExt};

type Body = Full<Bytes>;

fn source(login: &str, api: &str) -> GenesysCloud {
    GenesysCloud::new(Region::UsEast1, Genesys::CLIENT_ID, Genesys::CLIENT_SECRET)
        .and_then(|source| source.with_login_url(login))
        .and_then(|source| source.with_api_url(api))
        .unwrap()
}

fn piped(platform: &Genesys) -> GenesysCloud<impl HttpService> {
    source(platform.login_url(), platform.api_url()).with_client(platform.client::<Body>())
}

/// The three layers in the recommended order.
fn all_three<S: Clone>(auth: SkewAuthLayer, client: S) -> Retry401<RateLimitBackoff<SkewAuth<S>>> {
    ServiceBuilder::new()
        .layer(Retry401Layer::new())
        .layer(RateLimitBackoffLayer::new())
        .layer(auth)
        .service(client)
}

/// One caller's calls: when each began, how long it took, and its status.
type Calls = Vec<(Duration, Duration, u16)>;

/// Callers that call again and again, each `pause` after its last call ended, until `length` has gone by.
async fn hammer<S, R>(
    count: usize,
    pause: Duration,
    length: Duration,
    url: &str,
    stack: &S,
) -> Calls
where
    S: Service<Request<Body>, Response = Response<R>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: std::fmt::Display + Send,
    R: Send,
{
    let start = Instant::now();
    let callers = (0..count).map(|nth| {
        let (stack, url) = (stack.clone(), url.to_owned());
        tokio::spawn(async move {
            let mut calls = Vec::new();
            sleep(pause.mul_f64(nth as f64 / count as f64)).await;
            while start.elapsed() < length {
                let began = Instant::now();
                let request = Request::get(&url).body(Full::default()).unwrap();
                let status = match stack.clone().oneshot(request).await {
                    Ok(response) => response.status().as_u16(),
                    Err(error) => panic!("a call failed: {error}"),
                };
                calls.push((began - start, began.elapsed(), status));
                sleep(pause).await;
            }
            calls
        })
    });
    let mut calls = Vec::new();
    for caller in callers.collect::<Vec<_>>() {
        calls.extend(caller.await.unwrap());
    }
    calls
}
