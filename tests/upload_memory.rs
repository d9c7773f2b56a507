//! What a long streamed upload through the stack takes in memory, against the same one over the client alone.
//!
//! In a binary of its own: all that the process allocates is counted, the server's part included.
#![allow(clippy::unwrap_used, reason = "test code")]

mod tls;

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use clearance::{RateLimitBackoffLayer, ReplayBodyLayer, Retry401Layer, SkewAuthLayer};
use clearance_test::ScriptedSource;
use http::{Request, Response};
use http_body::{Body, Frame};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use peak_alloc::PeakAlloc;
use tls::{Authority, BoxError, HOST, Protocol, Server};
use tokio::time::{Instant, timeout};
use tower::{Service, ServiceBuilder, ServiceExt};

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

const MIB: usize = 1024 * 1024;
const FRAME: usize = 64 * 1024;

/// How long the uploads are. Unoptimised h2 is slow, and what is kept of a body shows after the first MiB.
const UPLOADS: [(Protocol, usize); 2] = [
    (Protocol::Http1, 1024 * MIB),
    (
        Protocol::Http2,
        if cfg!(debug_assertions) { 256 } else { 1024 } * MIB,
    ),
];

/// What the layers may take on top.
const ALLOWED: usize = 16 * MIB;

/// An upload that is made as it is sent. Each frame is memory of its own, so that what is kept of it counts.
struct Generated {
    left: usize,
}

impl Body for Generated {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let next = self.left.min(FRAME);
        self.left -= next;
        let frame = || Ok(Frame::data(Bytes::from(vec![0x5a; next])));
        Poll::Ready((next > 0).then(frame))
    }
}

/// Reads a body to its end and tells how long it was.
async fn discard(request: Request<Incoming>) -> Response<Full<Bytes>> {
    let mut body = request.into_body();
    let mut length = 0;
    while let Some(frame) = body.frame().await {
        length += frame.unwrap().data_ref().map_or(0, Bytes::len);
    }
    Response::new(Full::from(length.to_string()))
}

/// The most that was allocated at a time during an upload, beyond what was there before.
async fn peak_of<S>(client: S, server: &Server, length: usize) -> usize
where
    S: Service<Request<Generated>, Response = Response<Incoming>, Error: Into<BoxError>>,
{
    let before = MEMORY.current_usage();
    MEMORY.reset_peak_usage();
    // Without a length, so that the layers have to find out that it is too much to keep.
    let request = Request::post(server.url())
        .body(Generated { left: length })
        .unwrap();
    let reply = client.oneshot(request).await.map_err(Into::into).unwrap();
    let arrived = reply.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(arrived, length.to_string());
    MEMORY.peak_usage() - before
}

async fn uploads_over(protocol: Protocol, length: usize) {
    let authority = Authority::new();
    let server = Server::start(&authority.issue(HOST), discard).await;
    let start = Instant::now();
    let plain = peak_of(authority.client(protocol), &server, length).await;
    let took = start.elapsed();
    let stack = ServiceBuilder::new()
        .layer(ReplayBodyLayer::new())
        .layer(Retry401Layer::new())
        .layer(RateLimitBackoffLayer::new())
        .layer(SkewAuthLayer::new(ScriptedSource::new(["t0k3n"])))
        .service(authority.client(protocol));
    let start = Instant::now();
    let stack = peak_of(stack, &server, length).await;
    println!(
        "{protocol:?}: {} MiB took {} KiB and {took:?} over the client alone, {} KiB and {:?} through the stack",
        length / MIB,
        plain / 1024,
        stack / 1024,
        start.elapsed()
    );
    assert!(
        stack <= plain + ALLOWED,
        "{protocol:?}: {plain} bytes over the client alone, {stack} through the stack"
    );
}

// One after the other: the memory is that of the whole process.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gibibyte_through_the_stack_takes_little_more_memory_than_without_it() {
    for (protocol, length) in UPLOADS {
        timeout(Duration::from_secs(60), uploads_over(protocol, length))
            .await
            .expect("an upload hangs");
    }
}
