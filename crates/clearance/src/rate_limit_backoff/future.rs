//! The future of a call.

use std::{
    error::Error,
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use http::{Request, Response};
use http_body::Body;
use pin_project_lite::pin_project;
use tokio::time::{Sleep, sleep_until};
use tower_service::Service;

use super::{
    call::{Call, Next, Outcome, Turn},
    refusal::RateLimited,
};
use crate::{Replay, replay::Drain};

type BoxError = Box<dyn Error + Send + Sync>;

pin_project! {
    /// The future of [`RateLimitBackoff`](super::RateLimitBackoff). Dropped, it leaves no trace in any pause.
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<S, B, ResB>
    where
        S: Service<Request<B>>,
    {
        #[pin]
        state: State<S::Future, ResB>,
        call: Call<S, B>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<F, ResB> {
        // Sent, and waiting for the reply.
        Calling { #[pin] future: F },
        // Refused; its reply is read to the end, so that the connection can be used again.
        Draining { drain: Pin<Box<Drain<ResB>>> },
        // Not to be sent before a certain time.
        Held { sleep: Pin<Box<Sleep>> },
        // About to be sent, and waiting for the inner service.
        Readying,
        // Not to be sent at all.
        Refused { error: Box<RateLimited> },
    }
}

impl<S, B, ResB> ResponseFuture<S, B, ResB>
where
    S: Service<Request<B>>,
{
    pub(super) fn calling(future: S::Future, call: Call<S, B>) -> Self {
        let state = State::Calling { future };
        Self { state, call }
    }

    pub(super) fn held(turn: Turn, call: Call<S, B>) -> Self {
        let state = turn.into();
        Self { state, call }
    }
}

impl<F, ResB> From<Turn> for State<F, ResB> {
    fn from(turn: Turn) -> Self {
        match turn {
            Turn::Now => Self::Readying,
            Turn::At(until) => Self::Held {
                sleep: Box::pin(sleep_until(until)),
            },
            Turn::Never(error) => Self::Refused { error },
        }
    }
}

impl<S, B, ResB> Future for ResponseFuture<S, B, ResB>
where
    S: Service<Request<B>, Response = Response<ResB>> + Clone,
    S::Error: Into<BoxError>,
    B: Replay,
    ResB: Body,
{
    type Output = Result<Response<ResB>, BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            let next = match this.state.as_mut().project() {
                StateProj::Calling { future } => {
                    let Poll::Ready(reply) = future.poll(cx) else {
                        this.call.note_generation();
                        return Poll::Pending;
                    };
                    let reply = reply.map_err(Into::into)?;
                    if this.call.lets_pass(&reply) {
                        return Poll::Ready(Ok(reply));
                    }
                    match this.call.judge(reply) {
                        Outcome::Final(reply) => return Poll::Ready(Ok(reply)),
                        Outcome::Wait(unread, most) => State::Draining {
                            drain: Box::pin(Drain::new(unread, most)),
                        },
                    }
                }
                StateProj::Draining { drain } => {
                    ready!(drain.as_mut().poll(cx));
                    this.call.turn().into()
                }
                StateProj::Held { sleep } => {
                    ready!(sleep.as_mut().poll(cx));
                    this.call.turn().into()
                }
                StateProj::Readying => match ready!(this.call.poll_send(cx)).map_err(Into::into)? {
                    Next::Sent(future) => State::Calling { future },
                    Next::Hold(turn) => turn.into(),
                },
                StateProj::Refused { error } => return Poll::Ready(Err(error.clone())),
            };
            this.state.set(next);
        }
    }
}

impl<S, B, ResB> fmt::Debug for ResponseFuture<S, B, ResB>
where
    S: Service<Request<B>>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match &self.state {
            State::Calling { .. } => "calling",
            State::Draining { .. } => "draining",
            State::Held { .. } => "held",
            State::Readying => "readying",
            State::Refused { .. } => "refused",
        };
        f.debug_tuple("ResponseFuture")
            .field(&format_args!("{state}"))
            .finish()
    }
}
