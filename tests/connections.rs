//! What becomes of HTTP/1.1 connections whose replies are given up for a replay: counted at the server.
#![allow(clippy::unwrap_used, reason = "test code")]

mod tls;

use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use bytes::Bytes;
use clearance::{
    RateLimitBackoff, RateLimitBackoffLayer, ReplayBodyLayer, Retry401, Retry401Layer, SkewAuth,
    SkewAuthLayer,
};
use clearance_test::ScriptedSource;
use http::{
    Request, Response,
    header::{AUTHORIZATION, RETRY_AFTER},
};
use http_body::Body;
use http_body_util::{BodyExt, Full, combinators::UnsyncBoxBody};
use hyper::body::Incoming;
use tls::{Authority, BoxError, HOST, Protocol, Server, Streamed, TlsClient};
use tokio::time::{Instant, sleep, timeout};
use tower::{Layer, Service, ServiceBuilder, ServiceExt};

type Stack<B> = Retry401<RateLimitBackoff<SkewAuth<TlsClient<B>>>>;
type ReplyBody = UnsyncBoxBody<Bytes, BoxError>;

const CALLS: usize = 100;
const SECOND: Duration = Duration::from_secs(1);

/// A call that comes while the last connection is just being given back begins a new one, and both are kept. That is the
/// client's own doing and soon over: two or three, and a few more while handshakes are slow.
const SPARE: usize = 10;

/// An API that takes one token at a time, and limits when it is told to.
#[derive(Clone)]
struct Api(Arc<State>);

struct State {
    refusal: Refusal,
    error: ErrorBody,
    /// The number of the token that is good.
    good: AtomicUsize,
    limits_next: AtomicBool,
    refused: AtomicUsize,
    served: AtomicUsize,
}

#[derive(Clone, Copy, Debug)]
enum Refusal {
    Unauthorized,
    Limited,
}

/// The body of a refusal.
#[derive(Clone, Copy, Debug)]
enum ErrorBody {
    /// So many bytes, with their length in the head.
    Known(usize),
    /// 5 kB, chunked, of which the last one comes 50 ms after the others.
    SlowTail,
    /// Chunked, and the end never comes.
    Endless,
}

impl ErrorBody {
    fn body(self) -> ReplyBody {
        let known = |length| Full::from(vec![b'x'; length]).map_err(Into::into);
        let pause = match self {
            Self::Known(length) => return known(length).boxed_unsync(),
            Self::SlowTail => SECOND / 20,
            Self::Endless => Duration::MAX,
        };
        let (sender, body) = Streamed::new(None);
        tokio::spawn(async move {
            let part = |length| Ok(Bytes::from(vec![b'x'; length]));
            // Nobody may be listening any more.
            if sender.send(part(4000)).await.is_ok() {
                sleep(pause).await;
                let _ = sender.send(part(1000)).await;
            }
        });
        body.map_err(Into::into).boxed_unsync()
    }
}

impl Api {
    fn new(refusal: Refusal, error: ErrorBody) -> Self {
        Self(Arc::new(State {
            refusal,
            error,
            good: AtomicUsize::new(1),
            limits_next: AtomicBool::new(false),
            refused: AtomicUsize::new(0),
            served: AtomicUsize::new(0),
        }))
    }

    async fn start(&self, authority: &Authority) -> Server {
        let api = self.clone();
        Server::start(&authority.issue(HOST), move |request| {
            api.clone().answer(request)
        })
        .await
    }

    /// The next request is refused.
    fn refuse(&self) {
        match self.0.refusal {
            Refusal::Unauthorized => drop(self.0.good.fetch_add(1, SeqCst)),
            Refusal::Limited => self.0.limits_next.store(true, SeqCst),
        }
    }

    async fn answer(self, request: Request<Incoming>) -> Response<ReplyBody> {
        let (head, body) = request.into_parts();
        assert_eq!(body.collect().await.unwrap().to_bytes(), upload());
        let good = format!("Bearer token-{}", self.0.good.load(SeqCst));
        let response = if head.headers[AUTHORIZATION] != good {
            Response::builder().status(401)
        } else if self.0.limits_next.swap(false, SeqCst) {
            Response::builder().status(429).header(RETRY_AFTER, "0.01")
        } else {
            self.0.served.fetch_add(1, SeqCst);
            let served = Full::from("done").map_err(Into::into).boxed_unsync();
            return Response::new(served);
        };
        self.0.refused.fetch_add(1, SeqCst);
        response.body(self.0.error.body()).unwrap()
    }
}

fn upload() -> Bytes {
    Bytes::from_static(&[b'u'; 3000])
}

/// Calls one after the other, each refused once and cured. How many connections did they take?
async fn connections_of(calls: usize, refusal: Refusal, error: ErrorBody) -> usize {
    count(calls, refusal, error, ServiceBuilder::new(), || {
        Full::<Bytes>::from(upload())
    })
    .await
}

/// The same with bodies that are made as they are sent, in two chunks.
async fn connections_of_streamed(calls: usize, refusal: Refusal, error: ErrorBody) -> usize {
    let layers = ServiceBuilder::new().layer(ReplayBodyLayer::new());
    count(calls, refusal, error, layers, || {
        let (sender, body) = Streamed::new(None);
        tokio::spawn(async move {
            let mut rest = upload();
            for part in [rest.split_to(1000), rest] {
                sender.send(Ok(part)).await.unwrap();
            }
        });
        body
    })
    .await
}

/// `outermost` goes on top of the stack; `B` is the callers' body, `C` the one that the client gets.
async fn count<L, B, C>(
    calls: usize,
    refusal: Refusal,
    error: ErrorBody,
    outermost: ServiceBuilder<L>,
    body: impl Fn() -> B,
) -> usize
where
    L: Layer<Stack<C>, Service: Clone>,
    L::Service: Service<Request<B>, Response = Response<Incoming>, Error = BoxError>,
    C: Body<Data: Send> + Send,
{
    let authority = Authority::new();
    let api = Api::new(refusal, error);
    let server = api.start(&authority).await;
    let auth = SkewAuthLayer::new(ScriptedSource::counting());
    let stack = ServiceBuilder::new()
        .layer(Retry401Layer::new())
        .layer(RateLimitBackoffLayer::new())
        .layer(auth.clone())
        .service(authority.client(Protocol::Http1));
    let stack = outermost.service(stack);

    // The token is accepted once, so that its refusal later on is a revocation.
    for nth in 0..=calls {
        if nth > 0 {
            api.refuse();
            // No more than six refreshes would be forced by refusals in a row.
            auth.retry_now();
        }
        let request = Request::post(server.url()).body(body()).unwrap();
        let response = bounded(stack.clone().oneshot(request)).await.unwrap();
        assert_eq!(response.status(), 200, "{refusal:?} {error:?}");
        let body = bounded(response.into_body().collect()).await.unwrap();
        assert_eq!(body.to_bytes(), "done");
    }
    assert_eq!(api.0.refused.load(SeqCst), calls);
    assert_eq!(api.0.served.load(SeqCst), calls + 1);
    let connections = server.connections();
    println!("{refusal:?}, {error:?}: {calls} refusals, {connections} connections");
    connections
}

async fn bounded<T>(what: impl Future<Output = T>) -> T {
    timeout(30 * SECOND, what).await.expect("a call hangs")
}

/// Error bodies within 64 KiB and a second are read, and their connections used again.
async fn short_refusals_cost_no_connection(refusal: Refusal) {
    let (ten, most, slow) = tokio::join!(
        connections_of(CALLS, refusal, ErrorBody::Known(10)),
        connections_of(CALLS, refusal, ErrorBody::Known(64 * 1024)),
        connections_of(CALLS, refusal, ErrorBody::SlowTail),
    );
    assert!(ten <= SPARE, "{ten} connections for bodies of 10 bytes");
    assert!(most <= SPARE, "{most} connections for bodies of 64 KiB");
    assert!(slow <= SPARE, "{slow} connections for bodies with a tail");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_401s_with_short_bodies_cost_no_connection() {
    short_refusals_cost_no_connection(Refusal::Unauthorized).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_429s_with_short_bodies_cost_no_connection() {
    short_refusals_cost_no_connection(Refusal::Limited).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_streamed_uploads_that_are_sent_twice_cost_no_connection() {
    let (refused, limited) = tokio::join!(
        connections_of_streamed(CALLS, Refusal::Unauthorized, ErrorBody::Known(10)),
        connections_of_streamed(CALLS, Refusal::Limited, ErrorBody::Known(10)),
    );
    assert!(refused <= SPARE, "{refused} connections for 401s");
    assert!(limited <= SPARE, "{limited} connections for 429s");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_with_a_long_body_costs_one_connection_at_most() {
    for refusal in [Refusal::Unauthorized, Refusal::Limited] {
        let long = connections_of(CALLS, refusal, ErrorBody::Known(200_000)).await;
        assert!(long <= CALLS + SPARE, "{long} connections");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_without_an_end_costs_a_second_and_its_connection() {
    let start = Instant::now();
    let (refused, limited) = tokio::join!(
        connections_of(3, Refusal::Unauthorized, ErrorBody::Endless),
        connections_of(3, Refusal::Limited, ErrorBody::Endless),
    );
    let took = start.elapsed();
    assert!(took >= 3 * SECOND && took < 20 * SECOND, "{took:?}");
    for connections in [refused, limited] {
        assert!((1 + 3..=3 + SPARE).contains(&connections), "{connections}");
    }
}
