//! A client that gives canned answers, and what the tests of this crate ask of errors.

use std::{
    collections::VecDeque,
    convert::Infallible,
    error::Error,
    future::{Ready, ready},
    sync::{Arc, Mutex},
    task::{Context, Poll},
};

use bytes::Bytes;
use clearance_core::TokenError;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::Full;
use tower_service::Service;

use crate::service::sealed::RawReply;

/// Gives its answers in turn, and panics when it is called unready or once too often.
#[derive(Default)]
pub(crate) struct Canned {
    answers: Arc<Mutex<VecDeque<Response<Full<Bytes>>>>>,
    requests: Arc<Mutex<Vec<Request<Full<Bytes>>>>>,
    ready: bool,
}

impl Canned {
    pub(crate) fn new(answers: impl IntoIterator<Item = Response<Full<Bytes>>>) -> Self {
        let canned = Self::default();
        canned.answers.lock().unwrap().extend(answers);
        canned
    }

    pub(crate) fn requests(&self) -> Vec<Request<Full<Bytes>>> {
        self.requests.lock().unwrap().clone()
    }
}

/// Readiness belongs to the value that was made ready.
impl Clone for Canned {
    fn clone(&self) -> Self {
        Self {
            answers: self.answers.clone(),
            requests: self.requests.clone(),
            ready: false,
        }
    }
}

impl Service<Request<Full<Bytes>>> for Canned {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.ready = true;
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Full<Bytes>>) -> Self::Future {
        assert!(std::mem::take(&mut self.ready), "called unready");
        self.requests.lock().unwrap().push(request);
        let answer = self.answers.lock().unwrap().pop_front();
        ready(Ok(answer.expect("one request too many")))
    }
}

pub(crate) fn answer(status: u16, fields: &[(&str, &str)], body: &str) -> Response<Full<Bytes>> {
    let mut response = Response::builder().status(status);
    for (name, value) in fields {
        response = response.header(*name, *value);
    }
    response.body(Full::from(body.to_owned())).unwrap()
}

pub(crate) fn reply(status: u16, fields: &[(&str, &str)], body: &str) -> RawReply {
    let mut headers = HeaderMap::new();
    for (name, value) in fields {
        headers.append(
            http::HeaderName::try_from(*name).unwrap(),
            value.parse().unwrap(),
        );
    }
    let now = tokio::time::Instant::now().into_std();
    RawReply {
        status: StatusCode::from_u16(status).unwrap(),
        headers,
        body: Some(Bytes::from(body.to_owned())),
        sent: now,
        received: now,
    }
}

/// Nothing that an error shows, in any way and at any depth, contains one of `secrets`.
pub(crate) fn assert_silent(error: &TokenError, secrets: &[&str]) {
    let mut shown = format!("{error} {error:?} {error:#?}");
    let mut cause = error.source();
    while let Some(error) = cause {
        shown.push_str(&format!(" {error} {error:?}"));
        cause = error.source();
    }
    for secret in secrets {
        assert!(!shown.contains(secret), "`{secret}` in: {shown}");
    }
}
