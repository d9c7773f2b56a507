//! The layers on reqwest, by the adapter of the examples: on loopback sockets, in real time.

#![allow(clippy::unwrap_used, reason = "test code")]

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{Router, extract::Request as AxumRequest, response::IntoResponse, routing::any};
use bytes::Bytes;
use clearance::{
    Audience, RateLimitBackoffLayer, ReplayBodyLayer, Retry401Layer, SkewAuthLayer, TokenSource,
    Waited,
};
use clearance_oauth::ClientCredentials;
use clearance_test::{
    ScriptedSource,
    sim::{Fault, Genesys, RetryAfter, Running},
};
use http::{
    Request, Response, StatusCode,
    header::{AUTHORIZATION, LOCATION},
};
use http_body_util::BodyExt;
use reqwest_adapter::ReqwestService;
use rustls::{ClientConfig, RootCertStore, crypto::ring};
use streamed::{Streamed, pattern};
use tls::{Authority, HOST, Server, in_full};
use tokio::{net::TcpListener, task::JoinSet, time::timeout};
use tower::{Service, ServiceBuilder, ServiceExt, buffer::BufferLayer};
use tower_http::follow_redirect::{FollowRedirectLayer, policy::Limited};

#[path = "../examples/reqwest_adapter.rs"]
mod reqwest_adapter;
mod streamed;
mod tls;

type BoxError = Box<dyn std::error::Error + Send + Sync>;
type Reply = Response<reqwest::Body>;

/// For a machine that is busy with other things.
const LONG: Duration = Duration::from_secs(30);

fn reqwest(roots: RootCertStore) -> ReqwestService {
    let tls = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let builder = reqwest::Client::builder().tls_backend_preconfigured(tls);
    ReqwestService::new(builder.no_proxy()).unwrap()
}

/// The recommended stack over reqwest.
fn stack(
    source: impl TokenSource,
    reqwest: ReqwestService,
) -> impl Service<Request<Streamed>, Response = Reply, Error = BoxError, Future: Send> + Clone + Send
{
    ServiceBuilder::new()
        .layer(ReplayBodyLayer::new())
        .layer(Retry401Layer::new())
        .layer(RateLimitBackoffLayer::new())
        .layer(SkewAuthLayer::new(source))
        .service(reqwest)
}

/// Tokens of the simulated platform, fetched by the same client.
fn tokens(running: &Running, reqwest: &ReqwestService) -> impl TokenSource {
    ClientCredentials::new(
        &format!("{}/oauth/token", running.login_url()),
        Genesys::CLIENT_ID,
        Genesys::CLIENT_SECRET,
        Audience::origin(running.api_url()).unwrap(),
    )
    .unwrap()
    .with_client::<_, reqwest::Body>(reqwest.clone())
}

async fn send<S>(stack: &S, request: Request<Streamed>) -> Result<Reply, BoxError>
where
    S: Service<Request<Streamed>, Response = Reply, Error = BoxError> + Clone,
{
    timeout(LONG, stack.clone().oneshot(request))
        .await
        .expect("a call hangs")
}

async fn read(reply: Reply) -> Bytes {
    let body = timeout(LONG, reply.into_body().collect())
        .await
        .expect("a body hangs");
    body.unwrap().to_bytes()
}

fn get(url: &str) -> Request<Streamed> {
    Request::get(url).body(Streamed::default()).unwrap()
}

// ===== A refusal, a limit =====

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_401_is_cured_and_a_429_waited_out() {
    let platform = Genesys::builder().no_rate_limit().build();
    let running = platform.serve().await.unwrap();
    let client = reqwest(RootCertStore::empty());
    let stack = stack(tokens(&running, &client), client);
    let users = get(&format!("{}/api/v2/users", running.api_url()));
    let url = users.uri().to_string();

    assert_eq!(send(&stack, users).await.unwrap().status(), 200);
    platform.revoke_all();
    let reply = send(&stack, get(&url)).await.unwrap();
    assert_eq!(reply.status(), 200);
    assert!(read(reply).await.starts_with(b"{\"entities\""));
    let counters = platform.counters();
    assert_eq!((counters.token_requests, counters.unauthorized()), (2, 1));

    let wait = Duration::from_millis(50);
    platform.fault_next_api(Fault::Throttle(wait, RetryAfter::Fraction));
    let reply = send(&stack, get(&url)).await.unwrap();
    assert_eq!(reply.status(), 200);
    let waited = reply.extensions().get::<Waited>().copied().unwrap();
    assert_eq!(waited.attempts, 2);
    assert!(waited.total >= wait, "{waited:?}");
    let counters = platform.counters();
    assert_eq!((counters.throttled(), counters.sent_in_pause), (1, 0));
    assert_eq!((counters.api_requests, counters.token_requests), (5, 2));
}

// ===== Uploads =====

/// With a 401 and then a 429 in the way, each after the server has read everything.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_arrives_whole_or_its_refusal_comes_back() {
    const KEPT: usize = 64 * 1024;
    let platform = Genesys::builder().no_rate_limit().recording().build();
    let running = platform.serve().await.unwrap();
    let client = reqwest(RootCertStore::empty());
    let users = format!("{}/api/v2/users", running.api_url());
    let echo = format!("{}{}", running.api_url(), Genesys::ECHO);

    for length in [0, 1, KEPT - 1, KEPT, KEPT + 1, 2 * 1024 * 1024] {
        for is_told in [true, false] {
            let bytes = pattern(length);
            let post = || {
                let body = match is_told {
                    true => Streamed::with_length(bytes.clone(), 8_000),
                    false => Streamed::chunked(bytes.clone(), 8_000),
                };
                Request::post(&echo).body(body).unwrap()
            };
            let case = format!("{length} bytes, told: {is_told}");
            let is_kept = length <= KEPT;
            // A layer of its own, which has not seen more revocations than it believes in.
            let stack = stack(tokens(&running, &client), client.clone());
            assert_eq!(send(&stack, get(&users)).await.unwrap().status(), 200);
            let before = platform.recorded().len();

            platform.revoke_all();
            let reply = send(&stack, post()).await.unwrap();
            assert_eq!(reply.status(), if is_kept { 200 } else { 401 }, "{case}");
            assert_eq!(read(reply).await == bytes, is_kept, "{case}");

            let wait = Duration::from_millis(50);
            platform.fault_next_api(Fault::Throttle(wait, RetryAfter::Fraction));
            let reply = send(&stack, post()).await.unwrap();
            assert_eq!(reply.status(), if is_kept { 200 } else { 429 }, "{case}");
            assert_eq!(read(reply).await == bytes, is_kept, "{case}");

            // Whatever became of it, the server has never seen a part of it.
            let seen = platform.recorded();
            let uploads = seen[before..]
                .iter()
                .filter(|seen| seen.uri.path() == Genesys::ECHO);
            let uploads: Vec<_> = uploads.collect();
            assert_eq!(uploads.len(), if is_kept { 4 } else { 2 }, "{case}");
            assert!(uploads.iter().all(|seen| seen.body == bytes), "{case}");
        }
    }
}

// ===== Redirects =====

/// Where each request came in, and the token that it brought.
type Visits = Arc<Mutex<Vec<(&'static str, Option<String>)>>>;

/// A server that answers every request with `reply`. Returns its origin.
async fn server<R>(
    tasks: &mut JoinSet<()>,
    name: &'static str,
    visits: &Visits,
    reply: impl Fn() -> R + Clone + Send + Sync + 'static,
) -> String
where
    R: IntoResponse + Send + 'static,
{
    let visits = visits.clone();
    let handler = move |request: AxumRequest| async move {
        let token = request.headers().get(AUTHORIZATION);
        let token = token.map(|value| value.to_str().unwrap().to_owned());
        visits.lock().unwrap().push((name, token));
        reply()
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let router = Router::new().fallback(any(handler));
    tasks.spawn(async { axum::serve(listener, router).await.unwrap() });
    origin
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redirect_to_another_origin_carries_no_token() {
    let visits = Visits::default();
    let mut tasks = JoinSet::new();
    let storage = server(&mut tasks, "storage", &visits, || "the export").await;
    let to = format!("{storage}/export");
    let api = server(&mut tasks, "api", &visits, move || {
        (StatusCode::TEMPORARY_REDIRECT, [(LOCATION, to.clone())])
    })
    .await;
    let source = ScriptedSource::new(["t0k3n"]).with_audience(Audience::origin(&api).unwrap());
    let url = format!("{api}/export");
    let with_token = || ("api", Some("Bearer t0k3n".to_owned()));
    let seen = || std::mem::take(&mut *visits.lock().unwrap());

    // reqwest follows nothing by itself.
    let client = reqwest(RootCertStore::empty());
    let reply = send(&stack(source.clone(), client.clone()), get(&url))
        .await
        .unwrap();
    assert_eq!(reply.status(), 307);
    assert_eq!(seen(), [with_token()]);

    // Above the layer that attaches the token each hop is judged, whatever the policy does about credentials.
    macro_rules! following {
        ($layer:expr) => {
            ServiceBuilder::new()
                .layer(ReplayBodyLayer::new())
                .layer($layer)
                .layer(Retry401Layer::new())
                .layer(RateLimitBackoffLayer::new())
                .layer(SkewAuthLayer::new(source.clone()))
                .service(client.clone())
        };
    }
    let standard = send(&following!(FollowRedirectLayer::new()), get(&url)).await;
    let lenient = FollowRedirectLayer::with_policy(Limited::new(10));
    let lenient = send(&following!(lenient), get(&url)).await;
    for reply in [standard, lenient] {
        assert_eq!(read(reply.unwrap()).await, "the export");
    }
    let hops = [with_token(), ("storage", None)];
    assert_eq!(seen(), [hops.clone(), hops].concat());
}

// ===== TLS =====

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_token_goes_out_over_tls_to_a_server_that_is_trusted_and_to_no_other() {
    let tokens = Arc::new(AtomicUsize::new(0));
    let counted = tokens.clone();
    let authority = Authority::new();
    let server = Server::start(&authority.issue(HOST), move |request| {
        let has_token = request.headers().contains_key(AUTHORIZATION);
        counted.fetch_add(usize::from(has_token), Ordering::SeqCst);
        async { Response::new(http_body_util::Full::<Bytes>::from("over TLS")) }
    })
    .await;
    let source = || {
        let audience = Audience::origin(&server.url()).unwrap();
        ScriptedSource::new(["t0k3n"]).with_audience(audience)
    };

    let trusting = stack(source(), reqwest(authority.roots()));
    let reply = send(&trusting, get(&server.url())).await.unwrap();
    assert_eq!(read(reply).await, "over TLS");
    assert_eq!((server.requests(), tokens.load(Ordering::SeqCst)), (1, 1));

    let distrusting = stack(source(), reqwest(Authority::named("Another one").roots()));
    let error = send(&distrusting, get(&format!("{}/?key=s3cr3t", server.url())))
        .await
        .unwrap_err();
    let told = in_full(&*error);
    assert!(told.contains("UnknownIssuer"), "{told}");
    assert!(!told.contains("s3cr3t"), "{told}");
    assert_eq!((server.requests(), tokens.load(Ordering::SeqCst)), (1, 1));
}

/// A client made of layers can be kept by name, and used where tasks are spawned, under tower's `Buffer`, too.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_adapter_can_be_awaited_in_a_spawned_block_and_buffered() {
    let visits = Visits::default();
    let mut tasks = JoinSet::new();
    let api = server(&mut tasks, "api", &visits, || "here").await;
    let source = ScriptedSource::new(["t0k3n"]);
    let stack = ServiceBuilder::new()
        .layer(ReplayBodyLayer::new())
        .layer(SkewAuthLayer::new(source))
        .layer(BufferLayer::new(4))
        .service(reqwest(RootCertStore::empty()));
    let task = tokio::spawn(async move {
        let reply = send(&stack, get(&api)).await.unwrap();
        read(reply).await
    });
    assert_eq!(task.await.unwrap(), "here");
    assert_eq!(visits.lock().unwrap().len(), 1);
}
