//! Streamed uploads with a refusal in the way: they arrive whole, or the refusal comes back.
#![allow(clippy::unwrap_used, reason = "test code")]

mod api;
mod sizes;
#[path = "../tls/mod.rs"]
mod tls;
mod unfinished;

use std::{future::Future, io, sync::LazyLock, time::Duration};

use bytes::Bytes;
use clearance::{RateLimitBackoffLayer, ReplayBody, ReplayBodyLayer, Retry401Layer, SkewAuthLayer};
use clearance_test::ScriptedSource;
use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use sha2::{Digest, Sha256};
use tls::{Authority, BoxError, Protocol, Server, TlsClient};
use tokio::time::timeout;
use tower::{ServiceBuilder, ServiceExt};

type Hash = [u8; 32];
type Reply = Response<Incoming>;

const KIB: usize = 1024;
const DEADLINE: Duration = Duration::from_secs(30);

/// 10 MiB of which no part is like another.
static CONTENT: LazyLock<Bytes> = LazyLock::new(|| {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut content = Vec::with_capacity(10 * KIB * KIB);
    while content.len() < 10 * KIB * KIB {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        content.extend_from_slice(&state.to_le_bytes());
    }
    content.into()
});

fn hash(content: &[u8]) -> Hash {
    Sha256::digest(content).into()
}

async fn bounded<T>(what: impl Future<Output = T>) -> T {
    timeout(DEADLINE, what).await.expect("a call hangs")
}

fn stack<B>(
    client: TlsClient<ReplayBody<B>>,
) -> impl tower::Service<Request<B>, Response = Reply, Error = BoxError>
where
    B: Body<Data = Bytes, Error = io::Error> + Send + Unpin + 'static,
{
    ServiceBuilder::new()
        .layer(ReplayBodyLayer::new())
        .layer(Retry401Layer::new())
        .layer(RateLimitBackoffLayer::new())
        .layer(SkewAuthLayer::new(ScriptedSource::new(["stale", "fresh"])))
        .service(client)
}

async fn upload<B>(
    authority: &Authority,
    protocol: Protocol,
    to: &Server,
    body: B,
) -> Result<Reply, BoxError>
where
    B: Body<Data = Bytes, Error = io::Error> + Send + Unpin + 'static,
{
    let request = Request::post(to.url()).body(body).unwrap();
    bounded(stack(authority.client(protocol)).oneshot(request)).await
}
