//! The copy of a request that a replay is made of.

use std::sync::Arc;

#[cfg(feature = "rate-limit-backoff")]
use http::Method;
use http::{Request, request::Parts};
use tokio::time::Instant;

#[cfg(feature = "retry-401")]
use super::handed;
use super::{Replay, head::Head};

/// A request as it was before it was sent.
#[derive(Debug)]
pub(crate) struct KeptRequest<B> {
    head: Arc<Head>,
    body: B,
}

impl<B: Replay> KeptRequest<B> {
    /// A copy of `request`, whose head may have been [handed over](super::handed_to). `None` if its body cannot be sent
    /// twice.
    pub(crate) fn of(request: &Request<B>, handed: Option<Arc<Head>>) -> Option<Self> {
        let body = request.body().keep()?;
        let head = handed.unwrap_or_else(|| Head::of(request));
        Some(Self { head, body })
    }

    /// The head as it was before the request was sent.
    pub(crate) fn head(&self) -> Parts {
        self.head.parts()
    }

    #[cfg(feature = "rate-limit-backoff")]
    #[inline]
    pub(crate) fn method(&self) -> &Method {
        self.head.method()
    }

    /// Of a gRPC call: when nobody waits for its reply any more.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.head.deadline()
    }

    /// The request once more. `None` if its body turned out to be longer than can be kept.
    pub(crate) fn again(&self) -> Option<Request<B>> {
        let body = self.body.again()?;
        Some(Request::from_parts(self.head(), body))
    }
}

#[cfg(feature = "retry-401")]
impl<B> KeptRequest<B> {
    /// To be done right before the request that this is a copy of is sent by an `S`: if that keeps requests, too, it has
    /// the head from here.
    pub(crate) fn hand_over<S>(&self) -> handed::HandedOver {
        handed::hand_over::<S>(self.head.clone())
    }
}
