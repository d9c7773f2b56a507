//! reqwest as a tower service of `http` requests. Copy it; it is no more than a conversion there and back.

use std::{
    error::Error,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::Body;
use reqwest::redirect::Policy;
use tower::Service;

type BoxError = Box<dyn Error + Send + Sync>;

/// A reqwest client that takes any request body, streams it, and follows no redirects.
#[derive(Clone, Debug)]
pub(crate) struct ReqwestService(reqwest::Client);

impl ReqwestService {
    /// The client that `builder` makes, its redirects off: reqwest would take the token along to wherever the reply
    /// points, below the layer that judges where a token may go. `FollowRedirect` above that layer does it right.
    ///
    /// # Errors
    ///
    /// If the client cannot be built.
    pub(crate) fn new(builder: reqwest::ClientBuilder) -> reqwest::Result<Self> {
        builder.redirect(Policy::none()).build().map(Self)
    }
}

impl<B> Service<http::Request<B>> for ReqwestService
where
    B: Body<Data: Into<Bytes>, Error: Into<BoxError>> + Send + Sync + 'static,
{
    type Response = http::Response<reqwest::Body>;
    type Error = reqwest::Error;
    type Future = ReqwestFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<reqwest::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<B>) -> ReqwestFuture {
        let request = reqwest::Request::try_from(request.map(reqwest::Body::wrap));
        let client = self.0.clone();
        ReqwestFuture(Box::pin(async move {
            let reply = client.execute(request?).await;
            // The address of a request may hold what no log should.
            reply.map(Into::into).map_err(reqwest::Error::without_url)
        }))
    }
}

/// A future with a name: a bare `Pin<Box<dyn Future>>` within tower's `Buffer` cannot be awaited in a spawned block.
pub(crate) struct ReqwestFuture(Pin<Box<dyn Future<Output = Reply> + Send>>);

type Reply = reqwest::Result<http::Response<reqwest::Body>>;

impl Future for ReqwestFuture {
    type Output = Reply;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Reply> {
        self.0.as_mut().poll(cx)
    }
}
