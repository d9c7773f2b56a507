//! gRPC over the whole stack on loopback sockets: a generated client over tonic's `Channel`, in real time.
#![allow(
    clippy::unwrap_used,
    clippy::needless_pass_by_value,
    reason = "test code"
)]

#[path = "../examples/grpc/agents.rs"]
mod agents;
#[path = "../examples/grpc/status.rs"]
mod status;

use std::{
    collections::HashSet,
    future::Future,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use bytes::Bytes;
use clearance::{
    Audience, RateLimitBackoffLayer, ReplayBody, ReplayBodyLayer, Retry401Layer, SkewAuthLayer,
    TokenError,
};
use clearance_test::{ScriptedSource, Step};
use prost::Message;
use tokio::{
    sync::{Notify, Semaphore, mpsc},
    time::{Instant, timeout},
};
use tonic::{
    Code, Request, Response, Status, Streaming,
    body::Body,
    client::GrpcService,
    codegen::{
        BoxStream,
        tokio_stream::{StreamExt, iter, wrappers::ReceiverStream},
    },
    metadata::MetadataMap,
    transport::{Channel, Endpoint, Server, server::TcpIncoming},
};
use tower::ServiceBuilder;

use self::{
    agents::{
        Agent, Agents, AgentsClient as Client, AgentsServer, GetRequest, ImportSummary,
        WatchRequest,
    },
    status::status_of,
};

const MILLISECOND: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);

/// Every test is over long before, or hangs.
const DEADLINE: Duration = Duration::from_secs(30);

async fn within<T>(future: impl Future<Output = T>) -> T {
    timeout(DEADLINE, future).await.expect("hangs")
}

// ===== the server =====

/// A server that judges each request by a rule, and remembers what it saw.
#[derive(Clone)]
struct Api(Arc<Inner>);

/// Is given a request and how many came before it.
trait Rule: Fn(&Seen, usize) -> Result<(), Status> + Send + Sync + 'static {}

impl<F: Fn(&Seen, usize) -> Result<(), Status> + Send + Sync + 'static> Rule for F {}

struct Inner {
    rule: Box<dyn Rule>,
    /// Whether a stream of messages is judged before the first of them is read.
    at_the_door: bool,
    seen: Mutex<Vec<Seen>>,
    /// What is sent to the one who watches.
    watched: Mutex<Option<mpsc::Receiver<Result<Agent, Status>>>>,
    /// One for each message that was read of a stream.
    read: Semaphore,
}

/// A request as the server saw it.
#[derive(Clone, Debug)]
struct Seen {
    at: Instant,
    /// What stood behind `Bearer `; empty if there was nothing.
    token: String,
    /// What stood in `grpc-timeout`.
    timeout: Option<Duration>,
    /// What stood in `x-tenant`, a field of the caller's own.
    tenant: Option<String>,
    /// The messages, encoded.
    messages: Vec<Vec<u8>>,
}

impl Seen {
    fn new(metadata: &MetadataMap) -> Self {
        let field = |name| metadata.get(name).and_then(|value| value.to_str().ok());
        let token = field("authorization").and_then(|value| value.strip_prefix("Bearer "));
        Self {
            at: Instant::now(),
            token: token.unwrap_or_default().to_owned(),
            timeout: field("grpc-timeout").map(timeout_of),
            tenant: field("x-tenant").map(str::to_owned),
            messages: Vec::new(),
        }
    }
}

/// At most eight digits and a unit.
fn timeout_of(text: &str) -> Duration {
    let (digits, unit) = text.split_at(text.len() - 1);
    assert!((1..=8).contains(&digits.len()), "{text}");
    let count: u64 = digits.parse().unwrap();
    match unit {
        "H" => Duration::from_secs(count * 3_600),
        "M" => Duration::from_secs(count * 60),
        "S" => Duration::from_secs(count),
        "m" => Duration::from_millis(count),
        "u" => Duration::from_micros(count),
        "n" => Duration::from_nanos(count),
        _ => panic!("{text}"),
    }
}

impl Api {
    fn new(rule: impl Rule) -> Self {
        Self::judging(rule, false)
    }

    fn at_the_door(rule: impl Rule) -> Self {
        Self::judging(rule, true)
    }

    fn judging(rule: impl Rule, at_the_door: bool) -> Self {
        Self(Arc::new(Inner {
            rule: Box::new(rule),
            at_the_door,
            seen: Mutex::default(),
            watched: Mutex::default(),
            read: Semaphore::new(0),
        }))
    }

    fn seen(&self) -> MutexGuard<'_, Vec<Seen>> {
        self.0.seen.lock().unwrap()
    }

    fn tokens(&self) -> Vec<String> {
        self.seen().iter().map(|seen| seen.token.clone()).collect()
    }

    /// What is sent in here is what the next one who watches gets.
    fn watched(&self) -> mpsc::Sender<Result<Agent, Status>> {
        let (sender, receiver) = mpsc::channel(1);
        *self.0.watched.lock().unwrap() = Some(receiver);
        sender
    }

    fn judge(&self, seen: Seen) -> Result<(), Status> {
        let before = {
            let mut all = self.seen();
            all.push(seen.clone());
            all.len() - 1
        };
        (self.0.rule)(&seen, before)
    }

    /// A channel to it. The server ends with the runtime of the test.
    async fn serve(&self) -> Channel {
        let incoming = TcpIncoming::bind(([127, 0, 0, 1], 0).into()).unwrap();
        let url = format!("http://{}", incoming.local_addr().unwrap());
        let service = AgentsServer::new(self.clone());
        let server = Server::builder().add_service(service);
        tokio::spawn(server.serve_with_incoming(incoming));
        within(Endpoint::new(url).unwrap().connect()).await.unwrap()
    }
}

#[tonic::async_trait]
impl Agents for Api {
    type WatchStream = BoxStream<Agent>;

    async fn get(&self, request: Request<GetRequest>) -> Result<Response<Agent>, Status> {
        let mut seen = Seen::new(request.metadata());
        seen.messages.push(request.get_ref().encode_to_vec());
        self.judge(seen)?;
        Ok(Response::new(agent(request.into_inner().id)))
    }

    async fn watch(
        &self,
        request: Request<WatchRequest>,
    ) -> Result<Response<BoxStream<Agent>>, Status> {
        let mut seen = Seen::new(request.metadata());
        seen.messages.push(request.get_ref().encode_to_vec());
        self.judge(seen)?;
        let watched = self.0.watched.lock().unwrap().take();
        let watched = watched.ok_or_else(|| Status::internal("watched twice"))?;
        Ok(Response::new(Box::pin(ReceiverStream::new(watched))))
    }

    async fn import(
        &self,
        request: Request<Streaming<Agent>>,
    ) -> Result<Response<ImportSummary>, Status> {
        let mut seen = Seen::new(request.metadata());
        let mut summary = ImportSummary::default();
        if self.0.at_the_door {
            self.judge(seen.clone())?;
        }
        let mut stream = request.into_inner();
        while let Some(agent) = stream.next().await {
            let agent = agent?;
            self.0.read.add_permits(1);
            summary.agents += 1;
            summary.bytes += agent.photo.len() as u64;
            seen.messages.push(agent.encode_to_vec());
        }
        if self.0.at_the_door {
            let mut all = self.seen();
            let entered = all.iter_mut().rfind(|other| other.at == seen.at).unwrap();
            entered.messages = seen.messages;
        } else {
            self.judge(seen)?;
        }
        Ok(Response::new(summary))
    }
}

fn agent(id: impl ToString) -> Agent {
    let id = id.to_string();
    let name = format!("agent {id}");
    Agent {
        id,
        name,
        photo: Bytes::new(),
    }
}

/// So many agents of about a kibibyte each, no two alike.
fn crowd(count: u32) -> Vec<Agent> {
    let photo = |of: u32| (0..1024).map(|at: u32| (at * 31 + of * 7) as u8).collect();
    (0..count)
        .map(|of| Agent {
            photo: photo(of),
            ..agent(of)
        })
        .collect()
}

fn encoded(agents: &[Agent]) -> Vec<Vec<u8>> {
    agents.iter().map(Message::encode_to_vec).collect()
}

fn get(id: impl ToString) -> GetRequest {
    let id = id.to_string();
    GetRequest { id }
}

/// Takes every token but this one.
fn all_but(stale: &'static str) -> impl Rule {
    move |seen: &Seen, _| match seen.token != stale && !seen.token.is_empty() {
        true => Ok(()),
        false => Err(Status::unauthenticated("no good token")),
    }
}

/// Refuses the first request for its rate.
fn limited_once(push_back: Option<&'static str>) -> impl Rule {
    move |_: &Seen, before| match before {
        0 => Err(limited(push_back)),
        _ => Ok(()),
    }
}

fn limited(push_back: Option<&'static str>) -> Status {
    let mut status = Status::resource_exhausted("slow down");
    if let Some(milliseconds) = push_back {
        let milliseconds = milliseconds.parse().unwrap();
        let metadata = status.metadata_mut();
        metadata.insert("grpc-retry-pushback-ms", milliseconds);
    }
    status
}

// ===== the client =====

/// What a generated client needs below it, to be cloned and called from tasks.
trait Stack:
    GrpcService<Body, ResponseBody = Body, Error = Status, Future: Send> + Clone + Send + 'static
{
}

impl<S> Stack for S where
    S: GrpcService<Body, ResponseBody = Body, Error = Status, Future: Send>
        + Clone
        + Send
        + 'static
{
}

/// The recommended stack under a generated client.
fn client(channel: Channel, auth: &SkewAuthLayer) -> Client<impl Stack + use<>> {
    limited_client(channel, auth, &RateLimitBackoffLayer::new())
}

fn limited_client(
    channel: Channel,
    auth: &SkewAuthLayer,
    limits: &RateLimitBackoffLayer,
) -> Client<impl Stack + use<>> {
    Client::new(
        ServiceBuilder::new()
            .map_err(status_of)
            .layer(ReplayBodyLayer::new())
            .layer(Retry401Layer::new())
            .layer(limits.clone())
            .layer(auth.clone())
            .map_request(|request: http::Request<ReplayBody<Body>>| request.map(Body::new))
            .service(channel),
    )
}

/// The first token is refused by [`all_but`]`("stale")`.
fn stale_then_fresh() -> ScriptedSource {
    ScriptedSource::new(["stale", "fresh"])
}

// ===== calls that need no cure =====

#[tokio::test]
async fn every_kind_of_call_goes_through() {
    let api = Api::new(all_but("stale"));
    let source = ScriptedSource::new(["good"]);
    let mut client = client(api.serve().await, &SkewAuthLayer::new(source.clone()));

    let one = within(client.get(get(7))).await.unwrap().into_inner();
    assert_eq!(one, agent(7));

    let watched = api.watched();
    let mut stream = within(client.watch(WatchRequest::default()))
        .await
        .unwrap()
        .into_inner();
    watched.send(Ok(agent(1))).await.unwrap();
    drop(watched);
    assert_eq!(within(stream.message()).await.unwrap(), Some(agent(1)));
    assert_eq!(within(stream.message()).await.unwrap(), None);

    let crowd = crowd(3);
    let summary = within(client.import(iter(crowd.clone()))).await.unwrap();
    assert_eq!(summary.get_ref().agents, 3);
    assert_eq!(api.seen()[2].messages, encoded(&crowd));

    assert_eq!(api.tokens(), ["good"; 3]);
    assert_eq!(source.fetches(), 1);
}

#[tokio::test]
async fn a_message_arrives_before_the_next_one_is_sent() {
    let api = Api::new(all_but("stale"));
    let source = stale_then_fresh();
    let mut client = client(api.serve().await, &SkewAuthLayer::new(source.clone()));

    // The reply is handed up before there is any message, and after a replay too.
    let watched = api.watched();
    let mut stream = within(client.watch(WatchRequest::default()))
        .await
        .unwrap()
        .into_inner();
    for nth in 0..5 {
        watched.send(Ok(agent(nth))).await.unwrap();
        // The server has no more than this one, so whoever waits for more waits in vain.
        assert_eq!(within(stream.message()).await.unwrap(), Some(agent(nth)));
    }
    drop(watched);
    assert_eq!(within(stream.message()).await.unwrap(), None);
    assert_eq!(api.tokens(), ["stale", "fresh"]);
    assert_eq!(source.fetches(), 2);
}

#[tokio::test]
async fn a_message_is_read_before_the_next_one_is_written() {
    let api = Api::new(all_but("stale"));
    let source = ScriptedSource::new(["good"]);
    let mut client = client(api.serve().await, &SkewAuthLayer::new(source));

    let (sender, receiver) = mpsc::channel(1);
    let call = tokio::spawn(async move { client.import(ReceiverStream::new(receiver)).await });
    for nth in 0..5 {
        within(sender.send(agent(nth))).await.unwrap();
        within(api.0.read.acquire()).await.unwrap().forget();
    }
    drop(sender);
    let summary = within(call).await.unwrap().unwrap();
    assert_eq!(summary.get_ref().agents, 5);
}

#[tokio::test]
async fn tonic_does_not_say_where_a_request_goes() {
    let api = Api::new(all_but("stale"));
    let channel = api.serve().await;
    let audience = Audience::origin("https://agents.example.com").unwrap();
    let source = ScriptedSource::new(["good"]).with_audience(audience.clone());
    let mut careful = client(channel.clone(), &SkewAuthLayer::new(source.clone()));
    let status = within(careful.get(get(1))).await.unwrap_err();
    assert_eq!(status.code(), Code::Unauthenticated);
    assert_eq!(api.tokens(), [""], "no token, and no second try");

    let source = source.with_audience(audience.or_unaddressed());
    let mut trusting = client(channel, &SkewAuthLayer::new(source));
    within(trusting.get(get(1))).await.unwrap();
    assert_eq!(api.tokens(), ["", "good"]);
}

// ===== refusals =====

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_calls_across_a_revocation_cost_one_refresh() {
    const CALLS: usize = 1_000;
    const BEFORE: usize = 300;
    // Revoked while it is used: after so many calls.
    let (used, refused) = (AtomicUsize::new(0), Arc::new(AtomicUsize::new(0)));
    let count = refused.clone();
    let api = Api::new(move |seen, _| match &*seen.token {
        "token-1" if used.fetch_add(1, SeqCst) < BEFORE => Ok(()),
        "token-2" => Ok(()),
        _ => {
            count.fetch_add(1, SeqCst);
            Err(Status::unauthenticated("revoked"))
        }
    });
    let source = ScriptedSource::counting().with_delay(100 * MILLISECOND);
    let auth = SkewAuthLayer::new(source.clone());
    let client = client(api.serve().await, &auth);

    let calls: Vec<_> = (0..CALLS)
        .map(|id| {
            let mut client = client.clone();
            tokio::spawn(async move { client.get(get(id)).await })
        })
        .collect();
    within(async {
        for (id, call) in calls.into_iter().enumerate() {
            let reply = call.await.unwrap().unwrap();
            assert_eq!(reply.into_inner(), agent(id));
        }
    })
    .await;

    assert_eq!(source.fetches(), 2);
    assert_eq!(auth.status().refreshes.total(), 2);
    let refused = refused.load(SeqCst);
    assert!(refused > 0);
    let seen = api.seen();
    assert_eq!(seen.len(), CALLS + refused, "each refused call once more");
    let messages: HashSet<_> = seen.iter().map(|seen| &seen.messages).collect();
    assert_eq!(messages.len(), CALLS);
}

#[tokio::test]
async fn a_refused_call_is_sent_again_as_it_was() {
    let api = Api::new(all_but("stale"));
    let source = stale_then_fresh();
    let mut client = client(api.serve().await, &SkewAuthLayer::new(source.clone()));

    let mut request = Request::new(get("7 \u{1f6e9} \0 and more"));
    let metadata = request.metadata_mut();
    metadata.insert("x-tenant", "acme".parse().unwrap());
    let bytes = request.get_ref().encode_to_vec();
    let reply = within(client.get(request)).await.unwrap();
    assert_eq!(reply.into_inner().id, "7 \u{1f6e9} \0 and more");

    assert_eq!(api.tokens(), ["stale", "fresh"]);
    let seen = api.seen();
    for seen in &*seen {
        assert_eq!(seen.messages, [&*bytes]);
        assert_eq!(seen.tenant.as_deref(), Some("acme"));
    }
    assert_eq!(source.fetches(), 2);
}

#[tokio::test]
async fn a_refusal_that_no_token_cures_is_the_servers_own() {
    let api = Api::new(|_, _| {
        let mut status = Status::unauthenticated("not you");
        let metadata = status.metadata_mut();
        metadata.insert("x-request-id", "42".parse().unwrap());
        Err(status)
    });
    let denied = TokenError::denied("invalid_client").without_retry();
    let source = ScriptedSource::script([Step::token("only"), Step::Fail(denied)]);
    let mut client = client(api.serve().await, &SkewAuthLayer::new(source.clone()));
    let status = within(client.get(get(1))).await.unwrap_err();
    assert_eq!(
        (status.code(), status.message()),
        (Code::Unauthenticated, "not you")
    );
    assert_eq!(status.metadata().get("x-request-id").unwrap(), "42");
    assert_eq!(api.tokens(), ["only"]);
    assert_eq!(source.fetches(), 2);
}

#[tokio::test]
async fn another_status_is_none_of_our_business() {
    let api = Api::new(|_, _| Err(Status::permission_denied("not this one")));
    let source = ScriptedSource::counting();
    let mut client = client(api.serve().await, &SkewAuthLayer::new(source.clone()));
    let status = within(client.get(get(1))).await.unwrap_err();
    assert_eq!(status.code(), Code::PermissionDenied);
    assert_eq!((api.seen().len(), source.fetches()), (1, 1));
}

#[tokio::test]
async fn a_refusal_in_the_trailers_is_not_sent_again() {
    let api = Api::new(|_, _| Ok(()));
    let source = ScriptedSource::counting();
    let mut client = client(api.serve().await, &SkewAuthLayer::new(source.clone()));

    // After a message has gone to the caller there is no going back.
    let watched = api.watched();
    let mut stream = within(client.watch(WatchRequest::default()))
        .await
        .unwrap()
        .into_inner();
    watched.send(Ok(agent(1))).await.unwrap();
    assert_eq!(within(stream.message()).await.unwrap(), Some(agent(1)));
    let refusal = Status::unauthenticated("revoked meanwhile");
    watched.send(Err(refusal)).await.unwrap();
    let status = within(stream.message()).await.unwrap_err();
    assert_eq!(
        (status.code(), status.message()),
        (Code::Unauthenticated, "revoked meanwhile")
    );
    assert_eq!((api.seen().len(), source.fetches()), (1, 1));

    // Before any message, but after the header, the reply has been handed up too.
    let watched = api.watched();
    let mut stream = within(client.watch(WatchRequest::default()))
        .await
        .unwrap()
        .into_inner();
    let refusal = Status::unauthenticated("revoked meanwhile");
    watched.send(Err(refusal)).await.unwrap();
    let status = within(stream.message()).await.unwrap_err();
    assert_eq!(status.code(), Code::Unauthenticated);
    assert_eq!((api.seen().len(), source.fetches()), (2, 1));
}

// ===== streams of the client =====

#[tokio::test]
async fn a_small_stream_is_sent_again_to_the_byte() {
    let api = Api::new(all_but("stale"));
    let source = stale_then_fresh();
    let mut client = client(api.serve().await, &SkewAuthLayer::new(source.clone()));
    let crowd = crowd(40);
    let summary = within(client.import(iter(crowd.clone()))).await.unwrap();
    let ImportSummary { agents, bytes } = summary.into_inner();
    assert_eq!((agents, bytes), (40, 40 * 1024));
    assert_eq!(api.tokens(), ["stale", "fresh"]);
    for seen in &*api.seen() {
        assert_eq!(seen.messages, encoded(&crowd));
    }
    assert_eq!(source.fetches(), 2);
}

#[tokio::test]
async fn a_stream_that_cannot_be_kept_is_sent_once() {
    let api = Api::new(all_but("stale"));
    let source = stale_then_fresh();
    let mut client = client(api.serve().await, &SkewAuthLayer::new(source.clone()));
    let large = crowd(100);
    let status = within(client.import(iter(large.clone())))
        .await
        .unwrap_err();
    assert_eq!(
        (status.code(), status.message()),
        (Code::Unauthenticated, "no good token")
    );
    assert_eq!(api.tokens(), ["stale"]);
    assert_eq!(api.seen()[0].messages, encoded(&large));

    // The refusal was heard all the same: the next call has a new token.
    let summary = within(client.import(iter(large.clone()))).await.unwrap();
    assert_eq!(summary.get_ref().agents, 100);
    assert_eq!(api.tokens(), ["stale", "fresh"]);
    assert_eq!(api.seen()[1].messages, encoded(&large));
    assert_eq!(source.fetches(), 2);
}

#[tokio::test]
async fn a_stream_that_is_refused_at_its_beginning_goes_on_in_the_replay() {
    let again = Arc::new(Notify::new());
    let (seen_again, judge) = (again.clone(), all_but("stale"));
    let api = Api::at_the_door(move |seen, before| {
        if before == 1 {
            seen_again.notify_one();
        }
        judge(seen, before)
    });
    let source = stale_then_fresh();
    let mut client = client(api.serve().await, &SkewAuthLayer::new(source.clone()));

    let (sender, receiver) = mpsc::channel(1);
    let call = tokio::spawn(async move { client.import(ReceiverStream::new(receiver)).await });
    let all = crowd(5);
    within(sender.send(all[0].clone())).await.unwrap();
    // The others are not there before the second attempt has reached the server.
    within(again.notified()).await;
    for agent in &all[1..] {
        within(sender.send(agent.clone())).await.unwrap();
    }
    drop(sender);
    let summary = within(call).await.unwrap().unwrap();
    assert_eq!(summary.get_ref().agents, 5);
    assert_eq!(api.tokens(), ["stale", "fresh"]);
    assert_eq!(api.seen()[1].messages, encoded(&all));
    assert_eq!(source.fetches(), 2);
}

#[tokio::test]
async fn a_large_stream_that_is_refused_at_its_beginning_is_whole_or_refused() {
    let api = Api::at_the_door(all_but("stale"));
    let source = stale_then_fresh();
    let mut client = client(api.serve().await, &SkewAuthLayer::new(source.clone()));
    let large = crowd(300);
    // How much of it has left when the refusal comes is a matter of luck.
    match within(client.import(iter(large.clone()))).await {
        Ok(summary) => {
            assert_eq!(summary.get_ref().agents, 300);
            assert_eq!(api.tokens(), ["stale", "fresh"]);
            assert_eq!(api.seen()[1].messages, encoded(&large));
        }
        Err(status) => {
            assert_eq!(
                (status.code(), status.message()),
                (Code::Unauthenticated, "no good token")
            );
            assert_eq!(api.tokens(), ["stale"]);
        }
    }
    assert_eq!(source.fetches(), 2);
}

// ===== rate limits =====

#[tokio::test]
async fn a_push_back_is_waited_out() {
    let api = Api::new(limited_once(Some("300")));
    let source = ScriptedSource::counting();
    let mut client = client(api.serve().await, &SkewAuthLayer::new(source.clone()));
    let reply = within(client.get(get(7))).await.unwrap();
    assert_eq!(reply.into_inner(), agent(7));
    let seen = api.seen();
    assert_eq!(seen.len(), 2);
    assert!(seen[1].at - seen[0].at >= 300 * MILLISECOND);
    assert_eq!(seen[0].messages, seen[1].messages);
    assert_eq!(source.fetches(), 1, "a limit is not the token's fault");
}

#[tokio::test]
async fn a_limit_without_a_push_back_is_passed_on() {
    for push_back in [None, Some("-1"), Some("soon")] {
        let api = Api::new(limited_once(push_back));
        let source = ScriptedSource::counting();
        let mut client = client(api.serve().await, &SkewAuthLayer::new(source));
        let status = within(client.get(get(7))).await.unwrap_err();
        assert_eq!(
            (status.code(), status.message()),
            (Code::ResourceExhausted, "slow down"),
            "{push_back:?}"
        );
        assert_eq!(api.seen().len(), 1, "{push_back:?}");
        // And nobody else is held for it.
        within(client.get(get(7))).await.unwrap();
        assert_eq!(api.seen().len(), 2, "{push_back:?}");
    }
}

#[tokio::test]
async fn one_push_back_holds_every_call() {
    const CALLS: usize = 20;
    let first = Mutex::new(None);
    let api = Api::new(move |seen, _| {
        let since = *first.lock().unwrap().get_or_insert(seen.at);
        match seen.at - since >= SECOND {
            true => Ok(()),
            false => Err(limited(Some("1000"))),
        }
    });
    let auth = SkewAuthLayer::new(ScriptedSource::counting());
    let limits = RateLimitBackoffLayer::new();
    let client = limited_client(api.serve().await, &auth, &limits);
    let call = |id| {
        let mut client = client.clone();
        tokio::spawn(async move { client.get(get(id)).await })
    };

    let mut calls = vec![call(0)];
    until_limited(&limits).await;
    calls.extend((1..CALLS).map(call));
    for call in calls {
        within(call).await.unwrap().unwrap();
    }
    assert_eq!(api.seen().len(), CALLS + 1, "only the first was refused");
}

/// Until the client knows of a limit.
async fn until_limited(limits: &RateLimitBackoffLayer) {
    within(async {
        while limits.status().keys.iter().all(|key| key.pause.is_none()) {
            tokio::time::sleep(MILLISECOND).await;
        }
    })
    .await;
}

// ===== deadlines =====

fn get_within(longest: Duration) -> Request<GetRequest> {
    let mut request = Request::new(get(7));
    request.set_timeout(longest);
    request
}

/// Takes every call without a deadline, and judges the others by the rule.
fn with_a_deadline(rule: impl Rule) -> impl Rule {
    let before = AtomicUsize::new(0);
    move |seen: &Seen, _| match seen.timeout {
        Some(_) => rule(seen, before.fetch_add(1, SeqCst)),
        None => Ok(()),
    }
}

/// That each request was given less time than the one before, by what was waited in between, which was this at least.
fn assert_lowered(seen: &[Seen], given: Duration, waits: &[Duration]) {
    let given_to = |seen: &Seen| seen.timeout.unwrap();
    assert_eq!(seen.len(), waits.len() + 1);
    assert_eq!(given_to(&seen[0]), given);
    for (pair, waited) in seen.windows(2).zip(waits) {
        let (before, after) = (given_to(&pair[0]), given_to(&pair[1]));
        assert!(
            after + *waited <= before,
            "{before:?}, {waited:?} later {after:?}"
        );
        // Between the two the server saw the wait go by, and the way there and back.
        let (lowered, passed) = (before - after, pair[1].at - pair[0].at);
        assert!(
            lowered <= passed + 50 * MILLISECOND,
            "{lowered:?} of {passed:?}"
        );
    }
}

/// Calls once without a deadline, so that there is a token, and then with this one.
async fn call_within(longest: Duration, api: &Api, source: ScriptedSource) {
    let mut client = client(api.serve().await, &SkewAuthLayer::new(source));
    within(client.get(get(0))).await.unwrap();
    within(client.get(get_within(longest))).await.unwrap();
}

/// A token that is good until it is refused, and then one that takes this long to come.
fn then_fresh_after(delay: Duration) -> ScriptedSource {
    ScriptedSource::script([Step::token("stale"), Step::token("fresh").after(delay)])
}

#[tokio::test]
async fn a_push_back_is_taken_off_the_deadline() {
    let api = Api::new(with_a_deadline(limited_once(Some("400"))));
    call_within(20 * SECOND, &api, ScriptedSource::counting()).await;
    assert_lowered(&api.seen()[1..], 20 * SECOND, &[400 * MILLISECOND]);
}

#[tokio::test]
async fn a_refresh_is_taken_off_the_deadline() {
    let api = Api::new(with_a_deadline(all_but("stale")));
    call_within(20 * SECOND, &api, then_fresh_after(400 * MILLISECOND)).await;
    assert_lowered(&api.seen()[1..], 20 * SECOND, &[400 * MILLISECOND]);
}

#[tokio::test]
async fn a_refresh_and_then_a_push_back_are_taken_off_the_deadline() {
    let api = Api::new(with_a_deadline(|_, before| match before {
        0 => Err(Status::unauthenticated("revoked")),
        1 => Err(limited(Some("300"))),
        _ => Ok(()),
    }));
    call_within(20 * SECOND, &api, then_fresh_after(400 * MILLISECOND)).await;
    let waits = [400 * MILLISECOND, 300 * MILLISECOND];
    assert_lowered(&api.seen()[1..], 20 * SECOND, &waits);
}

#[tokio::test]
async fn a_push_back_and_then_a_refresh_are_taken_off_the_deadline() {
    let api = Api::new(with_a_deadline(|_, before| match before {
        0 => Err(limited(Some("300"))),
        1 => Err(Status::unauthenticated("revoked")),
        _ => Ok(()),
    }));
    call_within(20 * SECOND, &api, then_fresh_after(400 * MILLISECOND)).await;
    let waits = [300 * MILLISECOND, 400 * MILLISECOND];
    assert_lowered(&api.seen()[1..], 20 * SECOND, &waits);
}

#[tokio::test]
async fn the_wait_for_the_first_token_is_taken_off_the_deadline() {
    let api = Api::new(|_, _| Ok(()));
    let source = ScriptedSource::counting().with_delay(400 * MILLISECOND);
    let mut client = client(api.serve().await, &SkewAuthLayer::new(source));
    let began = Instant::now();
    within(client.get(get_within(20 * SECOND))).await.unwrap();
    let given = api.seen()[0].timeout.unwrap();
    let lowered = 20 * SECOND - given;
    assert!(lowered >= 400 * MILLISECOND, "{lowered:?}");
    assert!(lowered <= began.elapsed(), "{lowered:?}");
}

#[tokio::test]
async fn the_wait_for_the_first_token_stays_taken_off_when_the_call_is_sent_again() {
    let api = Api::new(limited_once(Some("300")));
    let source = ScriptedSource::counting().with_delay(400 * MILLISECOND);
    let mut client = client(api.serve().await, &SkewAuthLayer::new(source));
    within(client.get(get_within(20 * SECOND))).await.unwrap();
    let seen = api.seen();
    let given: Vec<_> = seen.iter().map(|seen| seen.timeout.unwrap()).collect();
    assert!(given[0] <= 20 * SECOND - 400 * MILLISECOND, "{given:?}");
    assert!(given[1] <= given[0] - 300 * MILLISECOND, "{given:?}");
}

#[tokio::test]
async fn a_push_back_that_does_not_fit_is_not_slept() {
    let api = Api::new(limited_once(Some("20000")));
    let source = ScriptedSource::counting();
    let mut client = client(api.serve().await, &SkewAuthLayer::new(source));
    let began = Instant::now();
    let status = within(client.get(get_within(10 * SECOND)))
        .await
        .unwrap_err();
    assert!(began.elapsed() < 5 * SECOND, "{:?}", began.elapsed());
    assert_eq!(
        (status.code(), status.message()),
        (Code::ResourceExhausted, "slow down")
    );
    assert_eq!(api.seen().len(), 1);
}

#[tokio::test]
async fn a_refresh_that_does_not_fit_is_not_waited_for() {
    let api = Api::new(all_but("stale"));
    let source = ScriptedSource::script([Step::token("stale"), Step::Hang]);
    let mut client = client(api.serve().await, &SkewAuthLayer::new(source.clone()));
    let began = Instant::now();
    let status = within(client.get(get_within(2 * SECOND)))
        .await
        .unwrap_err();
    assert!(began.elapsed() < 8 * SECOND, "{:?}", began.elapsed());
    assert_eq!(
        (status.code(), status.message()),
        (Code::Unauthenticated, "no good token")
    );
    assert_eq!((api.seen().len(), source.fetches()), (1, 2));
}

#[tokio::test]
async fn a_token_that_comes_too_late_is_not_waited_for() {
    let api = Api::new(|_, _| Ok(()));
    let source = ScriptedSource::script([Step::Hang]);
    let mut client = client(api.serve().await, &SkewAuthLayer::new(source));
    let began = Instant::now();
    let status = within(client.get(get_within(2 * SECOND)))
        .await
        .unwrap_err();
    assert!(began.elapsed() < 8 * SECOND, "{:?}", began.elapsed());
    assert_eq!(status.code(), Code::Unavailable);
    assert_eq!(api.seen().len(), 0);
}

#[tokio::test]
async fn a_call_is_not_held_beyond_its_deadline() {
    let api = Api::new(limited_once(Some("20000")));
    let auth = SkewAuthLayer::new(ScriptedSource::counting());
    let limits = RateLimitBackoffLayer::new();
    let mut client = limited_client(api.serve().await, &auth, &limits);
    let mut patient = client.clone();
    let patient = tokio::spawn(async move { patient.get(get(1)).await });
    until_limited(&limits).await;

    let began = Instant::now();
    let status = within(client.get(get_within(10 * SECOND)))
        .await
        .unwrap_err();
    assert!(began.elapsed() < 5 * SECOND, "{:?}", began.elapsed());
    assert_eq!(status.code(), Code::ResourceExhausted);
    assert_eq!(api.seen().len(), 1, "it was never sent");
    patient.abort();
}

// ===== a source that fails =====

#[tokio::test]
async fn a_failing_source_is_told_by_kind() {
    let failures = [
        (TokenError::denied("invalid_client"), Code::Unauthenticated),
        (TokenError::throttled(None, "too many"), Code::Unavailable),
        (TokenError::unavailable("down"), Code::Unavailable),
        (TokenError::malformed("HTML"), Code::Internal),
    ];
    let api = Api::new(|_, _| Ok(()));
    let channel = api.serve().await;
    for (error, code) in failures {
        let told = error.to_string();
        let source = ScriptedSource::script([Step::Fail(error.without_retry())]);
        let mut client = client(channel.clone(), &SkewAuthLayer::new(source.clone()));
        let status = within(client.get(get(1))).await.unwrap_err();
        assert_eq!((status.code(), status.message()), (code, &*told));
        let status = within(client.import(iter(crowd(1)))).await.unwrap_err();
        assert_eq!((status.code(), status.message()), (code, &*told));
        assert_eq!(source.fetches(), 1, "the second call met the hold-off");
    }
    assert_eq!(api.seen().len(), 0);
}
