//! The copy of a request that a replay is made of.

use http::{Request, request::Parts};

use super::Replay;

/// A request's head and body as they were before it was sent.
#[derive(Debug)]
pub(crate) struct KeptRequest<B> {
    head: Parts,
    body: B,
}

impl<B: Replay> KeptRequest<B> {
    /// Keeps a copy of `request`. `None` if its body cannot be sent twice.
    pub(crate) fn of(request: Request<B>) -> (Request<B>, Option<Self>) {
        let (head, body) = request.into_parts();
        let kept = body.again().map(|body| Self {
            head: head.clone(),
            body,
        });
        (Request::from_parts(head, body), kept)
    }

    /// The head as it was before the request was sent.
    #[cfg(feature = "rate-limit-backoff")]
    pub(crate) fn head(&self) -> &Parts {
        &self.head
    }

    /// The request once more. `None` if its body turned out to be longer than can be kept.
    pub(crate) fn again(&self) -> Option<Request<B>> {
        Some(Request::from_parts(self.head.clone(), self.body.again()?))
    }
}
