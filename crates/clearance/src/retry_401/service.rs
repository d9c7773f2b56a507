//! The service.

use std::task::{Context, Poll};

use http::{Request, Response};
use http_body::Body;
use tower_service::Service;

use super::future::{Replayable, ResponseFuture};
use crate::{
    grpc,
    replay::{KeptRequest, Replay, is_idempotent},
};

/// Sends a refused request once more, when that is worth it. See the [module](super).
#[derive(Clone, Copy, Debug)]
pub struct Retry401<S> {
    inner: S,
    idempotent_only: bool,
}

impl<S> Retry401<S> {
    pub(super) fn new(inner: S, idempotent_only: bool) -> Self {
        Self {
            inner,
            idempotent_only,
        }
    }

    /// The inner service.
    pub fn get_ref(&self) -> &S {
        &self.inner
    }

    /// The inner service, to be changed.
    pub fn get_mut(&mut self) -> &mut S {
        &mut self.inner
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
        let kept = allowed.then(|| KeptRequest::of(&request)).flatten();
        let replayable = kept.map(|kept| Replayable {
            kept,
            deadline: grpc::deadline(&request),
            unready: self.inner.clone(),
        });
        ResponseFuture::new(self.inner.call(request), replayable)
    }
}
