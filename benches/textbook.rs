//! How it is done without a library: a token behind an async mutex, formatted for each request; and tower's `Retry` with
//! a policy that keeps a clone of each request.

use std::{
    future::{Future, Ready, ready},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use http::{HeaderValue, Request, Response, StatusCode, header::AUTHORIZATION};
use tokio::{sync::Mutex, time::Instant};
use tower::{Layer, Service, retry::Policy};

struct Cached {
    text: String,
    expires: Instant,
}

/// Attaches a token from behind an async mutex.
#[derive(Clone)]
pub struct TextbookLayer(Arc<Mutex<Cached>>);

/// The service that [`TextbookLayer`] makes.
#[derive(Clone)]
pub struct Textbook<S> {
    inner: S,
    token: Arc<Mutex<Cached>>,
}

impl TextbookLayer {
    /// With this token, good for a day.
    #[must_use]
    pub fn new(token: &str) -> Self {
        Self(Arc::new(Mutex::new(Cached {
            text: token.to_owned(),
            expires: Instant::now() + Duration::from_secs(86_400),
        })))
    }
}

impl std::fmt::Debug for TextbookLayer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TextbookLayer")
    }
}

impl<S> Layer<S> for TextbookLayer {
    type Service = Textbook<S>;

    fn layer(&self, inner: S) -> Textbook<S> {
        let token = self.0.clone();
        Textbook { inner, token }
    }
}

impl<S> std::fmt::Debug for Textbook<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Textbook")
    }
}

impl<S, B> Service<Request<B>> for Textbook<S>
where
    S: Service<Request<B>> + Clone + Send + 'static,
    S::Future: Send,
    B: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let clone = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, clone);
        let token = self.token.clone();
        Box::pin(async move {
            let text = {
                let cached = token.lock().await;
                assert!(cached.expires > Instant::now(), "a day is long enough");
                cached.text.clone()
            };
            let value = HeaderValue::from_str(&format!("Bearer {text}")).expect("a token");
            request.headers_mut().insert(AUTHORIZATION, value);
            inner.call(request).await
        })
    }
}

/// Sends once more after a 401 or a 429, for which it keeps a clone of each request.
#[derive(Clone, Copy, Debug)]
pub struct KeepAClone;

impl<B: Clone, R, E> Policy<Request<B>, Response<R>, E> for KeepAClone {
    type Future = Ready<()>;

    fn retry(
        &mut self,
        _: &mut Request<B>,
        result: &mut Result<Response<R>, E>,
    ) -> Option<Ready<()>> {
        let status = result.as_ref().ok()?.status();
        let again = [StatusCode::UNAUTHORIZED, StatusCode::TOO_MANY_REQUESTS].contains(&status);
        again.then(|| ready(()))
    }

    fn clone_request(&mut self, request: &Request<B>) -> Option<Request<B>> {
        // Not `Request::clone`, which would clone the extensions too: this is the least that is correct.
        let mut copy = Request::new(request.body().clone());
        *copy.method_mut() = request.method().clone();
        *copy.uri_mut() = request.uri().clone();
        *copy.version_mut() = request.version();
        *copy.headers_mut() = request.headers().clone();
        Some(copy)
    }
}
