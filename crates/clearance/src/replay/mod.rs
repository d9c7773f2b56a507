//! Sending a request twice: which bodies allow it, and a layer that makes any body one of them.
//!
//! A `Clone` body (`http_body_util::Full`, `Empty`, `String`) is sent twice by cloning it. Any other one can be, when
//! [`ReplayBodyLayer`] is the outermost layer: it keeps what it has sent of a body, until that is too much.
//!
//! ```
//! use bytes::Bytes;
//! use clearance::{ReplayBodyLayer, Retry401Layer, SkewAuthLayer};
//! use clearance_test::ScriptedSource;
//! use http::{Request, Response, StatusCode, header::AUTHORIZATION};
//! use http_body_util::{BodyExt, Full, combinators::UnsyncBoxBody};
//! use tower::{ServiceBuilder, ServiceExt, service_fn};
//! # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(async {
//!
//! // A server that reads the whole body, and only then says that it has revoked the first token.
//! let server = service_fn(|request: Request<_>| async move {
//!     let (head, body) = request.into_parts();
//!     let body = clearance::ReplayBody::collect(body).await?.to_bytes();
//!     let revoked = head.headers[AUTHORIZATION] == "Bearer stale";
//!     let status = if revoked { StatusCode::UNAUTHORIZED } else { StatusCode::OK };
//!     Ok::<_, Box<dyn std::error::Error + Send + Sync>>(Response::builder().status(status).body(Full::new(body))?)
//! });
//! let client = ServiceBuilder::new()
//!     .layer(ReplayBodyLayer::new())
//!     .layer(Retry401Layer::new())
//!     .layer(SkewAuthLayer::new(ScriptedSource::new(["stale", "fresh"])))
//!     .service(server);
//!
//! // A body that is not `Clone`.
//! let upload: UnsyncBoxBody<Bytes, _> = Full::<Bytes>::from("an upload").boxed_unsync();
//! let reply = client.oneshot(Request::put("https://api.example.com/file").body(upload)?).await?;
//! assert_eq!(reply.status(), StatusCode::OK);
//! assert_eq!(reply.into_body().collect().await?.to_bytes(), "an upload");
//! # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(()) }).unwrap();
//! ```
//!
//! # How it decides
//!
//! 1. **Frames are kept as they are first sent**, shared and not copied where they are `Bytes`, with the trailers and the
//!    size hint. Both retrying layers share the one buffer, and of a body without frames there is none. They also share one
//!    copy of the request's head, with every body, if `Retry401` is right over `RateLimitBackoff`.
//! 2. **Past the bound** (64 KiB), or in more than 2048 frames (with a larger bound, one in 32 bytes of it), what was kept
//!    is let go, and the body is sent once, as if the layer were not there. A body whose length is known to be larger is not even begun to be kept.
//! 3. **A body that fails** fails for whoever sends it, with its own error, and is not sent again. Nor is one that ends
//!    before or after the length that it told.
//! 4. **A replay that begins before the first sending had read everything** sends what is kept, and reads on from there.
//!    The first sending ends with [`ReplayBodyError::Superseded`] where it would need more.
//!
//! A body that cannot be sent twice is never sent empty or in part instead: its request is sent once, and its reply, a 401
//! or a 429, is returned.
//!
//! # Caveats
//!
//! * `B: Unpin`, as it moves from one sending to the next: `Box::pin(body)` makes any body so.
//! * The inner service gets a `ReplayBody<B>`. hyper-util's client and axum's `Router` take it as it is; a client with a
//!   body type of its own wants one line below the stack: `.map_request(|r: Request<ReplayBody<_>>| r.map(Body::new))`.
//! * One request has one sending at a time, the one that began last: it is not for hedging.

mod body;
mod drain;
mod frames;
#[cfg_attr(
    not(all(feature = "retry-401", feature = "rate-limit-backoff")),
    allow(dead_code, reason = "it takes two layers")
)]
mod handed;
mod head;
mod kept;
mod layer;
mod source;
mod spare;

pub use self::{
    body::ReplayBody,
    layer::{ReplayBodyLayer, ReplayBodyService},
    source::ReplayBodyError,
};
pub(crate) use self::{drain::Drain, kept::KeptRequest, spare::Spare};
#[cfg(feature = "rate-limit-backoff")]
pub(crate) use self::{handed::handed_to, head::Head};

/// Whether doing it twice is as good as once: an idempotent method (RFC 9110 §9.2.2), or a key by which the server knows
/// the request again.
pub(crate) fn is_idempotent(method: &http::Method, headers: &http::HeaderMap) -> bool {
    method.is_idempotent() || headers.contains_key("idempotency-key")
}

/// A request body that can be sent twice. Every `Clone` body is one, and so is [`ReplayBody`].
///
/// ```
/// use clearance::Replay;
/// use http_body_util::Full;
/// use bytes::Bytes;
///
/// let body = Full::<Bytes>::from("hello");
/// assert!(body.again().is_some());
/// ```
#[diagnostic::on_unimplemented(
    message = "the request body `{Self}` cannot be sent twice",
    note = "make `clearance::ReplayBodyLayer` the outermost layer, which makes any `http_body::Body + Unpin` replayable",
    note = "or use a body that is `Clone`, such as `http_body_util::Full<Bytes>`, or implement `Replay` for it"
)]
pub trait Replay: Sized {
    /// The same body from its beginning, sharing what it can. `None` if it can no longer be sent again.
    ///
    /// Other copies that are being sent may be cut off.
    fn again(&self) -> Option<Self>;

    /// What [`again`](Self::again) is asked of later. This body itself is sent before that.
    #[doc(hidden)]
    fn keep(&self) -> Option<Self> {
        self.again()
    }
}

#[diagnostic::do_not_recommend]
impl<B: Clone> Replay for B {
    fn again(&self) -> Option<Self> {
        Some(self.clone())
    }
}

#[cfg(test)]
mod tests {
    use std::{
        convert::Infallible,
        task::{Context, Poll, Waker},
    };

    use bytes::Bytes;
    use http::{HeaderMap, HeaderValue, Method, Request};
    use http_body_util::Full;
    use tower_layer::Layer;
    use tower_service::Service;

    use super::*;

    #[test]
    fn a_method_or_a_key_makes_a_request_idempotent() {
        let none = HeaderMap::new();
        let mut keyed = HeaderMap::new();
        keyed.insert("idempotency-key", HeaderValue::from_static("7"));
        for (method, idempotent) in [
            (Method::GET, true),
            (Method::PUT, true),
            (Method::DELETE, true),
            (Method::POST, false),
            (Method::PATCH, false),
        ] {
            assert_eq!(is_idempotent(&method, &none), idempotent, "{method}");
            assert!(is_idempotent(&method, &keyed), "{method}");
        }
    }

    #[test]
    fn a_body_that_can_be_cloned_is_sent_again() {
        let body = Full::<Bytes>::from("hello");
        assert!(body.again().is_some());
    }

    #[test]
    fn up_to_64_kib_are_kept_and_as_much_as_is_said() {
        let zeros = |length| Full::from(Bytes::from(vec![0; length]));
        assert!(ReplayBody::new(zeros(65_536)).again().is_some());
        assert!(ReplayBody::new(zeros(65_537)).again().is_none());

        let kept = tower::service_fn(|request: Request<ReplayBody<Full<Bytes>>>| {
            std::future::ready(Ok::<_, Infallible>(request.body().again().is_some()))
        });
        for (layer, is_kept) in [
            (ReplayBodyLayer::new(), true),
            (ReplayBodyLayer::new().max_buffered(5), true),
            (ReplayBodyLayer::new().max_buffered(4), false),
        ] {
            let called = layer.layer(kept).call(Request::new(zeros(5)));
            assert_eq!(called.into_inner(), Ok(is_kept));
        }
    }

    #[test]
    fn readiness_is_the_inner_services() {
        #[derive(Debug)]
        struct NeverReady;
        impl Service<Request<ReplayBody<Full<Bytes>>>> for NeverReady {
            type Response = ();
            type Error = Infallible;
            type Future = std::future::Ready<Result<(), Infallible>>;

            fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
                Poll::Pending
            }

            fn call(&mut self, _: Request<ReplayBody<Full<Bytes>>>) -> Self::Future {
                unreachable!("it is never ready")
            }
        }
        let mut service = ReplayBodyLayer::new().layer(NeverReady);
        let ready = Service::<Request<Full<Bytes>>>::poll_ready(
            &mut service,
            &mut Context::from_waker(Waker::noop()),
        );
        assert!(ready.is_pending());
    }

    #[test]
    fn what_is_shown_says_what_happened_and_nothing_of_the_body() {
        let body = ReplayBody::new(Full::<Bytes>::from("s3cret"));
        let shown = format!("{body:?}");
        assert!(shown.starts_with("ReplayBody") && !shown.contains("s3cret"));
        let request = Request::get("https://a.example.com/?key=s3cret")
            .header("authorization", "s3cret")
            .body(());
        let shown = format!("{:?}", head::Head::of(&request.unwrap()));
        assert!(shown.contains("GET") && !shown.contains("s3cret"));
        for (error, said) in [
            (ReplayBodyError::Superseded, "sent again"),
            (ReplayBodyError::NotKept, "longer than is kept"),
        ] {
            assert!(error.to_string().contains(said), "{error}");
        }
    }
}
