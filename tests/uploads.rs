//! Streamed uploads with a refusal in the way: they arrive whole, or the refusal comes back.
#![allow(clippy::unwrap_used, reason = "test code")]

mod tls;

use std::{
    future::Future,
    io,
    pin::Pin,
    sync::{
        Arc, LazyLock,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use clearance::{RateLimitBackoffLayer, ReplayBody, ReplayBodyLayer, Retry401Layer, SkewAuthLayer};
use clearance_test::ScriptedSource;
use http::{
    Request, Response,
    header::{AUTHORIZATION, RETRY_AFTER},
};
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use sha2::{Digest, Sha256};
use tls::{Authority, BoxError, HOST, Identity, Protocol, Server, Streamed, TlsClient, in_full};
use tokio::{
    sync::{mpsc, watch},
    time::timeout,
};
use tower::{ServiceBuilder, ServiceExt};

type Hash = [u8; 32];
type Reply = Response<Incoming>;

const KIB: usize = 1024;
/// What is kept of a body.
const KEPT: usize = 64 * KIB;
const DEADLINE: Duration = Duration::from_secs(30);

/// 10 MiB of which no part is like another.
static CONTENT: LazyLock<Bytes> = LazyLock::new(|| {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut content = Vec::with_capacity(10 * KIB * KIB);
    while content.len() < 10 * KIB * KIB {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        content.extend_from_slice(&state.to_le_bytes());
    }
    content.into()
});

fn hash(content: &[u8]) -> Hash {
    Sha256::digest(content).into()
}

/// A body in frames of an odd size, that cannot be cloned.
struct Upload {
    rest: Bytes,
    is_known: bool,
}

impl Body for Upload {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let next = self.rest.len().min(10_007);
        Poll::Ready((next > 0).then(|| Ok(Frame::data(self.rest.split_to(next)))))
    }

    fn size_hint(&self) -> SizeHint {
        if self.is_known {
            SizeHint::with_exact(self.rest.len() as u64)
        } else {
            SizeHint::new()
        }
    }
}

// ===== Server =====

/// When the server refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum When {
    /// After it has read the body.
    Late,
    /// At once; it reads the body all the same.
    Early,
    /// At once, and it reads no more.
    Deaf,
}

/// An API that refuses the first request.
#[derive(Clone)]
struct Api {
    status: u16,
    when: When,
    limits_next: Arc<AtomicBool>,
    /// How many requests have arrived.
    arrived: watch::Sender<usize>,
    records: mpsc::UnboundedSender<Record>,
}

/// What became of a request's body.
#[derive(Debug)]
struct Record {
    is_accepted: bool,
    /// `None`: it was not read to its end.
    hash: Option<Hash>,
}

/// What the server has seen.
struct Seen {
    server: Server,
    arrived: watch::Receiver<usize>,
    records: mpsc::UnboundedReceiver<Record>,
}

impl Api {
    async fn start(identity: &Identity, status: u16, when: When) -> Seen {
        let (arrived, arrivals) = watch::channel(0);
        let (records, recorded) = mpsc::unbounded_channel();
        let api = Self {
            status,
            when,
            limits_next: Arc::new(AtomicBool::new(status == 429)),
            arrived,
            records,
        };
        let server = Server::start(identity, move |request| api.clone().answer(request)).await;
        Seen {
            server,
            arrived: arrivals,
            records: recorded,
        }
    }

    async fn answer(self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        self.arrived.send_modify(|arrived| *arrived += 1);
        let (head, body) = request.into_parts();
        let is_stale = self.status == 401 && head.headers[AUTHORIZATION] != "Bearer fresh";
        let is_refused = is_stale || self.limits_next.swap(false, SeqCst);
        let record = move |hash: Option<Hash>| Record {
            is_accepted: hash.is_some() && !is_refused,
            hash,
        };
        match self.when {
            When::Early if is_refused => {
                let records = self.records.clone();
                tokio::spawn(async move { records.send(record(read(body).await)) });
            }
            When::Deaf if is_refused => self.records.send(record(None)).unwrap(),
            _ => {
                let read = read(body).await;
                self.records.send(record(read)).unwrap();
            }
        }
        let response = Response::builder().status(if is_refused { self.status } else { 200 });
        let response = match self.status {
            429 if is_refused => response.header(RETRY_AFTER, "0.01"),
            _ => response,
        };
        response.body(Full::from("done")).unwrap()
    }
}

/// The hash of a body that arrives whole.
async fn read(mut body: Incoming) -> Option<Hash> {
    let mut hash = Sha256::new();
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame.ok()?.into_data() {
            hash.update(&data);
        }
    }
    Some(hash.finalize().into())
}

impl Seen {
    /// What became of the bodies of all requests so far.
    async fn records(&mut self) -> Vec<Record> {
        let mut records = Vec::new();
        while records.len() < self.server.requests() {
            records.push(bounded(self.records.recv()).await.unwrap());
        }
        records
    }
}

// ===== Client =====

async fn bounded<T>(what: impl Future<Output = T>) -> T {
    timeout(DEADLINE, what).await.expect("a call hangs")
}

fn stack<B>(
    client: TlsClient<ReplayBody<B>>,
) -> impl tower::Service<Request<B>, Response = Reply, Error = BoxError>
where
    B: Body<Data = Bytes, Error = io::Error> + Send + Unpin + 'static,
{
    ServiceBuilder::new()
        .layer(ReplayBodyLayer::new())
        .layer(Retry401Layer::new())
        .layer(RateLimitBackoffLayer::new())
        .layer(SkewAuthLayer::new(ScriptedSource::new(["stale", "fresh"])))
        .service(client)
}

async fn upload<B>(
    authority: &Authority,
    protocol: Protocol,
    to: &Server,
    body: B,
) -> Result<Reply, BoxError>
where
    B: Body<Data = Bytes, Error = io::Error> + Send + Unpin + 'static,
{
    let request = Request::post(to.url()).body(body).unwrap();
    bounded(stack(authority.client(protocol)).oneshot(request)).await
}

// ===== Whole, or refused =====

const SIZES: [usize; 6] = [0, 1, KEPT - 1, KEPT, KEPT + 1, 10 * KIB * KIB];

/// Uploads of all sizes, with and without a known length, each with one refusal in the way.
async fn uploads_arrive_whole_or_are_refused(protocol: Protocol, status: u16) {
    let authority = Authority::new();
    let identity = authority.issue(HOST);
    for size in SIZES {
        let content = CONTENT.slice(..size);
        let sent = hash(&content);
        for when in [When::Late, When::Early, When::Deaf] {
            for is_known in [true, false] {
                let case = format!("{size} bytes, known: {is_known}, refused {when:?}");
                let mut seen = Api::start(&identity, status, when).await;
                let body = Upload {
                    rest: content.clone(),
                    is_known,
                };
                let outcome = upload(&authority, protocol, &seen.server, body).await;
                let records = seen.records().await;
                let arrived = outcome_of(outcome, &records, &sent, status, &case);

                let fits = size <= KEPT;
                // Who closes a connection of HTTP/1.1 with unread data in it may take its own reply back.
                let may_be_cut = when == When::Deaf && protocol == Protocol::Http1;
                // How much had been sent when the reply came is a matter of chance.
                let may_fit = when != When::Late && !is_known;
                let expected = match arrived {
                    Some(true) => fits || may_fit,
                    Some(false) => !fits,
                    None => may_be_cut,
                };
                assert!(expected, "{case}: {arrived:?}");
            }
        }
    }
}

/// Whether the upload arrived whole (`true`), or its refusal came back (`false`); `None`: the connection broke.
fn outcome_of(
    outcome: Result<Reply, BoxError>,
    records: &[Record],
    sent: &Hash,
    status: u16,
    case: &str,
) -> Option<bool> {
    for hash in records.iter().filter_map(|record| record.hash) {
        assert_eq!(hash, *sent, "{case}: it arrived other than it was sent");
    }
    let accepted = records.iter().filter(|record| record.is_accepted).count();
    let arrived = match outcome {
        Ok(reply) if reply.status() == 200 => Some(true),
        Ok(reply) => {
            assert_eq!(reply.status(), status, "{case}");
            Some(false)
        }
        Err(error) => {
            println!("{case}: {}", in_full(error.as_ref()));
            None
        }
    };
    let expected = usize::from(arrived == Some(true));
    assert_eq!(accepted, expected, "{case}: {records:?}");
    arrived
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_http_1_uploads_refused_by_401_arrive_whole_or_are_refused() {
    uploads_arrive_whole_or_are_refused(Protocol::Http1, 401).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_http_1_uploads_refused_by_429_arrive_whole_or_are_refused() {
    uploads_arrive_whole_or_are_refused(Protocol::Http1, 429).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_h2_uploads_refused_by_401_arrive_whole_or_are_refused() {
    uploads_arrive_whole_or_are_refused(Protocol::Http2, 401).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_h2_uploads_refused_by_429_arrive_whole_or_are_refused() {
    uploads_arrive_whole_or_are_refused(Protocol::Http2, 429).await;
}

// ===== Still being sent =====

/// A body of which the second half comes only when the request was refused and sent again.
async fn a_replay_takes_over(protocol: Protocol, status: u16, second_half: io::Result<Bytes>) {
    let authority = Authority::new();
    let identity = authority.issue(HOST);
    let first_half = CONTENT.slice(..20_000);
    for is_known in [true, false] {
        let case = format!("{protocol:?}, {status}, known: {is_known}");
        let mut seen = Api::start(&identity, status, When::Early).await;
        let (parts, body) = Streamed::new(is_known.then_some(40_000));
        let call = upload(&authority, protocol, &seen.server, body);

        let feed = async {
            parts.send(Ok(first_half.clone())).await.unwrap();
            bounded(seen.arrived.wait_for(|arrived| *arrived == 2))
                .await
                .unwrap();
            // What comes now is read by the second sending.
            let second_half = match &second_half {
                Ok(data) => Ok(data.clone()),
                Err(error) => Err(io::Error::other(error.to_string())),
            };
            parts.send(second_half).await.unwrap();
            drop(parts);
        };
        let (outcome, ()) = tokio::join!(call, feed);
        let records = seen.records().await;
        let [one, other] = &records[..] else {
            panic!("{case}: {records:?}");
        };
        match &second_half {
            Ok(second_half) => {
                assert_eq!(outcome.unwrap().status(), 200, "{case}");
                let sent = hash(&[&first_half[..], &second_half[..]].concat());
                let (first, second) = if one.is_accepted {
                    (other, one)
                } else {
                    (one, other)
                };
                assert!(second.is_accepted, "{case}");
                assert_eq!(second.hash, Some(sent), "{case}");
                // It is cut off, unless it gets to look only when all is kept.
                let cut_off = first.hash.is_none_or(|hash| hash == sent);
                assert!(cut_off, "{case}: it was cut off and looked whole");
            }
            Err(error) => {
                assert_fails(&outcome.unwrap_err(), error, protocol);
                assert_eq!((one.hash, other.hash), (None, None), "{case}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replay_takes_over_a_body_that_is_still_being_sent() {
    for protocol in Protocol::BOTH {
        for status in [401, 429] {
            a_replay_takes_over(protocol, status, Ok(CONTENT.slice(20_000..40_000))).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_that_fails_under_its_replay_fails_the_call() {
    for protocol in Protocol::BOTH {
        for status in [401, 429] {
            let error = io::Error::other("the disk is gone");
            a_replay_takes_over(protocol, status, Err(error)).await;
        }
    }
}

/// hyper tells the body's own error over HTTP/1.1; over h2 it resets the stream and keeps the reason to itself.
fn assert_fails(failure: &BoxError, error: &io::Error, protocol: Protocol) {
    let said = in_full(failure.as_ref());
    let reason = match protocol {
        Protocol::Http1 => &format!("error from user's Body stream: {error}"),
        Protocol::Http2 => "stream error sent by user: unexpected internal error encountered",
    };
    assert!(said.ends_with(reason), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_that_fails_is_sent_once_and_its_error_reaches_the_caller() {
    let authority = Authority::new();
    let identity = authority.issue(HOST);
    for protocol in Protocol::BOTH {
        for (size, is_known) in [
            (10_000, true),
            (10_000, false),
            (200_000, true),
            (200_000, false),
        ] {
            let case = format!("{protocol:?}, after {size} bytes, known: {is_known}");
            // It would take the body, had it ever arrived.
            let mut seen = Api::start(&identity, 200, When::Late).await;
            let (parts, body) = Streamed::new(is_known.then_some(300_000));
            let call = upload(&authority, protocol, &seen.server, body);
            let feed = async {
                for part in CONTENT.slice(..size).chunks(5_000) {
                    parts.send(Ok(Bytes::copy_from_slice(part))).await.unwrap();
                }
                // So that there is a request that could be sent again.
                bounded(seen.arrived.wait_for(|arrived| *arrived == 1))
                    .await
                    .unwrap();
                let error = io::Error::other("the disk is gone");
                parts.send(Err(error)).await.unwrap();
            };
            let (outcome, ()) = tokio::join!(call, feed);
            let error = io::Error::other("the disk is gone");
            assert_fails(&outcome.unwrap_err(), &error, protocol);
            let records = seen.records().await;
            assert_eq!(records.len(), 1, "{case}: {records:?}");
            assert_eq!(records[0].hash, None, "{case}");
        }
    }
}
