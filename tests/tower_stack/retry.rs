//! tower's `Retry` above the layers: which bodies can its policy send again?

use std::future::{Ready, ready};

use clearance::{RateLimitBackoffLayer, Replay, ReplayBodyLayer, Retry401Layer, SkewAuthLayer};
use http::{HeaderName, Request, Response, StatusCode, Version, header::CONTENT_TYPE};
use tower::{
    ServiceBuilder, ServiceExt,
    retry::{Policy, RetryLayer},
};

use crate::{
    API, SECOND,
    server::{Reply, Server, limited, reply, with},
    streamed::{Streamed, pattern},
    tokens,
};

/// A policy of tower's `Retry`: once more where the server was not available. The requests are not `Clone`, their bodies
/// can say whether they can be sent again.
#[derive(Clone)]
pub(crate) struct OnceMore {
    left: usize,
}

impl OnceMore {
    pub(crate) const fn new() -> Self {
        Self { left: 1 }
    }
}

impl<B: Replay, R, E> Policy<Request<B>, Response<R>, E> for OnceMore {
    type Future = Ready<()>;

    fn retry(
        &mut self,
        request: &mut Request<B>,
        result: &mut Result<Response<R>, E>,
    ) -> Option<Ready<()>> {
        let failed =
            matches!(result, Ok(reply) if reply.status() == StatusCode::SERVICE_UNAVAILABLE);
        let left = self.left.checked_sub(1).filter(|_| failed)?;
        // It was kept when the call began. While it was sent it may have turned out to be too long.
        request.body().again()?;
        self.left = left;
        Some(ready(()))
    }

    fn clone_request(&mut self, request: &Request<B>) -> Option<Request<B>> {
        let mut again = Request::new(request.body().again()?);
        again.method_mut().clone_from(request.method());
        again.uri_mut().clone_from(request.uri());
        *again.version_mut() = request.version();
        again.headers_mut().clone_from(request.headers());
        again.extensions_mut().clone_from(request.extensions());
        Some(again)
    }
}

#[tokio::test(start_paused = true)]
async fn a_retry_policy_sends_a_kept_body_again_and_no_other() {
    for (length, sends) in [(0, 2), (1, 2), (64 * 1024, 2), (64 * 1024 + 1, 1)] {
        let server = Server::new(|_, before| Some(reply([503, 200][before.min(1)])));
        let stack = ServiceBuilder::new()
            .layer(ReplayBodyLayer::new())
            .layer(RetryLayer::new(OnceMore::new()))
            .layer(Retry401Layer::new())
            .layer(RateLimitBackoffLayer::new())
            .layer(SkewAuthLayer::new(tokens()))
            .service(server.service());
        let bytes = pattern(length);
        for (kind, body) in [
            ("chunked", Streamed::chunked(bytes.clone(), 1_000)),
            ("with a length", Streamed::with_length(bytes.clone(), 1_000)),
        ] {
            server.seen().clear();
            let put = Request::put(API).body(body).unwrap();
            let answer = stack.clone().oneshot(put).await.unwrap();
            let status = if sends == 2 { 200 } else { 503 };
            assert_eq!(answer.status(), status, "{length} bytes, {kind}");
            assert_eq!(server.sends(), sends, "{length} bytes, {kind}");
            assert!(server.seen().iter().all(|seen| seen.body == bytes));
        }
    }
}

/// A reply of gRPC without messages.
fn status(code: &str) -> Reply {
    let reply = with(reply(200), CONTENT_TYPE, "application/grpc");
    with(reply, HeaderName::from_static("grpc-status"), code)
}

/// A call that has two seconds is sent again, as it was, when one is over.
#[tokio::test(start_paused = true)]
async fn each_attempt_of_a_call_has_the_whole_time_of_its_grpc_timeout() {
    for limits in [false, true] {
        let server = Server::new(move |seen, before| match before {
            0 => Some(reply(503)),
            1 if limits => limited(1),
            _ if seen.token == "stale" && !limits => Some(status("16")),
            _ => Some(status("0")),
        });
        let stack = ServiceBuilder::new()
            .layer(ReplayBodyLayer::new())
            .layer(RetryLayer::new(OnceMore::new()))
            .layer(Retry401Layer::new())
            .layer(RateLimitBackoffLayer::new())
            .layer(SkewAuthLayer::new(tokens().with_delay(SECOND)))
            .service(server.service());
        let call = Request::post(API)
            .version(Version::HTTP_2)
            .header("grpc-timeout", "2S")
            .body(Streamed::chunked(pattern(5), 5));
        let answer = stack.oneshot(call.unwrap()).await.unwrap();
        assert_eq!(answer.status(), 200, "limits: {limits}");
        assert_eq!(answer.headers()["grpc-status"], "0", "limits: {limits}");
        assert_eq!(server.sends(), 3);
    }
}
