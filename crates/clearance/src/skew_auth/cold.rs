//! A call that has to wait for its token.

use std::{
    future::Future,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use clearance_core::TokenError;
use http::Request;
use tokio::{
    runtime::Handle,
    time::{Instant, Sleep, sleep_until},
};
use tower_service::Service;

use super::{BoxError, look::Look, sent::Sent, service::attach};
use crate::{
    grpc,
    token_cache::{Grant, Shared, Waiting},
};

/// A call that is not sent yet, or never.
#[expect(clippy::large_enum_variant, reason = "it is boxed, and most wait")]
pub(super) enum Unsent<S, B> {
    Waiting(Cold<S, B>),
    /// `None`: it was told why.
    Failed(Option<TokenError>),
}

/// Waits for a token, makes a service of its own ready, and calls it at once. A readiness that took long to come may
/// have outlived the token: then it is given back and the token waited for anew.
pub(super) struct Cold<S, B> {
    unready: S,
    service: S,
    shared: Arc<Shared>,
    request: Option<Request<B>>,
    min: Duration,
    /// Of a gRPC call: when nobody waits for its reply any more.
    deadline: Option<Pin<Box<Sleep>>>,
    step: Step,
}

/// What was granted, and what the wait for it must not forget.
type Granted = (Result<Grant, TokenError>, Waiting);

/// A call that is under way.
type Called<F> = (F, Option<Sent>);

enum Step {
    Token(Pin<Box<dyn Future<Output = Granted> + Send>>),
    Readiness {
        grant: Option<Seated>,
        waiting: Waiting,
        waited: bool,
    },
}

impl Step {
    /// What is said where the deadline passes meanwhile.
    fn timed_out(&self) -> BoxError {
        match self {
            Self::Token(_) => {
                let late = "no token came within the grpc-timeout of the request";
                TokenError::unavailable(late).into()
            }
            Self::Readiness { .. } => {
                let late = "the service was not ready within the grpc-timeout of the request";
                io::Error::new(io::ErrorKind::TimedOut, late).into()
            }
        }
    }
}

/// A grant that frees its seat if it is not used.
struct Seated {
    shared: Arc<Shared>,
    grant: Option<Grant>,
}

impl<S, B> Cold<S, B> {
    pub(super) fn new(
        unready: S,
        shared: Arc<Shared>,
        request: Request<B>,
        min: Duration,
        waiting: Waiting,
    ) -> Self
    where
        S: Clone,
    {
        let step = Step::Token(Box::pin(shared.clone().grant(min, waiting)));
        // A timer outside a runtime is a panic; that there is none is told by what waits for the token.
        let timer = grpc::deadline(&request).filter(|_| Handle::try_current().is_ok());
        Self {
            service: unready.clone(),
            unready,
            shared,
            request: Some(request),
            min,
            deadline: timer.map(|deadline| Box::pin(sleep_until(deadline))),
            step,
        }
    }
}

impl<S, B> Cold<S, B>
where
    S: Service<Request<B>> + Clone,
    S::Error: Into<BoxError>,
{
    fn advance(&mut self, cx: &mut Context<'_>) -> Poll<Result<Called<S::Future>, BoxError>> {
        if let Some(deadline) = &mut self.deadline {
            if deadline.as_mut().poll(cx).is_ready() {
                return Poll::Ready(Err(self.step.timed_out()));
            }
        }
        loop {
            match &mut self.step {
                Step::Token(granted) => {
                    let (grant, waiting) = ready!(granted.as_mut().poll(cx));
                    let grant = Some(Seated {
                        shared: self.shared.clone(),
                        grant: Some(grant?),
                    });
                    self.step = Step::Readiness {
                        grant,
                        waiting,
                        waited: false,
                    };
                }
                Step::Readiness {
                    grant,
                    waiting,
                    waited,
                } => {
                    let Poll::Ready(ready) = self.service.poll_ready(cx) else {
                        *waited = true;
                        return Poll::Pending;
                    };
                    ready.map_err(Into::into)?;
                    let mut granted = grant.take().and_then(Seated::take);
                    if *waited
                        && !granted
                            .as_ref()
                            .is_some_and(|granted| granted.terms.on_trial)
                    {
                        granted = self.shared.try_grant(self.min, waiting).transpose()?;
                    }
                    let Some(granted) = granted else {
                        self.service = self.unready.clone();
                        self.step =
                            Step::Token(Box::pin(self.shared.clone().grant(self.min, *waiting)));
                        continue;
                    };
                    let Some(mut request) = self.request.take() else {
                        return Poll::Ready(Err("polled after its end".into()));
                    };
                    let deadline = self.deadline.as_ref().map(|sleep| sleep.deadline());
                    grpc::tell_deadline(request.headers_mut(), deadline);
                    let (token, terms) = (&granted.token, granted.terms);
                    let (now, look) = (Instant::now(), &mut Look::default());
                    let sent = attach(&mut request, &self.shared, token, terms, now, look);
                    return Poll::Ready(Ok((self.service.call(request), sent)));
                }
            }
        }
    }
}

// Nothing in here is pinned in place: the only future is boxed.
impl<S, B> Unpin for Unsent<S, B> {}

impl<S, B> Future for Unsent<S, B>
where
    S: Service<Request<B>> + Clone,
    S::Error: Into<BoxError>,
{
    type Output = Result<Called<S::Future>, BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let called = match this {
            Self::Waiting(cold) => ready!(cold.advance(cx)),
            Self::Failed(error) => {
                let over = || TokenError::unavailable("polled after its end");
                return Poll::Ready(Err(error.take().unwrap_or_else(over).into()));
            }
        };
        if called.is_err() {
            *this = Self::Failed(None);
        }
        Poll::Ready(called)
    }
}

impl Seated {
    fn take(mut self) -> Option<Grant> {
        self.grant.take()
    }
}

impl Drop for Seated {
    fn drop(&mut self) {
        if let Some(grant) = self.grant.take() {
            if grant.terms.on_trial {
                self.shared.seat_left(grant.token.id);
            }
        }
    }
}
