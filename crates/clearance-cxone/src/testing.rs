//! A client that answers by path, and keeps what it was asked.

use std::{
    collections::HashMap,
    convert::Infallible,
    error::Error,
    future::{Ready, ready},
    sync::{Arc, Mutex},
    task::{Context, Poll},
};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use bytes::Bytes;
use clearance_core::TokenError;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use tower_service::Service;

/// Answers with what was last set for the path, 404 if nothing was.
#[derive(Clone, Default)]
pub(crate) struct Routes {
    answers: Arc<Mutex<HashMap<String, (u16, String)>>>,
    requests: Arc<Mutex<Vec<Request<Full<Bytes>>>>>,
}

impl Routes {
    pub(crate) fn set(&self, path: &str, status: u16, body: &str) {
        let answer = (status, body.to_owned());
        self.answers.lock().unwrap().insert(path.to_owned(), answer);
    }

    /// Method and URL of the requests since the last call.
    pub(crate) fn log(&self) -> Vec<String> {
        let requests = self.requests.lock().unwrap().split_off(0);
        let shown = |request: &Request<_>| format!("{} {}", request.method(), request.uri());
        requests.iter().map(shown).collect()
    }

    /// The last request to `path`, with its body.
    pub(crate) async fn last(&self, path: &str) -> (http::request::Parts, String) {
        let requests = self.requests.lock().unwrap().clone();
        let found = requests
            .into_iter()
            .rfind(|request| request.uri().path() == path);
        let (head, body) = found.unwrap().into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        (head, String::from_utf8(body.to_vec()).unwrap())
    }
}

impl Service<Request<Full<Bytes>>> for Routes {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Full<Bytes>>) -> Self::Future {
        let answers = self.answers.lock().unwrap();
        let (status, body) = answers
            .get(request.uri().path())
            .cloned()
            .unwrap_or((404, String::new()));
        self.requests.lock().unwrap().push(request);
        // Every status has a `Location`, which only redirects mean.
        let response = Response::builder()
            .status(status)
            .header("location", "https://evil.test/");
        ready(Ok(response.body(Full::from(body)).unwrap()))
    }
}

pub(crate) fn id_token(claims: &str) -> String {
    let encode = |text: &str| BASE64_URL_SAFE_NO_PAD.encode(text);
    format!(
        "{}.{}.{}",
        encode("{}"),
        encode(claims),
        encode("signature")
    )
}

/// Everything that an error shows, in any way and at any depth.
pub(crate) fn shown(error: &TokenError) -> String {
    let mut shown = format!("{error} {error:?}");
    let mut cause = error.source();
    while let Some(error) = cause {
        shown.push_str(&format!(" {error} {error:?}"));
        cause = error.source();
    }
    shown
}
