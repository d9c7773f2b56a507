//! The service: straight through where no limit is in sight.

use std::{
    error::Error,
    fmt, mem,
    sync::Arc,
    task::{Context, Poll},
};

use http::{Request, Response};
use http_body::Body;
use tower_service::Service;

use super::{call::Call, future::ResponseFuture, gate::Seat, gates::Gates, layer::Rules};
use crate::{
    Replay,
    replay::{Spare, handed_to},
};

type BoxError = Box<dyn Error + Send + Sync>;

/// The service that [`RateLimitBackoffLayer`](super::RateLimitBackoffLayer) makes. See the [module](super).
#[must_use]
pub struct RateLimitBackoff<S> {
    inner: S,
    core: Arc<Core<S>>,
}

/// What all calls of a service share.
pub(super) struct Core<S> {
    pub(super) rules: Rules,
    pub(super) gates: Arc<Gates>,
    /// What a call that waited is sent by.
    pub(super) spare: Spare<S>,
}

// ===== impl RateLimitBackoff =====

impl<S> RateLimitBackoff<S> {
    pub(super) fn new(inner: S, core: Core<S>) -> Self {
        let core = Arc::new(core);
        Self { inner, core }
    }

    /// The service inside.
    pub fn get_ref(&self) -> &S {
        &self.inner
    }

    /// The service inside, without the layer.
    pub fn into_inner(self) -> S {
        self.inner
    }
}

impl<S, B, ResB> Service<Request<B>> for RateLimitBackoff<S>
where
    S: Service<Request<B>, Response = Response<ResB>> + Clone,
    S::Error: Into<BoxError>,
    B: Replay,
    ResB: Body,
{
    type Response = Response<ResB>;
    /// That of the inner service, boxed, or [`RateLimited`](super::RateLimited).
    type Error = BoxError;
    type Future = ResponseFuture<S, B, ResB>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let handed = handed_to::<Self>();
        let mut call = Call::new(Arc::clone(&self.core), &request);
        if !call.is_clear() {
            request = match call.admit(request) {
                Ok(request) => request,
                Err(turn) => {
                    // The readiness must not be carried into the wait: others may need it to end that wait.
                    let unready = self.inner.clone();
                    drop(mem::replace(&mut self.inner, unready));
                    return ResponseFuture::held(turn, call);
                }
            };
        }
        call.keep(&request, handed);
        let future = self.inner.call(request);
        ResponseFuture::calling(future, call)
    }
}

impl<S: Clone> Clone for RateLimitBackoff<S> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            core: Arc::clone(&self.core),
        }
    }
}

impl<S: fmt::Debug> fmt::Debug for RateLimitBackoff<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RateLimitBackoff")
            .field("inner", &self.inner)
            .finish_non_exhaustive()
    }
}

// ===== impl Core =====

impl<S> Core<S> {
    /// Voids the limits of an earlier generation.
    pub(super) fn renew(&self, seat: &Seat) {
        if let Some(generation) = self.rules.generation() {
            seat.renew(generation);
        }
    }
}
