//! The future of a call.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use http::{Request, Response};
use http_body::Body;
use pin_project_lite::pin_project;
use tokio::time::{Instant, Sleep, sleep_until};
use tower_service::Service;

use super::call::{Call, Next, Outcome};
use crate::{Replay, replay::Drain};

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

    pub(super) fn held(until: Instant, call: Call<S, B>) -> Self {
        let state = State::held(until);
        Self { state, call }
    }
}

impl<F, ResB> State<F, ResB> {
    fn held(until: Instant) -> Self {
        let sleep = Box::pin(sleep_until(until));
        Self::Held { sleep }
    }
}

impl<S, B, ResB> Future for ResponseFuture<S, B, ResB>
where
    S: Service<Request<B>, Response = Response<ResB>> + Clone,
    B: Replay,
    ResB: Body,
{
    type Output = Result<Response<ResB>, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            let next = match this.state.as_mut().project() {
                StateProj::Calling { future } => match this.call.judge(ready!(future.poll(cx))?) {
                    Outcome::Final(reply) => return Poll::Ready(Ok(reply)),
                    Outcome::Wait(unread) => {
                        let drain = Box::pin(Drain::new(unread));
                        State::Draining { drain }
                    }
                },
                StateProj::Draining { drain } => {
                    ready!(drain.as_mut().poll(cx));
                    this.call.turn().map_or(State::Readying, State::held)
                }
                StateProj::Held { sleep } => {
                    ready!(sleep.as_mut().poll(cx));
                    this.call.turn().map_or(State::Readying, State::held)
                }
                StateProj::Readying => match ready!(this.call.poll_send(cx))? {
                    Next::Sent(future) => State::Calling { future },
                    Next::Hold(until) => State::held(until),
                },
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
        };
        f.debug_tuple("ResponseFuture")
            .field(&format_args!("{state}"))
            .finish()
    }
}
