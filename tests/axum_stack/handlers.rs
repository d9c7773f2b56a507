//! A server whose handlers call an API through the layers: do all of them share one token, and can its health be asked?

use std::{net::SocketAddr, time::Duration};

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use bytes::Bytes;
use clearance::{
    RateLimitBackoff, RateLimitBackoffLayer, ReplayBody, ReplayBodyLayer, Retry401, Retry401Layer,
    SkewAuth, SkewAuthLayer, replay::ReplayBodyService,
};
use clearance_genesys::{GenesysCloud, Region};
use clearance_oauth::{HttpsClient, https};
use clearance_test::sim::Genesys;
use http::StatusCode;
use http_body_util::BodyExt;
use tokio::{net::TcpListener, sync::oneshot, time::timeout};
use tower::{ServiceBuilder, ServiceExt};

use crate::{
    KEPT,
    streamed::{Streamed, pattern},
};

/// For a machine that is busy with other things.
const LONG: Duration = Duration::from_secs(30);

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
