//! An API in this process, for the tests on paused time. Each test file uses a part of it.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::needless_pass_by_value,
    reason = "test code, of which each file uses a part"
)]

use std::{
    collections::HashMap,
    convert::Infallible,
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard},
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use clearance::{Retry401, Retry401Layer, SkewAuth, SkewAuthLayer, TokenSource};
use clearance_test::ReadyProbe;
use http::{Request, Response, StatusCode, header::AUTHORIZATION};
use http_body_util::{BodyExt, Full};
use tokio::time::Instant;
use tower::{Service, ServiceBuilder, ServiceExt};

pub(crate) type Body = Full<Bytes>;
pub(crate) type BoxError = Box<dyn std::error::Error + Send + Sync>;

pub(crate) const SECOND: Duration = Duration::from_secs(1);
pub(crate) const MINUTE: Duration = Duration::from_secs(60);
pub(crate) const URL: &str = "https://api.example.com/users";

/// An API that judges each request by a rule, and remembers what it saw.
#[derive(Clone)]
pub(crate) struct Api(Arc<Inner>);

type Rule = Box<dyn Fn(&Seen, usize) -> Verdict + Send + Sync>;

struct Inner {
    rule: Rule,
    latency: Duration,
    seen: Mutex<Vec<Seen>>,
}

/// A request as the API saw it.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) at: Instant,
    /// What stood behind `Bearer `; empty if there was nothing.
    pub(crate) token: String,
    pub(crate) body: Bytes,
    pub(crate) head: Request<()>,
}

/// What the API says to a request.
#[derive(Clone, Debug, Default)]
pub(crate) struct Verdict {
    pub(crate) status: StatusCode,
    pub(crate) headers: Vec<(&'static str, String)>,
}

impl From<u16> for Verdict {
    fn from(status: u16) -> Self {
        Self {
            status: StatusCode::from_u16(status).unwrap(),
            headers: Vec::new(),
        }
    }
}

impl Verdict {
    pub(crate) fn with(mut self, name: &'static str, value: impl ToString) -> Self {
        self.headers.push((name, value.to_string()));
        self
    }
}

impl Api {
    /// `rule` is given the request and how many came before it.
    pub(crate) fn new<V: Into<Verdict>>(
        rule: impl Fn(&Seen, usize) -> V + Send + Sync + 'static,
    ) -> Self {
        Self::slow(Duration::from_millis(20), rule)
    }

    pub(crate) fn slow<V: Into<Verdict>>(
        latency: Duration,
        rule: impl Fn(&Seen, usize) -> V + Send + Sync + 'static,
    ) -> Self {
        let rule = Box::new(move |seen: &Seen, before: usize| rule(seen, before).into());
        Self(Arc::new(Inner {
            rule,
            latency,
            seen: Mutex::default(),
        }))
    }

    pub(crate) fn seen(&self) -> MutexGuard<'_, Vec<Seen>> {
        self.0.seen.lock().unwrap()
    }

    /// This API as a service that checks how it is called.
    pub(crate) fn service(&self) -> ReadyProbe<Self> {
        ReadyProbe::new(self.clone())
    }

    async fn answer(self, request: Request<Body>) -> Result<Response<Body>, Infallible> {
        let (head, body) = request.into_parts();
        let body = body.collect().await?.to_bytes();
        let bearer = head
            .headers
            .get(AUTHORIZATION)
            .and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
        let token = bearer.unwrap_or_default().to_owned();
        let seen = Seen {
            at: Instant::now(),
            token,
            body,
            head: Request::from_parts(head, ()),
        };
        // A token is judged when the request arrives: half of the latency is the way there.
        tokio::time::sleep(self.0.latency / 2).await;
        let before = {
            let mut all = self.seen();
            all.push(seen.clone());
            all.len() - 1
        };
        let verdict = (self.0.rule)(&seen, before);
        tokio::time::sleep(self.0.latency / 2).await;
        let mut response = Response::builder().status(verdict.status);
        for (name, value) in verdict.headers {
            response = response.header(name, value);
        }
        Ok(response.body(Full::from("done")).unwrap())
    }
}

impl Service<Request<Body>> for Api {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        Box::pin(self.clone().answer(request))
    }
}

/// The tokens that an API takes.
#[derive(Clone, Default)]
pub(crate) struct Good(Arc<Mutex<HashMap<String, Instant>>>);

impl Good {
    /// From now on only this one.
    pub(crate) fn only(&self, token: &str) {
        *self.0.lock().unwrap() = HashMap::from([(token.to_owned(), Instant::now())]);
    }

    /// And this one as well.
    pub(crate) fn also(&self, token: &str) {
        let mut good = self.0.lock().unwrap();
        good.insert(token.to_owned(), Instant::now());
    }

    pub(crate) fn status(&self, token: &str) -> u16 {
        if self.0.lock().unwrap().contains_key(token) {
            200
        } else {
            401
        }
    }
}

/// `Retry401` over `SkewAuth` over `api`, and the layer to ask for its status.
pub(crate) fn stack<S: Clone>(
    source: impl TokenSource,
    api: S,
) -> (SkewAuthLayer, Retry401<SkewAuth<S>>) {
    let auth = SkewAuthLayer::new(source);
    let stack = ServiceBuilder::new()
        .layer(Retry401Layer::new())
        .layer(auth.clone())
        .service(api);
    (auth, stack)
}

pub(crate) fn get() -> Request<Body> {
    Request::get(URL).body(Full::default()).unwrap()
}

/// How a call ended, and how long it took.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) began: Duration,
    pub(crate) took: Duration,
    pub(crate) result: Result<Response<Body>, BoxError>,
}

impl Ended {
    pub(crate) fn status(&self) -> Option<u16> {
        self.result
            .as_ref()
            .ok()
            .map(|response| response.status().as_u16())
    }
}

/// Calls at a steady rate, each in a task of its own, until `length` has gone by; then waits for all of them.
pub(crate) async fn calls_at<S>(per_second: u32, length: Duration, stack: &S) -> Vec<Ended>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = BoxError> + Clone + Send + 'static,
    S::Future: Send,
{
    let start = Instant::now();
    let mut ticks = tokio::time::interval(SECOND / per_second);
    let mut tasks = Vec::new();
    while start.elapsed() < length {
        ticks.tick().await;
        tasks.push(tokio::spawn(timed(start, stack.clone())));
    }
    let mut ended = Vec::new();
    for task in tasks {
        ended.push(task.await.unwrap());
    }
    ended
}

/// `count` callers that call one after the other, each `pause` after its last call ended, until `length` has gone by.
pub(crate) async fn callers<S>(
    count: usize,
    pause: Duration,
    length: Duration,
    stack: &S,
) -> Vec<Ended>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = BoxError> + Clone + Send + 'static,
    S::Future: Send,
{
    let start = Instant::now();
    let tasks: Vec<_> = (0..count)
        .map(|_| {
            let stack = stack.clone();
            tokio::spawn(async move {
                let mut ended = Vec::new();
                while start.elapsed() < length {
                    ended.push(timed(start, stack.clone()).await);
                    tokio::time::sleep(pause).await;
                }
                ended
            })
        })
        .collect();
    let mut ended = Vec::new();
    for task in tasks {
        ended.extend(task.await.unwrap());
    }
    ended
}

async fn timed<S>(start: Instant, stack: S) -> Ended
where
    S: Service<Request<Body>, Response = Response<Body>, Error = BoxError>,
{
    let began = Instant::now();
    let result = stack.oneshot(get()).await;
    Ended {
        began: began - start,
        took: began.elapsed(),
        result,
    }
}
