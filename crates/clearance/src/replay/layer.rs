//! The layer.

use std::task::{Context, Poll};

use http::Request;
use http_body::Body;
use tower_layer::Layer;
use tower_service::Service;

use super::ReplayBody;

/// Makes every request body one that can be sent twice. The outermost layer. See the [module](super).
#[derive(Clone, Copy, Debug)]
#[must_use]
pub struct ReplayBodyLayer {
    most: usize,
}

/// The service that [`ReplayBodyLayer`] makes.
#[derive(Clone, Copy, Debug)]
pub struct ReplayBodyService<S> {
    inner: S,
    most: usize,
}

// ===== impl ReplayBodyLayer =====

impl ReplayBodyLayer {
    /// A layer that keeps up to 64 KiB of a body.
    pub const fn new() -> Self {
        Self {
            most: super::source::MOST,
        }
    }

    /// Keeps up to so many bytes of a body (64 KiB). A longer one is sent once, and never again.
    pub const fn max_buffered(mut self, bytes: usize) -> Self {
        self.most = bytes;
        self
    }
}

impl Default for ReplayBodyLayer {
    fn default() -> Self {
        Self::new()
    }
}

impl<S> Layer<S> for ReplayBodyLayer {
    type Service = ReplayBodyService<S>;

    fn layer(&self, inner: S) -> ReplayBodyService<S> {
        ReplayBodyService {
            inner,
            most: self.most,
        }
    }
}

// ===== impl ReplayBodyService =====

impl<S> ReplayBodyService<S> {
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

impl<S, B> Service<Request<B>> for ReplayBodyService<S>
where
    S: Service<Request<ReplayBody<B>>>,
    B: Body,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> S::Future {
        let keep = |body| ReplayBody::keeping(body, self.most);
        self.inner.call(request.map(keep))
    }
}
