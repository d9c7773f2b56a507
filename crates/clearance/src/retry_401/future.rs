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
use tokio::time::{Instant, Sleep, sleep};
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
        Settling { settled: Settled, #[pin] patience: Sleep, refused_at: Instant, held: Option<Response<ResBody>> },
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
    refused_at: Instant,
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
            let (mut response, outcome, refused_at) = match this.state.as_mut().project() {
                StateProj::Calling { future } => {
                    let response = ready!(future.poll(cx))?;
                    match response.extensions().get::<TokenRefused>() {
                        // What cannot be sent again has nothing to wait for.
                        Some(refused) if this.replayable.is_some() => {
                            let settled = refused.settled();
                            let timeout = this.replayable.as_ref().and_then(Replayable::timeout);
                            let patience = sleep(timeout.unwrap_or(PATIENCE).min(PATIENCE));
                            this.state.set(State::Settling {
                                settled,
                                patience,
                                refused_at: Instant::now(),
                                held: Some(response),
                            });
                            continue;
                        }
                        // Another auth layer is below: it may have another token by now.
                        None if response.status() == StatusCode::UNAUTHORIZED => {
                            (response, Ok(()), Instant::now())
                        }
                        _ => {
                            report::passed_on(&response);
                            return Poll::Ready(Ok(response));
                        }
                    }
                }
                StateProj::Settling {
                    settled,
                    patience,
                    refused_at,
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
                    (held, outcome, *refused_at)
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
                        refused_at,
                    } = replay.take().expect("it was there a line ago");
                    grpc::lower_timeout(request.headers_mut(), refused_at.elapsed());
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
                Ok(()) => prepare(&response, refused_at, this.replayable.take()),
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
    refused_at: Instant,
    replayable: Option<Replayable<S, B>>,
) -> Option<Prepared<S, B>> {
    let Replayable { kept, unready } = replayable?;
    let mut request = kept.again()?;
    if let Some(waited) = response.extensions().get::<Waited>() {
        request.extensions_mut().insert(*waited);
    }
    Some(Prepared {
        request,
        service: unready,
        refused_at,
    })
}

impl<S, B: Replay> Replayable<S, B> {
    /// How long the caller waits for the reply, where its request says so.
    fn timeout(&self) -> Option<Duration> {
        grpc::timeout(&self.kept.head().headers)
    }
}

impl<S: Service<Request<B>>, B, ResBody> fmt::Debug for ResponseFuture<S, B, ResBody> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
