//! The future of a reply.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use http::{Request, Response, StatusCode};
use http_body::Body;
use pin_project_lite::pin_project;
use tokio::time::{Instant, Sleep, sleep_until};
use tower_service::Service;

use super::report;
use crate::{
    RefusalReason, Settled, TokenRefused, Waited, grpc,
    replay::{Drain, KeptRequest, Replay, Spare},
};

/// How long a refused call waits to learn whether a replay is worth it.
const PATIENCE: Duration = Duration::from_secs(30);

pin_project! {
    /// The future of [`Retry401`](super::Retry401).
    pub struct ResponseFuture<S, B, ResBody>
    where
        S: Service<Request<B>>,
    {
        #[pin]
        state: State<S::Future, S, B, ResBody>,
        // Taken by the replay, so that there is one.
        replayable: Option<Replayable<S, B>>,
    }
}

pin_project! {
    // What few calls come to is boxed: it is larger than all the rest.
    #[project = StateProj]
    enum State<F, S, B, ResBody> {
        Calling { #[pin] future: F },
        Settling { refused: Option<Box<Refused<ResBody>>> },
        Draining { drain: Pin<Box<Drain<ResBody>>>, replay: Option<Box<Prepared<S, B>>> },
        Readying { replay: Option<Box<Prepared<S, B>>> },
        Replaying { future: Pin<Box<F>> },
    }
}

/// What a replay is made of.
pub(super) struct Replayable<S, B> {
    pub(super) kept: KeptRequest<B>,
    pub(super) spare: Arc<Spare<S>>,
}

/// A reply that is held until it is clear whether a replay is worth it.
struct Refused<ResBody> {
    response: Response<ResBody>,
    settled: Settled,
    patience: Pin<Box<Sleep>>,
}

/// A replay that is going to be sent.
struct Prepared<S, B> {
    request: Request<B>,
    service: S,
    /// Of a gRPC call: when nobody waits for its reply any more.
    deadline: Option<Instant>,
}

impl<S, B: Replay> Replayable<S, B> {
    fn deadline(&self) -> Option<Instant> {
        self.kept.deadline()
    }
}

impl<S: Service<Request<B>>, B, ResBody> ResponseFuture<S, B, ResBody> {
    pub(super) fn new(future: S::Future, replayable: Option<Replayable<S, B>>) -> Self {
        Self {
            state: State::Calling { future },
            replayable,
        }
    }
}

impl<S, B, ResBody> Future for ResponseFuture<S, B, ResBody>
where
    S: Service<Request<B>, Response = Response<ResBody>> + Clone,
    B: Replay,
    ResBody: Body,
{
    type Output = Result<Response<ResBody>, S::Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut polled = Poll::Pending;
        if let StateProj::Calling { future } = self.as_mut().project().state.project() {
            polled = future.poll(cx);
            // A success that no layer below has marked, an error and no reply are not for this layer.
            let is_handed_up = match &polled {
                Poll::Ready(Ok(response)) => {
                    response.status().is_success() && response.extensions().is_empty()
                }
                _ => true,
            };
            if is_handed_up {
                return polled;
            }
        }
        // All that is returned is in one place, so that a reply is not moved on its way up.
        polled = self.go_on(polled, cx);
        polled
    }
}

impl<S, B, ResBody> ResponseFuture<S, B, ResBody>
where
    S: Service<Request<B>, Response = Response<ResBody>> + Clone,
    B: Replay,
    ResBody: Body,
{
    /// From the reply on that was just `polled`, or from where it was.
    #[inline(never)]
    fn go_on(
        self: Pin<&mut Self>,
        mut polled: Poll<Result<Response<ResBody>, S::Error>>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Response<ResBody>, S::Error>> {
        let mut this = self.project();
        loop {
            let (mut response, outcome) = match this.state.as_mut().project() {
                StateProj::Calling { .. } => {
                    let response = ready!(std::mem::replace(&mut polled, Poll::Pending))?;
                    match response.extensions().get::<TokenRefused>() {
                        // What cannot be sent again has nothing to wait for.
                        Some(refused) if this.replayable.is_some() => {
                            let settled = refused.settled();
                            let patience = Instant::now() + PATIENCE;
                            let deadline = this.replayable.as_ref().and_then(Replayable::deadline);
                            let patience = deadline.unwrap_or(patience).min(patience);
                            let refused = Some(Box::new(Refused {
                                response,
                                settled,
                                patience: Box::pin(sleep_until(patience)),
                            }));
                            this.state.set(State::Settling { refused });
                            continue;
                        }
                        // Another auth layer is below: it may have another token by now.
                        None if response.status() == StatusCode::UNAUTHORIZED => (response, Ok(())),
                        _ => {
                            report::passed_on(&response);
                            return Poll::Ready(Ok(response));
                        }
                    }
                }
                StateProj::Settling { refused } => {
                    let held = refused.as_mut().expect("polled after its end");
                    let outcome = match Pin::new(&mut held.settled).poll(cx) {
                        Poll::Ready(outcome) => outcome,
                        Poll::Pending => {
                            ready!(held.patience.as_mut().poll(cx));
                            Err(RefusalReason::Undecided)
                        }
                    };
                    let held = refused.take().expect("it was there a line ago");
                    (held.response, outcome)
                }
                StateProj::Draining { drain, replay } => {
                    ready!(drain.as_mut().poll(cx));
                    let replay = replay.take();
                    this.state.set(State::Readying { replay });
                    continue;
                }
                StateProj::Readying { replay } => {
                    let service = &mut replay.as_mut().expect("polled after its end").service;
                    ready!(service.poll_ready(cx))?;
                    let Prepared {
                        mut request,
                        mut service,
                        deadline,
                    } = *replay.take().expect("it was there a line ago");
                    grpc::tell_deadline(request.headers_mut(), deadline);
                    let future = Box::pin(service.call(request));
                    this.state.set(State::Replaying { future });
                    continue;
                }
                StateProj::Replaying { future } => {
                    let mut response = ready!(future.as_mut().poll(cx))?;
                    if let Some(refused) = response.extensions().get::<TokenRefused>() {
                        // Another token may be on its way, or be there, but there is one replay.
                        let reason = refused.known_reason();
                        let reason = reason.unwrap_or(RefusalReason::RefusedAgain);
                        response.extensions_mut().insert(reason);
                    }
                    report::replayed(&response);
                    return Poll::Ready(Ok(response));
                }
            };
            let now = Instant::now();
            let deadline = this.replayable.as_ref().and_then(Replayable::deadline);
            let outcome = match deadline {
                Some(deadline) if deadline <= now => outcome.and(Err(RefusalReason::Undecided)),
                _ => outcome,
            };
            let replay = match outcome {
                Ok(()) => prepare(&response, this.replayable.take()),
                Err(reason) => {
                    response.extensions_mut().insert(reason);
                    None
                }
            };
            match replay {
                Some(replay) => {
                    tracing::debug!(
                        uri.path = replay.request.uri().path(),
                        "request replayed after a refusal"
                    );
                    // What is read cannot be returned any more, so time must be left to send it.
                    let left = deadline.map_or(Duration::MAX, |deadline| deadline - now);
                    let drain = Box::pin(Drain::new(response.into_body(), left / 2));
                    this.state.set(State::Draining {
                        drain,
                        replay: Some(replay),
                    });
                }
                None => {
                    report::passed_on(&response);
                    return Poll::Ready(Ok(response));
                }
            }
        }
    }
}

/// The replay to send in place of `response`, unless the body cannot be sent again.
fn prepare<S: Clone, B: Replay, ResBody>(
    response: &Response<ResBody>,
    replayable: Option<Replayable<S, B>>,
) -> Option<Box<Prepared<S, B>>> {
    let Replayable { kept, spare } = replayable?;
    let mut request = kept.again()?;
    if let Some(waited) = response.extensions().get::<Waited>() {
        request.extensions_mut().insert(*waited);
    }
    Some(Box::new(Prepared {
        request,
        service: spare.unready(),
        deadline: kept.deadline(),
    }))
}

impl<S: Service<Request<B>>, B, ResBody> fmt::Debug for ResponseFuture<S, B, ResBody> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
