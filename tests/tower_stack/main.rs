//! The layers among those of tower and tower-http: all of them in one stack, and where in it each belongs. On paused time.

#![allow(clippy::unwrap_used, reason = "test code")]

mod awaited;
mod decompression;
mod limits;
#[path = "../logged.rs"]
mod logged;
mod redirects;
mod retry;
mod server;
#[path = "../streamed.rs"]
mod streamed;
mod timeouts;
mod traces;
mod whole;

use std::time::Duration;

use clearance::{
    Audience, RateLimitBackoff, RateLimitBackoffLayer, ReplayBody, ReplayBodyLayer, Retry401,
    Retry401Layer, SkewAuth, SkewAuthLayer, replay::ReplayBodyService,
};
use clearance_test::ScriptedSource;
use http::{Method, Request, Response};
use http_body::Body;
use http_body_util::BodyExt;
use streamed::Streamed;
use tower::ServiceBuilder;

type BoxError = Box<dyn std::error::Error + Send + Sync>;
type Upload = ReplayBody<Streamed>;

const SECOND: Duration = Duration::from_secs(1);
const API: &str = "https://api.example.com";

/// Two tokens, of which a server refuses the first; for `api.example.com` alone.
fn tokens() -> ScriptedSource {
    ScriptedSource::new(["stale", "fresh"]).with_audience(Audience::origin(API).unwrap())
}

fn request(method: Method, url: &str) -> Request<Streamed> {
    Request::builder()
        .method(method)
        .uri(url)
        .body(Streamed::default())
        .unwrap()
}

async fn text<B: Body<Error: std::fmt::Debug>>(reply: Response<B>) -> String {
    let body = reply.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(body.to_vec()).unwrap()
}

fn agents() -> Request<Streamed> {
    request(Method::GET, &format!("{API}/agents"))
}

/// The three layers and what keeps a body for them, in the recommended order.
fn recommended<S: Clone>(
    auth: SkewAuthLayer,
    service: S,
) -> ReplayBodyService<Retry401<RateLimitBackoff<SkewAuth<S>>>> {
    ServiceBuilder::new()
        .layer(ReplayBodyLayer::new())
        .layer(Retry401Layer::new())
        .layer(RateLimitBackoffLayer::new())
        .layer(auth)
        .service(service)
}
