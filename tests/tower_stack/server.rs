//! A server in this process: it reads what it is sent, remembers it and answers by a rule.

use std::{
    future::Future,
    io,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard},
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use clearance_test::ReadyProbe;
use http::{
    HeaderValue, Method, Request, Response,
    header::{AUTHORIZATION, CONTENT_ENCODING, LOCATION, RETRY_AFTER},
};
use http_body::Body;
use http_body_util::{BodyExt, Full};
use tokio::time::{Instant, sleep};
use tower::Service;

use crate::BoxError;

pub(crate) const LATENCY: Duration = Duration::from_millis(20);

/// `["Ada Abara","Bela Brandt"]`, compressed.
const GZIPPED: [u8; 47] = [
    31, 139, 8, 0, 0, 0, 0, 0, 2, 3, 139, 86, 114, 76, 73, 84, 112, 76, 74, 44, 74, 84, 210, 81,
    114, 74, 205, 73, 84, 112, 42, 74, 204, 75, 41, 81, 138, 5, 0, 171, 230, 131, 230, 27, 0, 0, 0,
];
pub(crate) const AGENTS: &str = r#"["Ada Abara","Bela Brandt"]"#;

/// Reads what it is sent, and then answers by a rule.
#[derive(Clone)]
pub(crate) struct Server {
    rule: Arc<Rule>,
    seen: Arc<Mutex<Vec<Seen>>>,
}

type Rule = dyn Fn(&Seen, usize) -> Option<Reply> + Send + Sync;
pub(crate) type Reply = Response<Full<Bytes>>;

/// A request as the server saw it.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) at: Instant,
    pub(crate) method: Method,
    pub(crate) url: String,
    /// What stood behind `Bearer `; empty if there was nothing.
    pub(crate) token: String,
    pub(crate) body: Bytes,
}

impl Server {
    /// `rule` is given the request and how many came before it. `None`: it never answers.
    pub(crate) fn new(
        rule: impl Fn(&Seen, usize) -> Option<Reply> + Send + Sync + 'static,
    ) -> Self {
        Self {
            rule: Arc::new(rule),
            seen: Arc::default(),
        }
    }

    pub(crate) fn seen(&self) -> MutexGuard<'_, Vec<Seen>> {
        self.seen.lock().unwrap()
    }

    pub(crate) fn sends(&self) -> usize {
        self.seen().len()
    }

    /// As a service that checks how it is called.
    pub(crate) fn service(&self) -> ReadyProbe<Self> {
        ReadyProbe::new(self.clone())
    }

    async fn answer<B>(self, request: Request<B>) -> io::Result<Reply>
    where
        B: Body<Data = Bytes, Error: Into<BoxError>>,
    {
        let (head, body) = request.into_parts();
        let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
        let bearer = head.headers.get(AUTHORIZATION);
        let token = bearer.and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
        let seen = Seen {
            at: Instant::now(),
            method: head.method,
            url: head.uri.to_string(),
            token: token.unwrap_or_default().to_owned(),
            body,
        };
        let before = {
            let mut all = self.seen();
            all.push(seen.clone());
            all.len() - 1
        };
        let Some(reply) = (self.rule)(&seen, before) else {
            return std::future::pending().await;
        };
        sleep(LATENCY).await;
        Ok(reply)
    }
}

impl<B> Service<Request<B>> for Server
where
    B: Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
{
    type Response = Reply;
    type Error = io::Error;
    type Future = Answer;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Answer {
        Answer(Box::pin(self.clone().answer(request)))
    }
}

/// A future with a name: a bare `Pin<Box<dyn Future>>` within tower's `Buffer` cannot be awaited in a spawned block.
pub(crate) struct Answer(pub(crate) Pin<Box<dyn Future<Output = io::Result<Reply>> + Send>>);

impl Future for Answer {
    type Output = io::Result<Reply>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<Reply>> {
        self.0.as_mut().poll(cx)
    }
}

pub(crate) fn reply(status: u16) -> Reply {
    Response::builder()
        .status(status)
        .body(Full::default())
        .unwrap()
}

pub(crate) fn with(mut reply: Reply, name: http::HeaderName, value: &str) -> Reply {
    let value = HeaderValue::from_str(value).unwrap();
    reply.headers_mut().insert(name, value);
    reply
}

pub(crate) fn limited(seconds: u32) -> Option<Reply> {
    Some(with(reply(429), RETRY_AFTER, &seconds.to_string()))
}

pub(crate) fn redirect(status: u16, to: &str) -> Option<Reply> {
    Some(with(reply(status), LOCATION, to))
}

pub(crate) fn gzipped() -> Option<Reply> {
    let agents = reply(200).map(|_| Full::from(&GZIPPED[..]));
    Some(with(agents, CONTENT_ENCODING, "gzip"))
}

/// Limits the first request for half a minute.
pub(crate) fn limits_once(_: &Seen, before: usize) -> Option<Reply> {
    match before {
        0 => limited(30),
        _ => Some(reply(200)),
    }
}
