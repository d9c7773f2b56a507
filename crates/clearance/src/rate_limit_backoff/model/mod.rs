//! The shared pause, in any order of calls, refusals, cancellations and time. See [`crate::model`].

mod keys;
mod left;
mod sent;

use std::{
    collections::VecDeque,
    convert::Infallible,
    future::{Future, poll_fn},
    pin::{Pin, pin},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use http::{Request, Response, header::RETRY_AFTER};
use shuttle::{
    current::context_switches,
    future::{JoinHandle, block_on, spawn, yield_now},
    rand::{Rng, thread_rng},
    thread,
};
use tokio::time::Instant;
use tower::{Layer, Service, ServiceExt};

use super::*;
use crate::model::{World, explore};

const SECOND: Duration = Duration::from_secs(1);
/// What the server may say, in seconds.
const RETRY_IN: [u32; 3] = [1, 2, 4];

/// For so long a limit is remembered, and a key.
const FORGOTTEN: Duration = Duration::from_secs(301);

type Reply = Response<String>;

/// A server that refuses by script, and then takes what comes. It knows when a call may be sent, and fails where one is
/// sent all the same.
#[derive(Clone)]
struct Server {
    book: Arc<Mutex<Book>>,
    /// At which step this clone was found ready.
    ready: usize,
}

#[derive(Default)]
struct Book {
    script: VecDeque<bool>,
    pauses: Vec<Pause>,
    sent: usize,
    refused: usize,
}

/// A pause as a caller knows it who has seen its beginning.
#[derive(Clone, Copy, Debug)]
struct Pause {
    /// The step by which it had begun for all.
    begun: usize,
    until: Instant,
}

/// In the extensions of a request: the step at which its caller handed it in.
#[derive(Clone, Copy)]
struct HandedIn(usize);

impl Server {
    /// Refuses where the script says so.
    fn new(refuses: impl IntoIterator<Item = bool>) -> Self {
        let book = Book {
            script: refuses.into_iter().collect(),
            ..Book::default()
        };
        Self {
            book: Arc::new(Mutex::new(book)),
            ready: 0,
        }
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Service<Request<()>> for Server {
    type Response = Reply;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Reply, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.ready = context_switches();
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<()>) -> Self::Future {
        let HandedIn(handed_in) = *request.extensions().get().unwrap();
        // Handed in and ready: from then on there is nothing to wait for but a pause that is on already.
        let due = handed_in.max(self.ready);
        let now = Instant::now();
        let mut book = self.book();
        let broken = book
            .pauses
            .iter()
            .find(|pause| pause.begun < due && now < pause.until)
            .copied();
        book.sent += 1;
        let refuses = book.script.pop_front().unwrap_or(false);
        let retry_in = RETRY_IN[thread_rng().gen_range(0..RETRY_IN.len())];
        book.refused += usize::from(refuses);
        drop(book);
        let in_time = broken.is_none();
        assert!(in_time, "sent at {now:?}, due from step {due}: {broken:?}");
        Box::pin(async move {
            yield_now().await;
            yield_now().await;
            let reply = Response::builder();
            let reply = match refuses {
                true => reply.status(429).header(RETRY_AFTER, retry_in),
                false => reply.status(200),
            };
            Ok(reply.body(String::new()).unwrap())
        })
    }
}

/// Sees each refusal as it reaches the layer, and by which step the layer has dealt with it.
#[derive(Clone)]
struct Seen<S> {
    inner: S,
    /// And until when nothing may be sent then.
    reached: Arc<Mutex<Option<Instant>>>,
}

impl<S> Service<Request<()>> for Seen<S>
where
    S: Service<Request<()>, Response = Reply>,
    S::Future: Send + 'static,
{
    type Response = Reply;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Reply, S::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<()>) -> Self::Future {
        let (reply, reached) = (self.inner.call(request), self.reached.clone());
        Box::pin(async move {
            let reply = reply.await?;
            if reply.status() == 429 {
                let wait = reply.headers()[RETRY_AFTER].to_str().unwrap();
                let wait = wait.parse::<u32>().unwrap() * SECOND;
                *reached.lock().unwrap() = Some(Instant::now() + wait);
            }
            Ok(reply)
        })
    }
}

/// A call through a service of its own, from its readiness to its outcome: `None` where the layer gave it up.
async fn send<S>(layer: RateLimitBackoffLayer, server: Server, inner: S) -> Option<u16>
where
    S: Service<Request<()>, Response = Reply> + Clone,
    S::Future: Send + 'static,
    S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let reached = Arc::new(Mutex::new(None));
    let mut service = layer.layer(Seen {
        inner,
        reached: reached.clone(),
    });
    service.ready().await.unwrap();
    let request = request("https://api.example.com/");
    let mut reply = pin!(service.call(request));
    let reply = poll_fn(|cx| {
        let polled = reply.as_mut().poll(cx);
        if let Some(until) = reached.lock().unwrap().take() {
            let begun = context_switches();
            server.book().pauses.push(Pause { begun, until });
        }
        polled
    });
    reply.await.ok().map(|reply| reply.status().as_u16())
}

/// That is handed in now.
fn request(to: &'static str) -> Request<()> {
    let handed_in = HandedIn(context_switches());
    Request::get(to).extension(handed_in).body(()).unwrap()
}

/// Lets others go on for a while.
fn dawdle() {
    for _ in 0..thread_rng().gen_range(0..20) {
        thread::yield_now();
    }
}

/// Lets time pass, a moment or a while at a time, until all have ended.
fn wait_for<T>(world: &World, calls: &[JoinHandle<T>]) {
    while !calls.iter().all(JoinHandle::is_finished) {
        match thread_rng().gen_range(0..8) {
            0 => world.pass(2 * SECOND),
            1 => world.pass(SECOND / 2),
            2 => world.pass(SECOND / 20),
            _ => thread::yield_now(),
        }
    }
}
