//! What calls share: a token, a cure and a wait among themselves, and one client with the source.

use clearance::{
    RateLimitBackoffLayer, ReplayBody, ReplayBodyLayer, Retry401Layer, SkewAuthLayer, Waited,
};
use http::{Request, Version};
use http_body_util::BodyExt;
use tokio::{task::JoinSet, time::Instant};
use tower::{ServiceBuilder, ServiceExt};

use crate::{
    SECOND, Stack, bounded, credentials,
    platform::Platform,
    post, stack,
    streamed::Streamed,
    tls::{Authority, HOST, Protocol, Server, TlsClient},
};

/// So many calls at once. All of them succeed; how many of them waited?
async fn at_once(callers: usize, stack: &Stack, api: &Server, version: Version) -> usize {
    let mut calls = JoinSet::new();
    for _ in 0..callers {
        let call = stack.clone().oneshot(post(api));
        calls.spawn(async move {
            let response = call.await.unwrap();
            assert_eq!(response.status(), 200);
            assert_eq!(response.version(), version);
            let waited = response.extensions().get::<Waited>().is_some();
            let body = response.into_body().collect().await.unwrap();
            assert_eq!(body.to_bytes(), "done");
            waited
        });
    }
    let waited = bounded(calls.join_all()).await;
    waited.into_iter().filter(|waited| *waited).count()
}

async fn a_token_a_cure_and_a_wait_are_shared(protocol: Protocol) {
    let (authority, platform) = (Authority::new(), Platform::default());
    let identity = authority.issue(HOST);
    let (logins, calls) = (platform.clone(), platform.clone());
    let issuer = Server::start(&identity, move |request| logins.clone().token(request)).await;
    let api = Server::start(&identity, move |request| calls.clone().api(request)).await;

    let client = authority.client(protocol);
    let (auth, stack) = stack(credentials(&issuer, &api, client.clone()), client);
    let version = protocol.version();

    // The first call alone: over h2 the others then share its connection.
    at_once(1, &stack, &api, version).await;
    at_once(64, &stack, &api, version).await;
    assert_eq!((platform.token_requests(), platform.served()), (1, 65));

    platform.revoke();
    at_once(64, &stack, &api, version).await;
    let refused = platform.refused();
    assert!((1..=64).contains(&refused), "{refused} were refused");
    assert_eq!((platform.token_requests(), platform.served()), (2, 129));
    assert_eq!(auth.status().refreshes.refused, 1);

    // The client's second begins later than the server's, so it ends later, too.
    platform.limit();
    let start = Instant::now();
    let waited = at_once(16, &stack, &api, version).await;
    assert!(start.elapsed() >= SECOND, "{:?}", start.elapsed());
    let limited = platform.limited();
    assert!((1..=16).contains(&limited), "nobody asked twice: {limited}");
    assert!(waited >= limited, "{waited} waited, {limited} were refused");
    assert_eq!((platform.token_requests(), platform.served()), (2, 145));

    let versions = platform.versions();
    assert!(versions.iter().all(|seen| *seen == version));
    if protocol == Protocol::Http2 {
        assert_eq!((issuer.connections(), api.connections()), (1, 1));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_http_1_a_token_a_cure_and_a_wait_are_shared() {
    a_token_a_cure_and_a_wait_are_shared(Protocol::Http1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_h2_a_token_a_cure_and_a_wait_are_shared() {
    a_token_a_cure_and_a_wait_are_shared(Protocol::Http2).await;
}

/// axum's body is not what the source sends, and not what the layers pass on: it can be made of both.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_client_of_another_body_serves_the_source_and_the_stack() {
    let (authority, platform) = (Authority::new(), Platform::default());
    let answering = platform.clone();
    let server = Server::start(&authority.issue(HOST), move |request| {
        let platform = answering.clone();
        async move {
            match request.uri().path() {
                "/oauth/token" => platform.token(request).await,
                _ => platform.api(request).await,
            }
        }
    })
    .await;

    let client: TlsClient<axum::body::Body> = authority.client(Protocol::Http2);
    let stack = ServiceBuilder::new()
        .layer(ReplayBodyLayer::new())
        .layer(Retry401Layer::new())
        .layer(RateLimitBackoffLayer::new())
        .layer(SkewAuthLayer::new(credentials(
            &server,
            &server,
            client.clone(),
        )))
        .map_request(|request: Request<ReplayBody<_>>| request.map(axum::body::Body::new))
        .service(client);
    for nth in 1..=3 {
        if nth == 2 {
            platform.revoke();
        }
        let upload = Request::post(format!("{}/users", server.url()));
        let upload = upload.body(Streamed::chunked("a user", 2)).unwrap();
        let answer = bounded(stack.clone().oneshot(upload)).await.unwrap();
        assert_eq!(answer.status(), 200);
    }
    assert_eq!((platform.token_requests(), platform.served()), (2, 3));
    // Three calls, the replay of one, and two tokens.
    assert_eq!((server.requests(), server.connections()), (6, 1));
}
