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
//!    size hint. Both retrying layers share the one buffer, and the one copy of the request's head that goes with it.
//! 2. **Past the bound** (64 KiB, in 2048 frames at most) what was kept is let go, and the body is sent once, as if
//!    the layer were not there. A body whose length is known to be larger is not even begun to be kept.
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
mod head;
mod kept;
mod layer;
mod source;

pub use self::{
    body::ReplayBody,
    layer::{ReplayBodyLayer, ReplayBodyService},
    source::ReplayBodyError,
};
pub(crate) use self::{drain::Drain, kept::KeptRequest};

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

    /// Where the head of its request is kept, for all layers that keep one.
    #[doc(hidden)]
    fn seat(&self) -> Option<&head::Seat> {
        None
    }
}

#[diagnostic::do_not_recommend]
impl<B: Clone> Replay for B {
    fn again(&self) -> Option<Self> {
        Some(self.clone())
    }
}
