//! The future of a reply.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use clearance_core::TokenError;
use http::{Request, Response};
use pin_project_lite::pin_project;
use tower_service::Service;

use super::{
    BoxError,
    cold::{Cold, Unsent},
    sent::{Sent, answered},
};
use crate::token_cache::{Shared, Waiting};

pin_project! {
    /// The future of [`SkewAuth`](super::SkewAuth).
    pub struct ResponseFuture<S, B>
    where
        S: Service<Request<B>>,
    {
        #[pin]
        state: State<S, B>,
        // What it carries, as soon as it is sent.
        sent: Option<Sent>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<S, B>
    where
        S: Service<Request<B>>,
    {
        Sent { #[pin] future: S::Future },
        Unsent { unsent: Pin<Box<Unsent<S, B>>> },
    }
}

impl<S: Service<Request<B>>, B> ResponseFuture<S, B> {
    #[inline(always)]
    pub(super) fn sent(future: S::Future, sent: Option<Sent>) -> Self {
        let state = State::Sent { future };
        Self { state, sent }
    }

    pub(super) fn waiting(
        unready: S,
        shared: Arc<Shared>,
        request: Request<B>,
        min: Duration,
        waiting: Waiting,
    ) -> Self
    where
        S: Clone,
    {
        let cold = Cold::new(unready, shared, request, min, waiting);
        Self::unsent(Unsent::Waiting(cold))
    }

    pub(super) fn failed(error: TokenError) -> Self {
        Self::unsent(Unsent::Failed(Some(error)))
    }

    fn unsent(unsent: Unsent<S, B>) -> Self {
        let unsent = Box::pin(unsent);
        let state = State::Unsent { unsent };
        Self { state, sent: None }
    }
}

impl<S, B, ResBody> Future for ResponseFuture<S, B>
where
    S: Service<Request<B>, Response = Response<ResBody>> + Clone,
    S::Error: Into<BoxError>,
{
    type Output = Result<Response<ResBody>, BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            match this.state.as_mut().project() {
                StateProj::Sent { future } => {
                    let response = match future.poll(cx) {
                        Poll::Ready(Ok(response)) => response,
                        Poll::Ready(Err(error)) => {
                            // Whoever keeps this future must not keep the trial of a token with it.
                            *this.sent = None;
                            return Poll::Ready(Err(error.into()));
                        }
                        Poll::Pending => return Poll::Pending,
                    };
                    let is_no_news = |sent: &Sent| sent.is_no_news(&response);
                    if this.sent.as_ref().is_some_and(is_no_news) {
                        return Poll::Ready(Ok(response));
                    }
                    return Poll::Ready(Ok(answered(this.sent.take(), response)));
                }
                StateProj::Unsent { unsent } => {
                    let (future, sent) = ready!(unsent.as_mut().poll(cx))?;
                    this.state.set(State::Sent { future });
                    *this.sent = sent;
                }
            }
        }
    }
}

impl<S: Service<Request<B>>, B> fmt::Debug for ResponseFuture<S, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
