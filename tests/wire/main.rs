//! The layers and the vendors' sources against the simulated platforms, over HTTP in memory: exact virtual time.

#![allow(clippy::unwrap_used, reason = "test code")]

mod calls;
mod cxone;
mod issuer;

use std::time::Duration;

use bytes::Bytes;
use clearance::{
    RateLimitBackoff, RateLimitBackoffLayer, Retry401, Retry401Layer, SkewAuth, SkewAuthLayer,
};
use clearance_genesys::{GenesysCloud, Region};
use clearance_oauth::HttpService;
use clearance_test::sim;
use http::Request;
use http_body_util::Full;
use tower::ServiceBuilder;

type Body = Full<Bytes>;

const SECOND: Duration = Duration::from_secs(1);

fn genesys_source(platform: &sim::Genesys) -> GenesysCloud<impl HttpService> {
    GenesysCloud::new(
        Region::UsEast1,
        sim::Genesys::CLIENT_ID,
        sim::Genesys::CLIENT_SECRET,
    )
    .and_then(|source| source.with_login_url(platform.login_url()))
    .and_then(|source| source.with_api_url(platform.api_url()))
    .unwrap()
    .with_client(platform.client::<Body>())
}

/// The three layers in the recommended order.
fn stack<S: Clone>(auth: SkewAuthLayer, client: S) -> Retry401<RateLimitBackoff<SkewAuth<S>>> {
    ServiceBuilder::new()
        .layer(Retry401Layer::new())
        .layer(RateLimitBackoffLayer::new())
        .layer(auth)
        .service(client)
}

fn users(platform: &sim::Genesys) -> Request<Body> {
    Request::get(format!("{}/api/v2/users", platform.api_url()))
        .body(Full::default())
        .unwrap()
}
