//! The future of a reply.

use std::{
    fmt,
    future::Future,
    pin::Pin,
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
    replay::{Drain, KeptRequest, Replay},
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
    #[project = StateProj]
    enum State<F, S, B, ResBody> {
        Calling { #[pin] future: F },
        Settling { settled: Settled, #[pin] patience: Sleep, held: Option<Response<ResBody>> },
        Draining { #[pin] drain: Drain<ResBody>, replay: Option<Prepared<S, B>> },
        Readying { replay: Option<Prepared<S, B>> },
        Replaying { #[pin] future: F },
    }
}

/// What a replay is made of.
pub(super) struct Replayable<S, B> {
    pub(super) kept: KeptRequest<B>,
    /// Of a gRPC call: when nobody waits for its reply any more.
    pub(super) deadline: Option<Instant>,
    pub(super) unready: S,
}

/// A replay that is going to be sent.
struct Prepared<S, B> {
    request: Request<B>,
    service: S,
    deadline: Option<Instant>,
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
    S: Service<Request<B>, Response = Response<ResBody>>,
    B: Replay,
    ResBody: Body,
{
    type Output = Result<Response<ResBody>, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            let (mut response, outcome) = match this.state.as_mut().project() {
                StateProj::Calling { future } => {
                    let response = ready!(future.poll(cx))?;
                    match response.extensions().get::<TokenRefused>() {
                        // What cannot be sent again has nothing to wait for.
                        Some(refused) if this.replayable.is_some() => {
                            let settled = refused.settled();
                            let patience = Instant::now() + PATIENCE;
                            let deadline = this.replayable.as_ref().and_then(|kept| kept.deadline);
                            let patience = deadline.unwrap_or(patience).min(patience);
                            this.state.set(State::Settling {
                                settled,
                                patience: sleep_until(patience),
                                held: Some(response),
                            });
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
                StateProj::Settling {
                    settled,
                    patience,
                    held,
                } => {
                    let outcome = match Pin::new(settled).poll(cx) {
                        Poll::Ready(outcome) => outcome,
                        Poll::Pending => {
                            ready!(patience.poll(cx));
                            Err(RefusalReason::Undecided)
                        }
                    };
                    let held = held.take().expect("polled after its end");
                    (held, outcome)
                }
                StateProj::Draining { drain, replay } => {
                    ready!(drain.poll(cx));
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
                    } = replay.take().expect("it was there a line ago");
                    grpc::tell_deadline(request.headers_mut(), deadline);
                    let future = service.call(request);
                    this.state.set(State::Replaying { future });
                    continue;
                }
                StateProj::Replaying { future } => {
                    let mut response = ready!(future.poll(cx))?;
                    let refused = response.extensions().get::<TokenRefused>();
                    if let Some(reason) = refused.and_then(TokenRefused::known_reason) {
                        response.extensions_mut().insert(reason);
                    }
                    report::replayed(&response);
                    return Poll::Ready(Ok(response));
                }
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
                    let drain = Drain::new(response.into_body());
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
fn prepare<S, B: Replay, ResBody>(
    response: &Response<ResBody>,

    replayable: Option<Replayable<S, B>>,
) -> Option<Prepared<S, B>> {
    let Replayable {
        kept,
        deadline,
        unready,
    } = replayable?;
    let mut request = kept.again()?;
    if let Some(waited) = response.extensions().get::<Waited>() {
        request.extensions_mut().insert(*waited);
    }
    Some(Prepared {
        request,
        service: unready,
        deadline,
    })
}

impl<S: Service<Request<B>>, B, ResBody> fmt::Debug for ResponseFuture<S, B, ResBody> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
