//! The layer as its callers see it, on paused time.

mod answering;
mod bounds;
mod budgets;
mod dropped;
mod field;
mod generations;
mod herd;
mod inner;
mod keys;
mod learned;
#[allow(unreachable_pub, reason = "the benchmark uses this file too")]
mod limiter;
mod lone;
mod quotas;
mod refusals;
mod told;
mod waited_out;

use std::{
    collections::VecDeque,
    convert::Infallible,
    fmt::Debug,
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response, header::RETRY_AFTER};
use http_body_util::Full;
use tokio::time::{Instant, sleep};
use tower::{Service, ServiceExt};

use self::answering::Answering;
use super::*;

type Body = Full<Bytes>;
type Reply = Response<Body>;

const SECOND: Duration = Duration::from_secs(1);
const ROUND_TRIP: Duration = Duration::from_millis(20);

/// A server that answers after a round trip by a script, then 200, and that remembers everything sent to it.
#[derive(Clone)]
struct Server(Arc<Mutex<Book>>);

struct Book {
    start: Instant,
    script: VecDeque<Answer>,
    /// Answers instead of the script, for some paths.
    routes: Vec<(&'static str, Answer)>,
    sent: Vec<Sent>,
}

type Answer = (u16, Option<&'static str>);

#[derive(Clone, Debug)]
struct Sent {
    at: Duration,
    path: String,
    body: Body,
}

impl Server {
    /// Answers by status and `Retry-After`, in turn.
    fn script(script: impl IntoIterator<Item = Answer>) -> Self {
        Self(Arc::new(Mutex::new(Book {
            start: Instant::now(),
            script: script.into_iter().collect(),
            routes: vec![],
            sent: vec![],
        })))
    }

    fn route(self, path: &'static str, answer: Answer) -> Self {
        self.0.lock().unwrap().routes.push((path, answer));
        self
    }

    fn sent(&self) -> Vec<Sent> {
        self.0.lock().unwrap().sent.clone()
    }

    fn count(&self, path: &str) -> usize {
        self.sent().iter().filter(|sent| sent.path == path).count()
    }
}

impl Service<Request<Body>> for Server {
    type Response = Reply;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Reply, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let mut book = self.0.lock().unwrap();
        let (at, path) = (book.start.elapsed(), request.uri().path().to_owned());
        let route = book.routes.iter().find(|(route, _)| *route == path);
        let answer = match route.map(|(_, answer)| *answer) {
            Some(answer) => answer,
            None => book.script.pop_front().unwrap_or((200, None)),
        };
        let body = request.into_body();
        book.sent.push(Sent { at, path, body });
        Box::pin(async move {
            sleep(ROUND_TRIP).await;
            Ok(reply(answer))
        })
    }
}

/// A reply body that never ends.
struct Endless;

impl http_body::Body for Endless {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, Infallible>>> {
        Poll::Pending
    }
}

fn reply((status, retry_after): Answer) -> Reply {
    let mut reply = Response::builder().status(status);
    if let Some(retry_after) = retry_after {
        reply = reply.header(RETRY_AFTER, retry_after);
    }
    reply.body(Full::from("reply")).unwrap()
}

fn get(path: &str) -> Request<Body> {
    let uri = format!("https://api.example.com{path}");
    Request::get(uri).body(Full::default()).unwrap()
}

fn layer() -> RateLimitBackoffLayer {
    RateLimitBackoffLayer::new()
}

async fn send<S>(service: &S, request: Request<Body>) -> Reply
where
    S: Service<Request<Body>, Response = Reply, Error: Debug> + Clone,
{
    service.clone().oneshot(request).await.unwrap()
}

/// Sends in a task of its own, and lets it begin.
async fn spawn<S>(service: &S, request: Request<Body>) -> tokio::task::JoinHandle<Reply>
where
    S: Service<Request<Body>, Response = Reply, Error: Debug> + Clone + Send + 'static,
    S::Future: Send,
{
    let call = service.clone().oneshot(request);
    let task = tokio::spawn(async move { call.await.unwrap() });
    tokio::task::yield_now().await;
    task
}

fn about(duration: Duration, expected: f64) -> bool {
    (duration.as_secs_f64() - expected).abs() < 0.1
}
