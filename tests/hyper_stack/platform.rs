//! What calls and token requests meet: each token makes the one before it stale; on demand all are, or calls are limited.

use std::sync::{
    Arc, Mutex, MutexGuard,
    atomic::{AtomicUsize, Ordering::SeqCst},
};

use http::{
    Request, Response, StatusCode, Version,
    header::{AUTHORIZATION, RETRY_AFTER, WWW_AUTHENTICATE},
};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use tokio::time::Instant;

use crate::{Body, SECOND};

/// An issuer of tokens, and an API that takes the last of them.
#[derive(Clone, Default)]
pub(crate) struct Platform(Arc<State>);

#[derive(Default)]
struct State {
    issued: AtomicUsize,
    /// The number of the token that is good; 0: none is.
    good: AtomicUsize,
    served: AtomicUsize,
    refused: AtomicUsize,
    limited: AtomicUsize,
    limit: Mutex<Limit>,
    versions: Mutex<Vec<Version>>,
}

#[derive(Clone, Copy, Default)]
enum Limit {
    #[default]
    Off,
    /// From the next request on, for a second.
    Armed,
    Until(Instant),
}

impl Platform {
    pub(crate) async fn token(self, request: Request<Incoming>) -> Response<Body> {
        let form = request.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(form, "grant_type=client_credentials");
        let number = self.0.issued.fetch_add(1, SeqCst) + 1;
        self.0.good.store(number, SeqCst);
        let answer = format!(
            r#"{{"access_token": "token-{number}", "token_type": "bearer", "expires_in": 3600}}"#
        );
        Response::new(Full::from(answer))
    }

    pub(crate) async fn api(self, request: Request<Incoming>) -> Response<Body> {
        let state = &self.0;
        state.versions.lock().unwrap().push(request.version());
        let good = format!("Bearer token-{}", state.good.load(SeqCst));
        let token = request.headers().get(AUTHORIZATION);
        let is_good = token.is_some_and(|token| token == &good);
        request.into_body().collect().await.unwrap();
        let limited = state.limit.lock().unwrap().strikes();
        let (status, count) = match (is_good, limited) {
            (false, _) => (StatusCode::UNAUTHORIZED, &state.refused),
            (true, true) => (StatusCode::TOO_MANY_REQUESTS, &state.limited),
            (true, false) => (StatusCode::OK, &state.served),
        };
        count.fetch_add(1, SeqCst);
        let mut response = Response::builder().status(status);
        if status == StatusCode::UNAUTHORIZED {
            response = response.header(WWW_AUTHENTICATE, r#"Bearer error="invalid_token""#);
        }
        if status == StatusCode::TOO_MANY_REQUESTS {
            response = response.header(RETRY_AFTER, 1);
        }
        response.body(Full::from("done")).unwrap()
    }

    pub(crate) fn revoke(&self) {
        self.0.good.store(0, SeqCst);
    }

    pub(crate) fn limit(&self) {
        *self.0.limit.lock().unwrap() = Limit::Armed;
    }

    pub(crate) fn token_requests(&self) -> usize {
        self.0.issued.load(SeqCst)
    }

    pub(crate) fn served(&self) -> usize {
        self.0.served.load(SeqCst)
    }

    pub(crate) fn refused(&self) -> usize {
        self.0.refused.load(SeqCst)
    }

    pub(crate) fn limited(&self) -> usize {
        self.0.limited.load(SeqCst)
    }

    /// Of each request to the API.
    pub(crate) fn versions(&self) -> MutexGuard<'_, Vec<Version>> {
        self.0.versions.lock().unwrap()
    }
}

impl Limit {
    fn strikes(&mut self) -> bool {
        let now = Instant::now();
        if matches!(self, Self::Armed) {
            *self = Self::Until(now + SECOND);
        }
        matches!(self, Self::Until(end) if now < *end)
    }
}
