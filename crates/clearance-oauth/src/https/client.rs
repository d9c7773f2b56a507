//! hyper-util's pooling client over rustls.

use std::{
    error::Error,
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame, SizeHint};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, ResponseFuture, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use rustls::crypto::ring;
use tower_service::Service;

/// A client for `https` (and `http`, which sources allow to loopback only), with a pool of connections that its clones
/// share.
///
/// It trusts the roots of Mozilla (compiled in), takes its cryptography from ring whatever else is in the build, speaks
/// HTTP/1.1 (the token endpoint of NICE CXone was reported to fail on HTTP/2), follows no redirects and uses no proxy.
/// Connections that are idle for 90 s are closed.
///
/// It is generic in the request body, so that it also serves under the layers as the client of an API. A source comes with
/// one; where it is to use that of the API, by `with_client`, the body has to be one that is made of bytes
/// ([`Transport`](crate::Transport)) and to be said: `https::<Full<Bytes>>()`.
///
/// ```
/// use bytes::Bytes;
/// use clearance_oauth::https;
/// use http_body_util::Empty;
///
/// let client = https::<Empty<Bytes>>();
/// assert_eq!(format!("{client:?}"), "HttpsClient");
/// ```
#[must_use]
pub fn https<B>() -> HttpsClient<B>
where
    B: Body<Data: Send> + Send,
{
    HttpsClient {
        inner: Client::builder(TokioExecutor::new())
            .pool_idle_timeout(Duration::from_secs(90))
            .pool_timer(TokioTimer::new())
            .build(connector()),
    }
}

/// The client that [`https()`] makes: a named type with a named future and error, and not an erased one, so that it can
/// be awaited in spawned blocks.
pub struct HttpsClient<B> {
    inner: Client<HttpsConnector<HttpConnector>, B>,
}

/// The future of [`HttpsClient`].
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct HttpsFuture(ResponseFuture);

/// The response body of [`HttpsClient`].
#[derive(Debug)]
pub struct HttpsBody(hyper::body::Incoming);

/// Why [`HttpsClient`] has no answer, or no more of it.
#[derive(Debug)]
pub struct HttpsError(Kind);

#[derive(Debug)]
enum Kind {
    Request(hyper_util::client::legacy::Error),
    Body(hyper::Error),
}

// ===== impl HttpsClient =====

impl<B> Default for HttpsClient<B>
where
    B: Body<Data: Send> + Send,
{
    fn default() -> Self {
        https()
    }
}

impl<B> Clone for HttpsClient<B> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
        }
    }
}

impl<B> Service<Request<B>> for HttpsClient<B>
where
    B: Body<Data: Send, Error: Into<Box<dyn Error + Send + Sync>>> + Send + Unpin + 'static,
{
    type Response = Response<HttpsBody>;
    type Error = HttpsError;
    type Future = HttpsFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), HttpsError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> HttpsFuture {
        HttpsFuture(self.inner.request(request))
    }
}

impl<B> fmt::Debug for HttpsClient<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HttpsClient")
    }
}

// ===== impl HttpsFuture =====

impl Future for HttpsFuture {
    type Output = Result<Response<HttpsBody>, HttpsError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let answer = std::task::ready!(Pin::new(&mut self.0).poll(cx));
        Poll::Ready(match answer {
            Ok(response) => Ok(response.map(HttpsBody)),
            Err(error) => Err(HttpsError(Kind::Request(error))),
        })
    }
}

// ===== impl HttpsBody =====

impl Body for HttpsBody {
    type Data = Bytes;
    type Error = HttpsError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, HttpsError>>> {
        let frame = std::task::ready!(Pin::new(&mut self.0).poll_frame(cx));
        Poll::Ready(frame.map(|frame| frame.map_err(|error| HttpsError(Kind::Body(error)))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.size_hint()
    }
}

// ===== impl HttpsError =====

impl fmt::Display for HttpsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Request(error) => error.fmt(f),
            Kind::Body(error) => error.fmt(f),
        }
    }
}

impl Error for HttpsError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.0 {
            Kind::Request(error) => error.source(),
            Kind::Body(error) => error.source(),
        }
    }
}

fn connector() -> HttpsConnector<HttpConnector> {
    // Passed explicitly: a default of the process may be missing, or be chosen twice by others.
    let provider = Arc::new(ring::default_provider());
    HttpsConnectorBuilder::new()
        .with_provider_and_webpki_roots(provider)
        .expect("ring supports TLS 1.2 and 1.3")
        .https_or_http()
        .enable_http1()
        .build()
}

#[cfg(test)]
mod tests {
    use http_body_util::Full;

    use super::*;

    #[test]
    fn it_can_be_awaited_in_a_spawned_block() {
        fn assert_send<T: Send>(_: T) {}
        let mut client = https::<Full<Bytes>>();
        assert_send(async move { client.call(Request::new(Full::default())).await.map(drop) });
    }
}
