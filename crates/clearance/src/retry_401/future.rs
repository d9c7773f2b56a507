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
use tokio::time::{Sleep, sleep};
use tower_service::Service;

use super::report;
use crate::{
    RefusalReason, Settled, TokenRefused, Waited,
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
    pub(super) unready: S,
}

/// A replay that is going to be sent.
struct Prepared<S, B> {
    request: Request<B>,
    service: S,
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
            let (response, outcome) = match this.state.as_mut().project() {
                StateProj::Calling { future } => {
                    let response = ready!(future.poll(cx))?;
                    match response.extensions().get::<TokenRefused>() {
                        // What cannot be sent again has nothing to wait for.
                        Some(refused) if this.replayable.is_some() => {
                            let settled = refused.settled();
                            let patience = sleep(PATIENCE);
                            this.state.set(State::Settling {
                                settled,
                                patience,
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
                    (held.take().expect("polled after its end"), outcome)
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
                        request,
                        mut service,
                    } = replay.take().expect("it was there a line ago");
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
            match conclude(response, outcome, this.replayable.take()) {
                Ok((response, replay)) => {
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
                Err(response) => {
                    report::passed_on(&response);
                    return Poll::Ready(Ok(response));
                }
            }
        }
    }
}

type Concluded<S, B, ResBody> = Result<(Response<ResBody>, Prepared<S, B>), Response<ResBody>>;

/// The reply to give up and the replay to send instead, or the reply to return.
fn conclude<S, B: Replay, ResBody>(
    mut response: Response<ResBody>,
    outcome: Result<(), RefusalReason>,
    replayable: Option<Replayable<S, B>>,
) -> Concluded<S, B, ResBody> {
    if let Err(reason) = outcome {
        response.extensions_mut().insert(reason);
        return Err(response);
    }
    let Some(Replayable { kept, unready }) = replayable else {
        return Err(response);
    };
    let Some(mut request) = kept.again() else {
        return Err(response);
    };
    if let Some(waited) = response.extensions().get::<Waited>() {
        request.extensions_mut().insert(*waited);
    }
    Ok((
        response,
        Prepared {
            request,
            service: unready,
        },
    ))
}

impl<S: Service<Request<B>>, B, ResBody> fmt::Debug for ResponseFuture<S, B, ResBody> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
