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
    cold::Cold,
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
    }
}

pin_project! {
    #[project = StateProj]
    enum State<S, B>
    where
        S: Service<Request<B>>,
    {
        Sent { #[pin] future: S::Future, sent: Option<Sent> },
        Waiting { cold: Pin<Box<Cold<S, B>>> },
        Failed { error: Option<TokenError> },
    }
}

impl<S: Service<Request<B>>, B> ResponseFuture<S, B> {
    pub(super) fn sent(future: S::Future, sent: Option<Sent>) -> Self {
        Self {
            state: State::Sent { future, sent },
        }
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
        Self {
            state: State::Waiting {
                cold: Box::pin(Cold::new(unready, shared, request, min, waiting)),
            },
        }
    }

    pub(super) fn failed(error: TokenError) -> Self {
        Self {
            state: State::Failed { error: Some(error) },
        }
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
                StateProj::Sent { future, sent } => {
                    let mut polled = future.poll(cx);
                    match &mut polled {
                        Poll::Ready(Ok(response)) => match sent {
                            Some(sent) if sent.is_no_news(response) => {}
                            _ => answered(sent.take(), response),
                        },
                        // Whoever keeps this future must not keep the trial of a token with it.
                        Poll::Ready(Err(_)) => drop(sent.take()),
                        Poll::Pending => {}
                    }
                    return polled.map_err(Into::into);
                }
                StateProj::Waiting { cold } => match ready!(cold.as_mut().poll(cx)) {
                    Ok((future, sent)) => this.state.set(State::Sent { future, sent }),
                    Err(error) => {
                        this.state.set(State::Failed { error: None });
                        return Poll::Ready(Err(error));
                    }
                },
                StateProj::Failed { error } => {
                    let error = error
                        .take()
                        .unwrap_or_else(|| TokenError::unavailable("polled after its end"));
                    return Poll::Ready(Err(error.into()));
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
