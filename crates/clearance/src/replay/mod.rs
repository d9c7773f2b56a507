//! Sending a request twice: which bodies allow it, what is kept for it, and what is done with the reply that is given up.
//!
//! A body that cannot be sent twice is never sent empty or in part instead: its request is sent once.

#[cfg(any(feature = "retry-401", feature = "rate-limit-backoff"))]
mod drain;
#[cfg(any(feature = "retry-401", feature = "rate-limit-backoff"))]
mod kept;

#[cfg(any(feature = "retry-401", feature = "rate-limit-backoff"))]
pub(crate) use self::{drain::Drain, kept::KeptRequest};

/// Whether doing it twice is as good as once: an idempotent method (RFC 9110 §9.2.2), or a key by which the server knows
/// the request again.
#[cfg(any(feature = "retry-401", feature = "rate-limit-backoff"))]
pub(crate) fn is_idempotent(method: &http::Method, headers: &http::HeaderMap) -> bool {
    method.is_idempotent() || headers.contains_key("idempotency-key")
}

/// A request body that can be sent twice. Every `Clone` body is one: `http_body_util::Full`, `Empty`, `String`.
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
    note = "use a body that is `Clone`, such as `http_body_util::Full<Bytes>`, or implement `Replay` for it"
)]
pub trait Replay: Sized {
    /// The same body from its beginning, sharing what it can. `None` if it can no longer be sent again.
    fn again(&self) -> Option<Self>;
}

#[diagnostic::do_not_recommend]
impl<B: Clone> Replay for B {
    fn again(&self) -> Option<Self> {
        Some(self.clone())
    }
}
