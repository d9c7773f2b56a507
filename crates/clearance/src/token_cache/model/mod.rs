//! The token cache as its callers meet it, in any order: an issuer and an API by script, and the two layers that share a
//! token. See [`crate::model`].

mod ended;
mod refused;
mod storm;

use std::{
    collections::{BTreeSet, VecDeque},
    convert::Infallible,
    future::{Future, pending},
    panic::resume_unwind,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
    time::{Duration, SystemTime},
};

use clearance_core::{Audience, Token, TokenError, TokenSource, clock::WallClock};
use http::{Request, Response, header::AUTHORIZATION};
use shuttle::{
    future::{JoinHandle, block_on, spawn, yield_now},
    rand::{Rng, thread_rng},
    thread,
};
use tokio::time::Instant;
use tower::{Layer, Service, ServiceExt};

use super::state::ABANDONED;
use crate::{
    Retry401, Retry401Layer, SkewAuth, SkewAuthLayer,
    model::{Planned, World, began},
};

const LIFETIME: Duration = Duration::from_secs(3600);

/// How an issuer answers.
#[derive(Clone, Copy, Debug)]
enum Answer {
    Mint(Duration),
    Deny,
    Fail,
    Panic,
    Hang,
}

/// Issuer and API, and what they saw.
#[derive(Clone)]
struct Servers(Arc<Mutex<Book>>);

struct Book {
    world: World,
    /// Then the issuer mints.
    script: VecDeque<Answer>,
    minted: u64,
    asked: u64,
    /// When the refresh began that asks for a token now.
    asking: Option<Instant>,
    /// Tokens that the API refuses.
    refused: BTreeSet<u64>,
}

type Client = Retry401<SkewAuth<Servers>>;

/// The status of a reply, or the text of the error.
type Outcome = Result<u16, String>;

impl Servers {
    fn new(world: &World, script: impl IntoIterator<Item = Answer>) -> Self {
        Self(Arc::new(Mutex::new(Book {
            world: world.clone(),
            script: script.into_iter().collect(),
            minted: 0,
            asked: 0,
            asking: None,
            refused: BTreeSet::new(),
        })))
    }

    /// The layer over the issuer.
    fn auth(&self) -> SkewAuthLayer {
        SkewAuthLayer::new(self.clone()).wall_clock(Wall(Instant::now()))
    }

    fn client(&self, auth: &SkewAuthLayer) -> Client {
        Retry401Layer::new().layer(auth.layer(self.clone()))
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The API refuses this token from now on.
    fn revoke(&self, id: u64) {
        self.book().refused.insert(id);
    }

    /// From now on the issuer mints and the API accepts.
    fn recover(&self) {
        let mut book = self.book();
        book.script.clear();
        book.refused.clear();
    }

    fn minted(&self) -> u64 {
        self.book().minted
    }

    fn asked(&self) -> u64 {
        self.book().asked
    }
}

impl TokenSource for Servers {
    async fn fetch(&self) -> Result<Token, TokenError> {
        let _asking = Asking::new(self);
        yield_now().await;
        let answer = self.book().script.pop_front();
        let lifetime = match answer.unwrap_or(Answer::Mint(LIFETIME)) {
            Answer::Mint(lifetime) => lifetime,
            Answer::Deny => return Err(TokenError::denied("no such client")),
            Answer::Fail => return Err(TokenError::unavailable("out of order")),
            Answer::Hang => pending().await,
            // Without the hook, which would print it.
            Answer::Panic => resume_unwind(Box::new(Planned)),
        };
        let id = {
            let mut book = self.book();
            book.minted += 1;
            book.minted
        };
        Ok(Token::bearer(&format!("{id}"))?.with_lifetime(lifetime))
    }

    fn audience(&self) -> Option<Audience> {
        Some(Audience::any())
    }
}

/// A token request that is under way: there is one at most, unless nobody drove it for so long that it was given up.
struct Asking {
    servers: Servers,
    began: Instant,
}

impl Asking {
    fn new(servers: &Servers) -> Self {
        let began = began().expect("a task of the library's own");
        let mut book = servers.book();
        book.asked += 1;
        let other = book.asking.replace(began);
        drop(book);
        if let Some(other) = other {
            let is_abandoned = Instant::now() >= other.min(began) + ABANDONED;
            assert!(is_abandoned, "two refreshes at a time");
            servers.book().world.note("abandoned");
        }
        Self {
            servers: servers.clone(),
            began,
        }
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        // Unless it was abandoned for another one.
        let mut book = self.servers.book();
        book.asking = book.asking.filter(|asking| *asking != self.began);
    }
}

impl Service<Request<()>> for Servers {
    type Response = Response<String>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<String>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<()>) -> Self::Future {
        let servers = self.clone();
        Box::pin(async move {
            yield_now().await;
            let token = request.headers()[AUTHORIZATION].to_str().unwrap();
            let id = token.strip_prefix("Bearer ").unwrap().parse().unwrap();
            let is_refused = servers.book().refused.contains(&id);
            let status = if is_refused { 401 } else { 200 };
            // What is known of the token here may be old news when the reply arrives.
            yield_now().await;
            let reply = Response::builder().status(status).body(String::new());
            Ok(reply.unwrap())
        })
    }
}

/// A wall clock that keeps pace with tokio's time.
struct Wall(Instant);

impl WallClock for Wall {
    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + self.0.elapsed()
    }
}

/// One call, from its readiness to its outcome.
async fn send<S>(client: S) -> Outcome
where
    S: Service<Request<()>, Response = Response<String>, Error: std::fmt::Display>,
{
    let request = Request::get("https://api.example.com/").body(()).unwrap();
    let reply = client.oneshot(request).await;
    reply
        .map(|reply| reply.status().as_u16())
        .map_err(|error| error.to_string())
}

/// Lets others go on for a while.
fn dawdle() {
    for _ in 0..thread_rng().gen_range(0..30) {
        thread::yield_now();
    }
}

/// So many calls at once.
fn calls(count: usize, client: &Client) -> Vec<JoinHandle<Outcome>> {
    let call = |_| spawn(send(client.clone()));
    (0..count).map(call).collect()
}

fn outcome(call: JoinHandle<Outcome>) -> Outcome {
    block_on(call).unwrap()
}
