//! The service.

use std::{
    fmt,
    sync::Arc,
    task::{Context, Poll},
};

use http::{Request, Response};
use http_body::Body;
use tower_service::Service;

use super::future::{Replayable, ResponseFuture};
use crate::replay::{KeptRequest, Replay, Spare, is_idempotent};

/// Sends a refused request once more, when that is worth it. See the [module](super).
#[derive(Clone)]
pub struct Retry401<S> {
    inner: S,
    spare: Arc<Spare<S>>,
    idempotent_only: bool,
}

impl<S> Retry401<S> {
    pub(super) fn new(inner: S, idempotent_only: bool) -> Self
    where
        S: Clone,
    {
        Self {
            spare: Arc::new(Spare::of(&inner)),
            inner,
            idempotent_only,
        }
    }

    /// The inner service.
    pub fn get_ref(&self) -> &S {
        &self.inner
    }

    /// The inner service, without the layer.
    pub fn into_inner(self) -> S {
        self.inner
    }
}

impl<S, B, ResBody> Service<Request<B>> for Retry401<S>
where
    S: Service<Request<B>, Response = Response<ResBody>> + Clone,
    B: Replay,
    ResBody: Body,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = ResponseFuture<S, B, ResBody>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let allowed = !self.idempotent_only || is_idempotent(request.method(), request.headers());
        let kept = allowed.then(|| KeptRequest::of(&request, None)).flatten();
        let replayable = kept.map(|kept| Replayable {
            kept,
            spare: Arc::clone(&self.spare),
        });
        let _handed_over = replayable
            .as_ref()
            .map(|replayable| replayable.kept.hand_over::<S>());
        ResponseFuture::new(self.inner.call(request), replayable)
    }
}

impl<S: fmt::Debug> fmt::Debug for Retry401<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Retry401")
            .field("inner", &self.inner)
            .field("idempotent_only", &self.idempotent_only)
            .finish_non_exhaustive()
    }
}
