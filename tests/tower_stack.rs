//! The layers among those of tower and tower-http: all of them in one stack, and where in it each belongs. On paused time.

#![allow(clippy::unwrap_used, reason = "test code")]

use std::{
    future::{Future, Ready, ready},
    io,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard},
    task::{Context, Poll},
    time::Duration,
};

use axum::{Router, body::Body as AxumBody, routing::get};
use bytes::Bytes;
use clearance::{
    Audience, RateLimitBackoff, RateLimitBackoffLayer, Replay, ReplayBody, ReplayBodyLayer,
    Retry401, Retry401Layer, SkewAuth, SkewAuthLayer,
    replay::{ReplayBodyError, ReplayBodyService},
};
use clearance_oauth::ClientCredentials;
use clearance_test::{ProbeHandle, ReadyProbe, ScriptedSource, sim::Genesys};
use http::{
    HeaderValue, Method, Request, Response, StatusCode,
    header::{ACCEPT_ENCODING, AUTHORIZATION, CONTENT_ENCODING, COOKIE, LOCATION, RETRY_AFTER},
};
use http_body::Body;
use http_body_util::{BodyExt, Full};
use logged::Logged;
use streamed::{Streamed, pattern};
use tokio::time::{Instant, sleep, timeout};
use tower::{
    Layer, Service, ServiceBuilder, ServiceExt,
    buffer::{Buffer, BufferLayer},
    limit::{
        ConcurrencyLimit, ConcurrencyLimitLayer, GlobalConcurrencyLimitLayer, RateLimit,
        RateLimitLayer,
    },
    load_shed::{LoadShed, LoadShedLayer, error::Overloaded},
    retry::{Policy, Retry, RetryLayer},
    timeout::{Timeout, TimeoutLayer, error::Elapsed},
    util::BoxCloneSyncService,
};
use tower_http::{
    classify::{ServerErrorsAsFailures, SharedClassifier},
    decompression::{Decompression, DecompressionLayer},
    follow_redirect::{
        FollowRedirect, FollowRedirectLayer,
        policy::{Limited, PolicyExt, Standard, clone_body_fn},
    },
    sensitive_headers::{
        SetSensitiveHeadersLayer, SetSensitiveRequestHeaders, SetSensitiveResponseHeaders,
    },
    trace::{DefaultMakeSpan, Trace, TraceLayer},
};

mod logged;
mod streamed;

type BoxError = Box<dyn std::error::Error + Send + Sync>;
type Upload = ReplayBody<Streamed>;

const SECOND: Duration = Duration::from_secs(1);
const LATENCY: Duration = Duration::from_millis(20);
const API: &str = "https://api.example.com";

/// `["Ada Abara","Bela Brandt"]`, compressed.
const GZIPPED: [u8; 47] = [
    31, 139, 8, 0, 0, 0, 0, 0, 2, 3, 139, 86, 114, 76, 73, 84, 112, 76, 74, 44, 74, 84, 210, 81,
    114, 74, 205, 73, 84, 112, 42, 74, 204, 75, 41, 81, 138, 5, 0, 171, 230, 131, 230, 27, 0, 0, 0,
];
const AGENTS: &str = r#"["Ada Abara","Bela Brandt"]"#;

// ===== A server in this process =====

/// Reads what it is sent, and then answers by a rule.
#[derive(Clone)]
struct Server {
    rule: Arc<Rule>,
    seen: Arc<Mutex<Vec<Seen>>>,
}

type Rule = dyn Fn(&Seen, usize) -> Option<Reply> + Send + Sync;
type Reply = Response<Full<Bytes>>;

/// A request as the server saw it.
#[derive(Clone, Debug)]
struct Seen {
    at: Instant,
    method: Method,
    url: String,
    /// What stood behind `Bearer `; empty if there was nothing.
    token: String,
    body: Bytes,
}

impl Server {
    /// `rule` is given the request and how many came before it. `None`: it never answers.
    fn new(rule: impl Fn(&Seen, usize) -> Option<Reply> + Send + Sync + 'static) -> Self {
        Self {
            rule: Arc::new(rule),
            seen: Arc::default(),
        }
    }

    fn seen(&self) -> MutexGuard<'_, Vec<Seen>> {
        self.seen.lock().unwrap()
    }

    fn sends(&self) -> usize {
        self.seen().len()
    }

    /// As a service that checks how it is called.
    fn service(&self) -> ReadyProbe<Self> {
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
struct Answer(Pin<Box<dyn Future<Output = io::Result<Reply>> + Send>>);

impl Future for Answer {
    type Output = io::Result<Reply>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<Reply>> {
        self.0.as_mut().poll(cx)
    }
}

fn reply(status: u16) -> Reply {
    Response::builder()
        .status(status)
        .body(Full::default())
        .unwrap()
}

fn with(mut reply: Reply, name: http::HeaderName, value: &str) -> Reply {
    let value = HeaderValue::from_str(value).unwrap();
    reply.headers_mut().insert(name, value);
    reply
}

fn limited(seconds: u32) -> Option<Reply> {
    Some(with(reply(429), RETRY_AFTER, &seconds.to_string()))
}

fn redirect(status: u16, to: &str) -> Option<Reply> {
    Some(with(reply(status), LOCATION, to))
}

fn gzipped() -> Option<Reply> {
    let agents = reply(200).map(|_| Full::from(&GZIPPED[..]));
    Some(with(agents, CONTENT_ENCODING, "gzip"))
}

/// Two tokens, of which a server refuses the first; for `api.example.com` alone.
fn tokens() -> ScriptedSource {
    ScriptedSource::new(["stale", "fresh"]).with_audience(Audience::origin(API).unwrap())
}

fn request(method: Method, url: &str) -> Request<Streamed> {
    Request::builder()
        .method(method)
        .uri(url)
        .body(Streamed::default())
        .unwrap()
}

async fn text<B: Body<Error: std::fmt::Debug>>(reply: Response<B>) -> String {
    let body = reply.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(body.to_vec()).unwrap()
}

// ===== Everything =====

/// A policy of tower's `Retry`: once more where the server was not available. The requests are not `Clone`, their bodies
/// can say whether they can be sent again.
#[derive(Clone)]
struct OnceMore {
    left: usize,
}

impl OnceMore {
    const fn new() -> Self {
        Self { left: 1 }
    }
}

impl<B: Replay, R, E> Policy<Request<B>, Response<R>, E> for OnceMore {
    type Future = Ready<()>;

    fn retry(
        &mut self,
        request: &mut Request<B>,
        result: &mut Result<Response<R>, E>,
    ) -> Option<Ready<()>> {
        let failed =
            matches!(result, Ok(reply) if reply.status() == StatusCode::SERVICE_UNAVAILABLE);
        let left = self.left.checked_sub(1).filter(|_| failed)?;
        // It was kept when the call began. While it was sent it may have turned out to be too long.
        request.body().again()?;
        self.left = left;
        Some(ready(()))
    }

    fn clone_request(&mut self, request: &Request<B>) -> Option<Request<B>> {
        let mut again = Request::new(request.body().again()?);
        again.method_mut().clone_from(request.method());
        again.uri_mut().clone_from(request.uri());
        *again.version_mut() = request.version();
        again.headers_mut().clone_from(request.headers());
        again.extensions_mut().clone_from(request.extensions());
        Some(again)
    }
}

type Traced<S> = Trace<S, SharedClassifier<ServerErrorsAsFailures>>;
type Sensitive<S> = SetSensitiveRequestHeaders<SetSensitiveResponseHeaders<S>>;
type Limits = ConcurrencyLimit<RateLimit<Timeout<ReadyProbe<Server>>>>;
type Buffered<S> = Buffer<Request<Upload>, <S as Service<Request<Upload>>>::Future>;

/// The whole stack can be named.
type Everything = ReplayBodyService<
    Sensitive<
        Traced<
            Timeout<
                Retry<
                    OnceMore,
                    Decompression<
                        FollowRedirect<
                            LoadShed<
                                Retry401<RateLimitBackoff<SkewAuth<Traced<Buffered<Limits>>>>>,
                            >,
                        >,
                    >,
                >,
            >,
        >,
    >,
>;

/// All layers, each where it belongs.
fn everything(server: &Server, auth: SkewAuthLayer) -> (ProbeHandle, Everything) {
    let server = server.service();
    let probe = server.handle();
    let each_sending = TraceLayer::new_for_http().make_span_with(
        DefaultMakeSpan::new()
            .include_headers(true)
            .level(tracing::Level::INFO),
    );
    let stack = ServiceBuilder::new()
        .layer(ReplayBodyLayer::new())
        .layer(SetSensitiveHeadersLayer::new([COOKIE]))
        .layer(TraceLayer::new_for_http())
        .layer(TimeoutLayer::new(120 * SECOND))
        .layer(RetryLayer::new(OnceMore::new()))
        .layer(DecompressionLayer::new())
        .layer(FollowRedirectLayer::new())
        .layer(LoadShedLayer::new())
        .layer(Retry401Layer::new())
        .layer(RateLimitBackoffLayer::new())
        .layer(auth)
        .layer(each_sending)
        .layer(BufferLayer::new(64))
        .layer(ConcurrencyLimitLayer::new(8))
        .layer(RateLimitLayer::new(100, SECOND))
        .layer(TimeoutLayer::new(10 * SECOND))
        .service(server);
    (probe, stack)
}

/// Refuses the stale token, limits once, points elsewhere, is away once, and then has a compressed answer.
fn eventful(seen: &Seen, before: usize) -> Option<Reply> {
    match (seen.url.strip_prefix(API)?, seen.token.as_str(), before) {
        ("/never", ..) => None,
        ("/tomorrow", ..) => limited(150),
        (_, "stale", _) => Some(reply(401)),
        ("/upload", _, 1) => limited(3),
        ("/upload", ..) => redirect(303, "/agents"),
        ("/agents", _, 3) => Some(reply(503)),
        _ => gzipped(),
    }
}

#[tokio::test(start_paused = true)]
async fn all_layers_in_one_stack_do_what_each_is_for() {
    let server = Server::new(eventful);
    let source = tokens();
    let (probe, stack) = everything(&server, SkewAuthLayer::new(source.clone()));

    let bytes = pattern(10_000);
    let start = Instant::now();
    let upload = request(Method::POST, &format!("{API}/upload"))
        .map(|_| Streamed::chunked(bytes.clone(), 999));
    let answer = stack.clone().oneshot(upload).await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(text(answer).await, AGENTS);
    // One wait of three seconds (and a thousandth of it), and six ways there and back.
    let took = start.elapsed();
    assert!(took >= 3 * SECOND && took < 4 * SECOND, "{took:?}");

    let seen = server.seen().clone();
    let sends: Vec<_> = seen
        .iter()
        .map(|seen| {
            (
                seen.method.as_str(),
                &seen.url[API.len()..],
                seen.token.as_str(),
            )
        })
        .collect();
    let (upload, agents) = (("POST", "/upload", "fresh"), ("GET", "/agents", "fresh"));
    let refused = ("POST", "/upload", "stale");
    assert_eq!(sends, [refused, upload, upload, agents, upload, agents]);
    for seen in &seen {
        let whole = if seen.method == Method::POST {
            bytes.len()
        } else {
            0
        };
        assert_eq!(seen.body, bytes[..whole], "{seen:?}");
    }
    assert_eq!((source.fetches(), probe.calls(), probe.held()), (2, 6, 0));
}

#[tokio::test(start_paused = true)]
async fn in_the_whole_stack_one_timeout_bounds_a_sending_and_the_other_the_call() {
    let server = Server::new(eventful);
    let (probe, stack) = everything(&server, SkewAuthLayer::new(tokens()));
    for (path, seconds, sends) in [("/never", 10, 1), ("/tomorrow", 120, 2)] {
        let start = Instant::now();
        let call = request(Method::GET, &format!("{API}{path}"));
        let error = stack.clone().oneshot(call).await.err().unwrap();
        assert!(error.is::<Elapsed>(), "{error}");
        assert_eq!(
            (start.elapsed().as_secs(), server.sends()),
            (seconds, sends)
        );
    }
    assert_eq!(probe.held(), 0);
}

// ===== It can be awaited wherever a client is =====

fn agents() -> Request<Streamed> {
    request(Method::GET, &format!("{API}/agents"))
}

async fn fetch<S, R>(client: S) -> Result<String, BoxError>
where
    S: Service<Request<Streamed>, Response = Response<R>, Error: Into<BoxError>>,
    R: Body<Error: Into<BoxError>>,
{
    let answer = client.oneshot(agents()).await.map_err(Into::into)?;
    let body = answer.into_body().collect().await.map_err(Into::into)?;
    Ok(String::from_utf8(body.to_bytes().to_vec())?)
}

async fn fetch_by_name(client: &Everything) -> Result<String, BoxError> {
    Ok(text(client.clone().oneshot(agents()).await?).await)
}

/// What erases a client and can still be put under the layers: a struct around it.
#[derive(Clone)]
struct Erased(BoxCloneSyncService<Request<Upload>, Reply, BoxError>);

impl Service<Request<Upload>> for Erased {
    type Response = Reply;
    type Error = BoxError;
    type Future =
        <BoxCloneSyncService<Request<Upload>, Reply, BoxError> as Service<Request<Upload>>>::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Upload>) -> Self::Future {
        self.0.call(request)
    }
}

#[tokio::test(start_paused = true)]
async fn the_whole_stack_is_awaited_in_tasks_handlers_and_functions() {
    let server = Server::new(|_, _| gzipped());
    let (_, stack) = everything(&server, SkewAuthLayer::new(tokens()));

    let client = stack.clone();
    let task = tokio::spawn(async move { text(client.oneshot(agents()).await.unwrap()).await });
    assert_eq!(task.await.unwrap(), AGENTS);

    let client = stack.clone();
    let task = tokio::spawn(async move { fetch(client).await.unwrap() });
    assert_eq!(task.await.unwrap(), AGENTS);

    let client = stack.clone();
    let task = tokio::spawn(async move { fetch_by_name(&client).await.unwrap() });
    assert_eq!(task.await.unwrap(), AGENTS);

    let client = stack.clone();
    let handler = move || async move {
        let answer = client.oneshot(agents()).await.unwrap();
        answer.map(AxumBody::new)
    };
    let router = Router::new().route("/", get(handler));
    let answer = router
        .oneshot(Request::new(AxumBody::empty()))
        .await
        .unwrap();
    assert_eq!(text(answer).await, AGENTS);

    // Erased outside.
    let client = BoxCloneSyncService::new(stack);
    let task = tokio::spawn(async move { text(client.oneshot(agents()).await.unwrap()).await });
    assert_eq!(task.await.unwrap(), AGENTS);
    assert_eq!(server.sends(), 5);
}

#[tokio::test(start_paused = true)]
async fn a_struct_around_an_erased_client_can_stand_below_the_layers() {
    let server = Server::new(|_, _| Some(reply(200)));
    let boxed = ServiceBuilder::new()
        .map_err(BoxError::from)
        .service(server.clone());
    let erased = Erased(BoxCloneSyncService::new(boxed));
    let stack = ServiceBuilder::new()
        .layer(ReplayBodyLayer::new())
        .layer(Retry401Layer::new())
        .layer(RateLimitBackoffLayer::new())
        .layer(SkewAuthLayer::new(tokens()))
        .service(erased);
    let task = tokio::spawn(async move { fetch(stack).await.unwrap() });
    assert_eq!(task.await.unwrap(), "");
    assert_eq!(server.sends(), 1);
}

// ===== Timeout =====

macro_rules! three {
    ($auth:expr) => {
        ServiceBuilder::new()
            .layer(ReplayBodyLayer::new())
            .layer(Retry401Layer::new())
            .layer(RateLimitBackoffLayer::new())
            .layer($auth)
    };
}

/// Limits the first request for half a minute.
fn limits_once(_: &Seen, before: usize) -> Option<Reply> {
    match before {
        0 => limited(30),
        _ => Some(reply(200)),
    }
}

#[tokio::test(start_paused = true)]
async fn a_timeout_above_bounds_the_call_with_its_waits() {
    let server = Server::new(limits_once);
    let stack = three!(SkewAuthLayer::new(tokens())).service(server.service());
    let stack = ServiceBuilder::new().timeout(10 * SECOND).service(stack);
    let start = Instant::now();
    let error = stack.oneshot(agents()).await.unwrap_err();
    assert!(error.is::<Elapsed>(), "{error}");
    assert_eq!((start.elapsed(), server.sends()), (10 * SECOND, 1));
}

#[tokio::test(start_paused = true)]
async fn a_timeout_below_bounds_each_sending_and_no_wait() {
    let server = Server::new(|seen, before| match seen.url.as_str() {
        "https://api.example.com/never" => None,
        _ => limits_once(seen, before),
    });
    let limited = ServiceBuilder::new()
        .timeout(10 * SECOND)
        .service(server.service());
    let stack = three!(SkewAuthLayer::new(tokens())).service(limited);
    let start = Instant::now();
    let answer = stack.clone().oneshot(agents()).await.unwrap();
    assert_eq!(
        (answer.status().as_u16(), start.elapsed().as_secs()),
        (200, 30)
    );
    assert_eq!(server.sends(), 2);

    let start = Instant::now();
    let never = request(Method::GET, &format!("{API}/never"));
    let error = stack.oneshot(never).await.unwrap_err();
    assert!(error.is::<Elapsed>(), "{error}");
    // And the turn of a call, of which there are fifteen a second at first.
    assert_eq!((start.elapsed().as_secs(), server.sends()), (10, 3));
}

/// What a call gives up waiting for is not lost: the next one finds the token.
#[tokio::test(start_paused = true)]
async fn a_timeout_above_does_not_cancel_a_refresh() {
    let server = Server::new(|_, _| Some(reply(200)));
    let source = tokens().with_delay(12 * SECOND);
    let stack = three!(SkewAuthLayer::new(source.clone())).service(server.service());
    let stack = ServiceBuilder::new().timeout(10 * SECOND).service(stack);
    let error = stack.clone().oneshot(agents()).await.unwrap_err();
    assert!(error.is::<Elapsed>(), "{error}");
    assert_eq!(server.sends(), 0);
    assert_eq!(stack.oneshot(agents()).await.unwrap().status(), 200);
    assert_eq!((source.fetches(), server.sends()), (1, 1));
}

// ===== ConcurrencyLimit, LoadShed, Buffer =====

#[tokio::test(start_paused = true)]
async fn a_concurrency_limit_of_one_below_is_shared_with_the_token_source() {
    let platform = Genesys::builder()
        .rate_limit(10, 5 * SECOND)
        .latency(LATENCY)
        .build();
    let limit = GlobalConcurrencyLimitLayer::new(1);
    let source = ClientCredentials::new(
        &format!("{}/oauth/token", platform.login_url()),
        Genesys::CLIENT_ID,
        Genesys::CLIENT_SECRET,
        Audience::any().insecure_plain_http(),
    )
    .unwrap()
    .with_client::<_, Full<Bytes>>(limit.layer(platform.clone()));
    let stack = three!(SkewAuthLayer::new(source)).service(limit.layer(platform.clone()));

    let url = format!("{}/api/v2/users", platform.api_url());
    let mut calls = Vec::new();
    for caller in 0..16 {
        let (stack, url, platform) = (stack.clone(), url.clone(), platform.clone());
        calls.push(tokio::spawn(async move {
            for nth in 0..2 {
                if (caller, nth) == (7, 1) {
                    platform.revoke_all();
                }
                let answer = stack.clone().oneshot(request(Method::GET, &url)).await;
                assert_eq!(answer.unwrap().status(), 200);
            }
        }));
    }
    for call in calls {
        within_reason(call).await.unwrap();
    }
    let counters = platform.counters();
    assert_eq!(
        (counters.token_requests, counters.api_answers(200)),
        (2, 32)
    );
    assert!(
        counters.throttled() > 0 && counters.unauthorized() > 0,
        "{counters:?}"
    );
}

/// Paused time passes at once, and a call that waits for nothing would wait for ever.
async fn within_reason<F: Future>(call: F) -> F::Output {
    timeout(600 * SECOND, call).await.expect("a deadlock")
}

/// One call waits out a pause of 30 s, in which another one goes to another host and a third to the same.
async fn during_a_wait<S, R, E>(server: &Server, stack: S) -> (Result<u16, E>, Result<u16, E>)
where
    S: Service<Request<Streamed>, Response = Response<R>, Error = E> + Clone + Send + 'static,
    S::Future: Send,
    E: std::fmt::Debug + Send + 'static,
    R: Send + 'static,
{
    let start = Instant::now();
    let call = |url: &str| {
        let call = stack.clone().oneshot(request(Method::GET, url));
        tokio::spawn(async { call.await.map(|answer| answer.status().as_u16()) })
    };
    let waits = call("https://api.example.com/agents");
    sleep(SECOND).await;
    assert_eq!(server.sends(), 1);
    let other = call("https://other.example.com/agents").await.unwrap();
    assert_eq!(start.elapsed().as_secs(), 1);
    let held = call("https://api.example.com/agents").await.unwrap();
    assert_eq!(waits.await.unwrap().unwrap(), 200);
    assert_eq!(start.elapsed().as_secs(), 30);
    (other, held)
}

#[tokio::test(start_paused = true)]
async fn load_is_not_shed_for_a_wait_where_the_limit_is_below() {
    let server = Server::new(limits_once);
    let limit = GlobalConcurrencyLimitLayer::new(1);
    let stack = three!(SkewAuthLayer::new(tokens())).service(limit.layer(server.service()));
    let stack = LoadShedLayer::new().layer(stack);
    let (other, held) = within_reason(during_a_wait(&server, stack.clone())).await;
    assert_eq!(
        (other.unwrap(), held.unwrap(), server.sends()),
        (200, 200, 4)
    );

    // What it is for: a call that finds the only place taken by a sending. Where a limit was met, calls leave apart.
    let elsewhere = || request(Method::GET, "https://other.example.com/agents");
    let (one, other) = tokio::join!(
        stack.clone().oneshot(elsewhere()),
        stack.oneshot(elsewhere())
    );
    assert_eq!(one.unwrap().status(), 200);
    assert!(other.unwrap_err().is::<Overloaded>());
    assert_eq!(server.sends(), 5);
}

#[tokio::test(start_paused = true)]
async fn load_is_shed_for_a_wait_where_the_limit_is_above() {
    let server = Server::new(limits_once);
    let stack = three!(SkewAuthLayer::new(tokens())).service(server.service());
    let stack = GlobalConcurrencyLimitLayer::new(1).layer(stack);
    let (other, held) =
        within_reason(during_a_wait(&server, LoadShedLayer::new().layer(stack))).await;
    assert!(other.unwrap_err().is::<Overloaded>());
    assert!(held.unwrap_err().is::<Overloaded>());
    assert_eq!(server.sends(), 2);
}

/// tower's `RateLimit` is not `Clone`, since its clones would each have a limit of their own.
#[tokio::test(start_paused = true)]
async fn a_buffer_makes_a_service_usable_that_is_not_clone() {
    let server = Server::new(|seen, _| match seen.token.as_str() {
        "stale" => Some(reply(401)),
        _ => Some(reply(200)),
    });
    let paced = ServiceBuilder::new()
        .layer(BufferLayer::new(16))
        .layer(RateLimitLayer::new(2, SECOND))
        .service(server.service());
    let stack = three!(SkewAuthLayer::new(tokens())).service(paced);
    for _ in 0..6 {
        let answer = stack.clone().oneshot(agents()).await.unwrap();
        assert_eq!(answer.status(), 200);
    }
    // The replay counts as well.
    let seen = server.seen();
    assert_eq!(seen.len(), 7);
    for three in seen.windows(3) {
        assert!(three[2].at - three[0].at >= SECOND, "{three:?}");
    }
}

// ===== Retry =====

#[tokio::test(start_paused = true)]
async fn a_retry_policy_sends_a_kept_body_again_and_no_other() {
    for (length, sends) in [(0, 2), (1, 2), (64 * 1024, 2), (64 * 1024 + 1, 1)] {
        let server = Server::new(|_, before| Some(reply([503, 200][before.min(1)])));
        let stack = ServiceBuilder::new()
            .layer(ReplayBodyLayer::new())
            .layer(RetryLayer::new(OnceMore::new()))
            .layer(Retry401Layer::new())
            .layer(RateLimitBackoffLayer::new())
            .layer(SkewAuthLayer::new(tokens()))
            .service(server.service());
        let bytes = pattern(length);
        for (kind, body) in [
            ("chunked", Streamed::chunked(bytes.clone(), 1_000)),
            ("with a length", Streamed::with_length(bytes.clone(), 1_000)),
        ] {
            server.seen().clear();
            let put = Request::put(API).body(body).unwrap();
            let answer = stack.clone().oneshot(put).await.unwrap();
            let status = if sends == 2 { 200 } else { 503 };
            assert_eq!(answer.status(), status, "{length} bytes, {kind}");
            assert_eq!(server.sends(), sends, "{length} bytes, {kind}");
            assert!(server.seen().iter().all(|seen| seen.body == bytes));
        }
    }
}

// ===== FollowRedirect =====

/// Every hop, with the token that went along, of a request to `from` that is redirected to `to` and from there back.
async fn hops<P>(policy: P, from: &'static str, to: &'static str) -> Vec<(String, String)>
where
    P: tower_http::follow_redirect::policy::Policy<Upload, BoxError> + Clone,
{
    let server = Server::new(move |seen, before| match before {
        0 => redirect(307, to),
        1 => redirect(302, from),
        _ => Some(with(reply(200), COOKIE, &seen.token)),
    });
    let source = tokens();
    let stack = ServiceBuilder::new()
        .layer(ReplayBodyLayer::new())
        .layer(FollowRedirectLayer::with_policy(policy))
        .layer(Retry401Layer::new())
        .layer(RateLimitBackoffLayer::new())
        .layer(SkewAuthLayer::new(source.clone()))
        .service(server.service());
    let empty = Streamed::with_length("", 1);
    let answer = stack.oneshot(Request::get(from).body(empty).unwrap()).await;
    assert_eq!(answer.unwrap().status(), 200);
    assert_eq!(source.fetches(), 1);
    let seen = server.seen();
    seen.iter()
        .map(|seen| (seen.url.clone(), seen.token.clone()))
        .collect()
}

#[tokio::test(start_paused = true)]
async fn a_redirect_to_another_origin_carries_no_token() {
    let from = "https://api.example.com/export";
    for to in [
        "https://storage.example.net/export",
        "https://api.example.com:8443/export",
        "http://api.example.com/export",
        "https://api.example.com.evil.net/export",
        "https://api.example.com@evil.net/export",
        "//evil.net/export",
    ] {
        // The standard policy takes credentials away as well, others do not; nothing depends on it.
        let each = [
            hops(Standard::default(), from, to).await,
            hops(Limited::new(10), from, to).await,
        ];
        for hops in each {
            let tokens: Vec<_> = hops.iter().map(|(_, token)| token.as_str()).collect();
            assert_eq!(tokens, ["stale", "", "stale"], "{hops:?}");
            assert_ne!(hops[1].0, hops[0].0);
        }
    }
    // Whereas the same origin may be written in another way.
    let same = hops(
        Standard::default(),
        from,
        "https://API.example.com:443/export2",
    )
    .await;
    assert!(same.iter().all(|(_, token)| token == "stale"), "{same:?}");
}

/// Why "above" is a rule: below, the layer that judges has done so, and the token goes where the reply points.
#[tokio::test(start_paused = true)]
async fn below_the_auth_layer_a_redirect_would_carry_the_token() {
    let server = Server::new(|_, before| match before {
        0 => redirect(307, "https://storage.example.net/export"),
        _ => Some(reply(200)),
    });
    let below = FollowRedirectLayer::with_policy(Limited::new(10)).layer(server.service());
    let stack = three!(SkewAuthLayer::new(tokens())).service(below);
    let empty = Streamed::with_length("", 1);
    stack
        .oneshot(Request::get(API).body(empty).unwrap())
        .await
        .unwrap();
    let seen = server.seen();
    assert_eq!((seen.len(), seen[1].token.as_str()), (2, "stale"));
}

/// A stranger's 401 is none of ours: it costs no token and no replay.
#[tokio::test(start_paused = true)]
async fn a_refusal_of_another_origin_refreshes_nothing() {
    let server = Server::new(|_, before| match before {
        0 => redirect(302, "https://storage.example.net/export"),
        _ => Some(reply(401)),
    });
    let source = tokens();
    let stack = ServiceBuilder::new()
        .layer(FollowRedirectLayer::new())
        .layer(Retry401Layer::new())
        .layer(RateLimitBackoffLayer::new())
        .layer(SkewAuthLayer::new(source.clone()))
        .service(server.service());
    let get = Request::get(API).body(Full::<Bytes>::default()).unwrap();
    assert_eq!(stack.oneshot(get).await.unwrap().status(), 401);
    assert_eq!((source.fetches(), server.sends()), (1, 2));
}

/// A 307 asks for the body again. The standard policy has none to send; one that asks the body for it does.
#[tokio::test(start_paused = true)]
async fn an_upload_follows_a_redirect_where_its_policy_asks_the_body() {
    let moved = |seen: &Seen, _| match (seen.url.as_str(), seen.token.as_str()) {
        (_, "stale") => Some(reply(401)),
        ("https://api.example.com/old", _) => redirect(307, "/new"),
        _ => Some(reply(200)),
    };
    let bytes = pattern(5_000);
    let put = || {
        let body = Streamed::chunked(bytes.clone(), 700);
        Request::put("https://api.example.com/old")
            .body(body)
            .unwrap()
    };

    let server = Server::new(moved);
    let stack = FollowRedirectLayer::new()
        .layer(three!(SkewAuthLayer::new(tokens())).service(server.service()));
    assert_eq!(stack.oneshot(put()).await.unwrap().status(), 307);
    assert_eq!(server.sends(), 2);

    let server = Server::new(moved);
    let policy = Standard::default().and::<_, Upload, BoxError>(clone_body_fn(Upload::again));
    let stack = ServiceBuilder::new()
        .layer(ReplayBodyLayer::new())
        .layer(FollowRedirectLayer::with_policy(policy))
        .layer(Retry401Layer::new())
        .layer(RateLimitBackoffLayer::new())
        .layer(SkewAuthLayer::new(tokens()))
        .service(server.service());
    assert_eq!(stack.oneshot(put()).await.unwrap().status(), 200);
    let seen = server.seen();
    assert_eq!(
        (seen.len(), seen[2].url.as_str()),
        (3, "https://api.example.com/new")
    );
    assert!(seen.iter().all(|seen| seen.body == bytes), "{seen:?}");
}

/// Nobody asks the body once more when the redirect has come. One that was too long by then ends in an error, not in a
/// request without it.
#[tokio::test(start_paused = true)]
async fn an_upload_that_is_too_long_follows_no_redirect() {
    let server = Server::new(|_, _| redirect(307, "/new"));
    let policy = Standard::default().and::<_, Upload, BoxError>(clone_body_fn(Upload::again));
    let stack = ServiceBuilder::new()
        .layer(ReplayBodyLayer::new())
        .layer(FollowRedirectLayer::with_policy(policy))
        .layer(SkewAuthLayer::new(tokens()))
        .service(server.service());
    let bytes = pattern(64 * 1024 + 1);
    let put = Request::put(API).body(Streamed::chunked(bytes.clone(), 5_000));
    let error = stack.oneshot(put.unwrap()).await.unwrap_err();
    let cause = error.downcast::<io::Error>().unwrap().into_inner().unwrap();
    assert_eq!(cause.downcast_ref(), Some(&ReplayBodyError::NotKept));
    assert!(server.seen().iter().map(|seen| &seen.body).eq([&bytes]));
}

// ===== Trace, SetSensitiveHeaders =====

#[tokio::test(start_paused = true)]
async fn a_trace_shows_each_call_above_and_each_sending_below_and_never_the_token() {
    let log = Logged::begin();
    let server = Server::new(|seen, _| match seen.token.as_str() {
        "token-secret-1" => Some(reply(401)),
        _ => Some(with(reply(200), COOKIE, "answered-secret")),
    });
    let source = ScriptedSource::new(["token-secret-1", "token-secret-2"]);
    let span = |name: &'static str| move |request: &Request<Upload>| tracing::info_span!("seen", by = name, headers = ?request.headers());
    let stack = ServiceBuilder::new()
        .layer(ReplayBodyLayer::new())
        .layer(SetSensitiveHeadersLayer::new([COOKIE]))
        .layer(TraceLayer::new_for_http().make_span_with(span("a call")))
        .layer(Retry401Layer::new())
        .layer(SkewAuthLayer::new(source))
        .layer(TraceLayer::new_for_http().make_span_with(span("a sending")))
        .service(server.service());
    let mut call = agents();
    call.headers_mut()
        .insert(COOKIE, HeaderValue::from_static("asked-secret"));
    let answer = stack.oneshot(call).await.unwrap();
    tracing::info!(headers = ?answer.headers(), "answered");

    let log = log.text();
    let spans = |name: &str| {
        // The last span that is named is the new one.
        let name = format!("seen{{by=\"{name}\"");
        let new = log
            .lines()
            .filter(|line| line.ends_with("tower_stack: new"));
        new.filter(|line| line.rfind("seen{by") == line.rfind(&name))
            .count()
    };
    assert_eq!((spans("a call"), spans("a sending")), (1, 2), "{log}");
    // Below, the token is among the fields that are shown.
    assert!(log.contains(r#""authorization": Sensitive"#), "{log}");
    assert!(!log.contains("secret"), "{log}");
}

// ===== Decompression =====

/// Above the layers that read on what they refuse; a reply that is returned is decompressed all the same.
#[tokio::test(start_paused = true)]
async fn a_final_refusal_is_decompressed_and_whole() {
    let encodings = Arc::new(Mutex::new(Vec::new()));
    let seen = encodings.clone();
    let server = tower::service_fn(move |request: Request<Upload>| {
        let encoding = request.headers().get(ACCEPT_ENCODING).cloned();
        seen.lock().unwrap().push(encoding.unwrap());
        async {
            let mut refusal = gzipped().unwrap();
            *refusal.status_mut() = StatusCode::UNAUTHORIZED;
            Ok::<_, io::Error>(refusal)
        }
    });
    let stack = ServiceBuilder::new()
        .layer(ReplayBodyLayer::new())
        .layer(DecompressionLayer::new())
        .layer(Retry401Layer::new())
        .layer(SkewAuthLayer::new(tokens()))
        .service(server);
    let answer = stack.oneshot(agents()).await.unwrap();
    assert_eq!(answer.status(), 401);
    assert!(!answer.headers().contains_key(CONTENT_ENCODING));
    assert_eq!(text(answer).await, AGENTS);
    // The replay asks for it, too.
    assert_eq!(*encodings.lock().unwrap(), ["gzip", "gzip"]);
}
