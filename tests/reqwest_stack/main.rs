//! The layers on reqwest, by the adapter of the examples: on loopback sockets, in real time.

#![allow(clippy::unwrap_used, reason = "test code")]

mod cures;
mod destinations;
#[path = "../../examples/reqwest_adapter.rs"]
mod reqwest_adapter;
mod spawned;
#[path = "../streamed.rs"]
mod streamed;
#[path = "../tls/mod.rs"]
mod tls;
mod visited;

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use clearance::{
    RateLimitBackoffLayer, ReplayBodyLayer, Retry401Layer, SkewAuthLayer, TokenSource,
};
use http::{Request, Response};
use http_body_util::BodyExt;
use reqwest_adapter::ReqwestService;
use rustls::{ClientConfig, RootCertStore, crypto::ring};
use streamed::Streamed;
use tokio::time::timeout;
use tower::{Service, ServiceBuilder, ServiceExt};

type BoxError = Box<dyn std::error::Error + Send + Sync>;
type Reply = Response<reqwest::Body>;

/// For a machine that is busy with other things.
const LONG: Duration = Duration::from_secs(30);

fn reqwest(roots: RootCertStore) -> ReqwestService {
    let tls = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let builder = reqwest::Client::builder().tls_backend_preconfigured(tls);
    ReqwestService::new(builder.no_proxy()).unwrap()
}

/// The recommended stack over reqwest.
fn stack(
    source: impl TokenSource,
    reqwest: ReqwestService,
) -> impl Service<Request<Streamed>, Response = Reply, Error = BoxError, Future: Send> + Clone + Send
{
    ServiceBuilder::new()
        .layer(ReplayBodyLayer::new())
        .layer(Retry401Layer::new())
        .layer(RateLimitBackoffLayer::new())
        .layer(SkewAuthLayer::new(source))
        .service(reqwest)
}

async fn send<S>(stack: &S, request: Request<Streamed>) -> Result<Reply, BoxError>
where
    S: Service<Request<Streamed>, Response = Reply, Error = BoxError> + Clone,
{
    timeout(LONG, stack.clone().oneshot(request))
        .await
        .expect("a call hangs")
}

async fn read(reply: Reply) -> Bytes {
    let body = timeout(LONG, reply.into_body().collect())
        .await
        .expect("a body hangs");
    body.unwrap().to_bytes()
}

fn get(url: &str) -> Request<Streamed> {
    Request::get(url).body(Streamed::default()).unwrap()
}
