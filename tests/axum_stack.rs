//! axum twice: a `Router` as the service below the layers, and a server whose handlers call an API through the layers in
//! its state.

#![allow(clippy::unwrap_used, reason = "test code")]

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    middleware::{Next, from_fn},
    response::{IntoResponse, Response},
    routing::{any, get, post},
};
use bytes::Bytes;
use clearance::{
    RateLimitBackoff, RateLimitBackoffLayer, ReplayBody, ReplayBodyLayer, Retry401, Retry401Layer,
    SkewAuth, SkewAuthLayer, replay::ReplayBodyService,
};
use clearance_genesys::{GenesysCloud, Region};
use clearance_oauth::{HttpsClient, https};
use clearance_test::{ScriptedSource, sim::Genesys};
use http::{
    StatusCode,
    header::{AUTHORIZATION, RETRY_AFTER},
};
use http_body_util::BodyExt;
use streamed::{Streamed, pattern};
use tokio::{net::TcpListener, sync::oneshot, time::timeout};
use tower::{ServiceBuilder, ServiceExt};

mod streamed;

const URL: &str = "https://api.example.com/upload";
const KEPT: usize = 64 * 1024;
/// For a machine that is busy with other things.
const LONG: Duration = Duration::from_secs(30);

// ===== A router below the layers =====

/// Refuses the stale token, before anything of the body is read.
async fn check(request: Request, next: Next) -> Response {
    match is_stale(&request) {
        true => StatusCode::UNAUTHORIZED.into_response(),
        false => next.run(request).await,
    }
}

fn is_stale(request: &Request) -> bool {
    request
        .headers()
        .get(AUTHORIZATION)
        .is_none_or(|value| value == "Bearer stale")
}

/// The bodies that handlers have read to their end.
#[derive(Clone, Default)]
struct Uploads(Arc<Mutex<Vec<Bytes>>>);

impl Uploads {
    async fn read(&self, request: Request) -> Bytes {
        let body = request.into_body().collect().await.unwrap().to_bytes();
        self.0.lock().unwrap().push(body.clone());
        body
    }

    fn are(&self, expected: &[&Bytes]) -> bool {
        self.0.lock().unwrap().iter().eq(expected.iter().copied())
    }
}

async fn echo(State(uploads): State<Uploads>, request: Request) -> Bytes {
    uploads.read(request).await
}

/// Reads everything, and only then looks at the token.
async fn echo_checked_late(State(uploads): State<Uploads>, request: Request) -> Response {
    let is_stale = is_stale(&request);
    let body = uploads.read(request).await;
    match is_stale {
        true => StatusCode::UNAUTHORIZED.into_response(),
        false => body.into_response(),
    }
}

/// Sends one body to `router` through the layers.
async fn upload(router: Router, body: Streamed) -> (u16, Bytes) {
    let stack = ServiceBuilder::new()
        .layer(ReplayBodyLayer::new())
        .layer(Retry401Layer::new())
        .layer(RateLimitBackoffLayer::new())
        .layer(SkewAuthLayer::new(ScriptedSource::new(["stale", "fresh"])))
        .service(router);
    let request = Request::post(URL).body(Body::new(body)).unwrap();
    let answer = stack.oneshot(request).await.unwrap();
    let status = answer.status().as_u16();
    (
        status,
        answer.into_body().collect().await.unwrap().to_bytes(),
    )
}

fn lengths() -> impl Iterator<Item = (Bytes, Streamed, String)> {
    let lengths = [0, 1, KEPT - 1, KEPT, KEPT + 1, 1024 * 1024];
    lengths.into_iter().flat_map(|length| {
        let bytes = pattern(length);
        let chunked = Streamed::chunked(bytes.clone(), 4_000);
        let told = Streamed::with_length(bytes.clone(), 4_000);
        [
            (bytes.clone(), chunked, format!("{length} bytes, chunked")),
            (bytes, told, format!("{length} bytes, told")),
        ]
    })
}

#[tokio::test(start_paused = true)]
async fn a_401_of_a_routers_own_check_is_cured() {
    for (bytes, body, case) in lengths() {
        let uploads = Uploads::default();
        let router = Router::new()
            .route("/upload", post(echo))
            .layer(from_fn(check))
            .with_state(uploads.clone());
        // Nothing was read of it. But a body that is known to be longer than is kept is not even begun to be kept.
        let told_too_long = bytes.len() > KEPT && case.ends_with("told");
        let (status, echo) = upload(router, body).await;
        if told_too_long {
            assert_eq!((status, echo.len()), (401, 0), "{case}");
            assert!(uploads.are(&[]), "{case}");
        } else {
            assert_eq!(status, 200, "{case}");
            assert!(echo == bytes && uploads.are(&[&bytes]), "{case}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_401_after_the_upload_is_cured_or_returned_and_no_body_is_shortened() {
    for (bytes, body, case) in lengths() {
        let uploads = Uploads::default();
        let router = Router::new()
            .route("/upload", post(echo_checked_late))
            .with_state(uploads.clone());
        let (status, echo) = upload(router, body).await;
        if bytes.len() <= KEPT {
            assert_eq!(status, 200, "{case}");
            assert!(echo == bytes && uploads.are(&[&bytes, &bytes]), "{case}");
        } else {
            assert_eq!((status, echo.len()), (401, 0), "{case}");
            assert!(uploads.are(&[&bytes]), "{case}");
        }
    }
}

/// The same with a limit in the way.
#[tokio::test(start_paused = true)]
async fn a_429_of_a_router_is_waited_out() {
    let start = tokio::time::Instant::now();
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = asked.clone();
    let handler = move |request: Request| async move {
        let nth = counted.fetch_add(1, Ordering::Relaxed);
        let body = request.into_body().collect().await.unwrap().to_bytes();
        match nth {
            0 => (StatusCode::TOO_MANY_REQUESTS, [(RETRY_AFTER, "7")]).into_response(),
            _ => body.into_response(),
        }
    };
    let bytes = pattern(KEPT);
    let router = Router::new().route("/upload", any(handler));
    let (status, echo) = upload(router, Streamed::chunked(bytes.clone(), 1_000)).await;
    assert_eq!((status, start.elapsed().as_secs()), (200, 7));
    assert_eq!(asked.load(Ordering::Relaxed), 2);
    assert!(echo == bytes);
}

// ===== A server whose handlers call an API =====

type Client =
    ReplayBodyService<Retry401<RateLimitBackoff<SkewAuth<HttpsClient<ReplayBody<Body>>>>>>;

#[derive(Clone)]
struct App {
    client: Client,
    auth: SkewAuthLayer,
    api_url: String,
}

async fn users(
    State(App {
        client, api_url, ..
    }): State<App>,
) -> Response {
    let request = Request::get(format!("{api_url}/api/v2/users")).body(Body::empty());
    match client.oneshot(request.unwrap()).await {
        Ok(answer) => answer.map(Body::new),
        Err(error) => (StatusCode::BAD_GATEWAY, error.to_string()).into_response(),
    }
}

async fn messages(
    State(App {
        client, api_url, ..
    }): State<App>,
    body: Body,
) -> Response {
    let request = Request::post(format!("{api_url}{}", Genesys::ECHO)).body(body);
    match client.oneshot(request.unwrap()).await {
        Ok(answer) => answer.map(Body::new),
        Err(error) => (StatusCode::BAD_GATEWAY, error.to_string()).into_response(),
    }
}

async fn health(State(App { auth, .. }): State<App>) -> String {
    auth.status().to_string()
}

/// Knows nothing of tokens.
#[derive(Clone)]
struct Caller {
    server: SocketAddr,
    http: HttpsClient<Body>,
}

impl Caller {
    async fn get(self, path: &str) -> (StatusCode, Bytes) {
        let url = format!("http://{}{path}", self.server);
        self.send(Request::get(url).body(Body::empty()).unwrap())
            .await
    }

    async fn post(self, path: &str, body: Body) -> (StatusCode, Bytes) {
        let url = format!("http://{}{path}", self.server);
        self.send(Request::post(url).body(body).unwrap()).await
    }

    async fn send(self, request: Request) -> (StatusCode, Bytes) {
        let answer = timeout(LONG, self.http.oneshot(request)).await;
        let (head, body) = answer.expect("a call hangs").unwrap().into_parts();
        let body = timeout(LONG, body.collect()).await.expect("a body hangs");
        (head.status, body.unwrap().to_bytes())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_handlers_of_a_server_share_one_token() {
    let platform = Genesys::builder().no_rate_limit().build();
    let running = platform.serve().await.unwrap();
    let source = GenesysCloud::new(Region::UsEast1, Genesys::CLIENT_ID, Genesys::CLIENT_SECRET)
        .and_then(|source| source.with_login_url(running.login_url()))
        .and_then(|source| source.with_api_url(running.api_url()))
        .unwrap();
    let auth = SkewAuthLayer::new(source);
    let client = ServiceBuilder::new()
        .layer(ReplayBodyLayer::new())
        .layer(Retry401Layer::new())
        .layer(RateLimitBackoffLayer::new())
        .layer(auth.clone())
        .service(https());
    let app = App {
        client,
        auth,
        api_url: running.api_url().to_owned(),
    };
    let router = Router::new()
        .route("/users", get(users))
        .route("/messages", post(messages))
        .route("/healthz", get(health))
        .with_state(app);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = axum::serve(listener, router).with_graceful_shutdown(async {
        let _ = stopped.await;
    });
    let serving = tokio::spawn(serving.into_future());

    let http = https();
    let caller = Caller { server, http };
    let (status, before) = caller.clone().get("/healthz").await;
    assert_eq!(status, 200);
    assert!(before.starts_with(b"token Empty"), "{before:?}");
    assert_eq!(platform.counters().token_requests, 0);

    for tokens in 1..=2 {
        let calls: Vec<_> = (0..64)
            .map(|_| tokio::spawn(caller.clone().get("/users")))
            .collect();
        for call in calls {
            let (status, page) = call.await.unwrap();
            assert_eq!(status, 200);
            assert!(page.starts_with(b"{") && page.ends_with(b"}"), "{page:?}");
        }
        let counters = platform.counters();
        assert_eq!(
            (counters.token_requests, counters.api_answers(200)),
            (tokens, 64 * tokens)
        );
        platform.revoke_all();
    }

    // The body of a caller goes through a handler, and a second time after the revocation.
    let bytes = pattern(KEPT);
    let message = Body::new(Streamed::chunked(bytes.clone(), 3_000));
    let (status, echo) = caller.clone().post("/messages", message).await;
    assert_eq!(status, 200);
    assert!(echo == bytes);
    assert_eq!(platform.counters().token_requests, 3);

    let (status, after) = caller.get("/healthz").await;
    assert_eq!(status, 200);
    assert!(after.starts_with(b"token Fresh"), "{after:?}");
    stop.send(()).unwrap();
    let ended = timeout(LONG, serving).await;
    ended.expect("it does not end").unwrap().unwrap();
}
