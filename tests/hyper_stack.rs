//! hyper-util's client over rustls under the recommended stack, over HTTP/1.1 and h2, on real sockets with TLS.
#![allow(clippy::unwrap_used, reason = "test code")]

mod streamed;
mod tls;

use std::{
    future::Future,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use bytes::Bytes;
use clearance::{
    Audience, RateLimitBackoff, RateLimitBackoffLayer, ReplayBody, ReplayBodyLayer, Retry401,
    Retry401Layer, SkewAuth, SkewAuthLayer, TokenError, TokenErrorKind, TokenSource, Waited,
};
use clearance_oauth::{ClientCredentials, HttpService, Transport};
use clearance_test::ScriptedSource;
use http::{
    Request, Response, StatusCode, Version,
    header::{AUTHORIZATION, RETRY_AFTER, WWW_AUTHENTICATE},
};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use streamed::Streamed;
use tls::{Authority, HOST, Identity, Protocol, Server, TlsClient, in_full};
use tokio::{
    task::JoinSet,
    time::{Instant, timeout},
};
use tower::{ServiceBuilder, ServiceExt};

type Body = Full<Bytes>;
type Stack = Retry401<RateLimitBackoff<SkewAuth<TlsClient<Body>>>>;

const SECOND: Duration = Duration::from_secs(1);

/// An issuer of tokens, and an API that takes the last of them.
#[derive(Clone, Default)]
struct Platform(Arc<State>);

#[derive(Default)]
struct State {
    issued: AtomicUsize,
    /// The number of the token that is good; 0: none is.
    good: AtomicUsize,
    served: AtomicUsize,
    refused: AtomicUsize,
    limited: AtomicUsize,
    limit: Mutex<Limit>,
    versions: Mutex<Vec<Version>>,
}

#[derive(Clone, Copy, Default)]
enum Limit {
    #[default]
    Off,
    /// From the next request on, for a second.
    Armed,
    Until(Instant),
}

impl Platform {
    async fn token(self, request: Request<Incoming>) -> Response<Body> {
        let form = request.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(form, "grant_type=client_credentials");
        let number = self.0.issued.fetch_add(1, SeqCst) + 1;
        self.0.good.store(number, SeqCst);
        let answer = format!(
            r#"{{"access_token": "token-{number}", "token_type": "bearer", "expires_in": 3600}}"#
        );
        Response::new(Full::from(answer))
    }

    async fn api(self, request: Request<Incoming>) -> Response<Body> {
        let state = &self.0;
        state.versions.lock().unwrap().push(request.version());
        let good = format!("Bearer token-{}", state.good.load(SeqCst));
        let token = request.headers().get(AUTHORIZATION);
        let is_good = token.is_some_and(|token| token == &good);
        request.into_body().collect().await.unwrap();
        let limited = state.limit.lock().unwrap().strikes();
        let (status, count) = match (is_good, limited) {
            (false, _) => (StatusCode::UNAUTHORIZED, &state.refused),
            (true, true) => (StatusCode::TOO_MANY_REQUESTS, &state.limited),
            (true, false) => (StatusCode::OK, &state.served),
        };
        count.fetch_add(1, SeqCst);
        let mut response = Response::builder().status(status);
        if status == StatusCode::UNAUTHORIZED {
            response = response.header(WWW_AUTHENTICATE, r#"Bearer error="invalid_token""#);
        }
        if status == StatusCode::TOO_MANY_REQUESTS {
            response = response.header(RETRY_AFTER, 1);
        }
        response.body(Full::from("done")).unwrap()
    }

    fn revoke(&self) {
        self.0.good.store(0, SeqCst);
    }

    fn limit(&self) {
        *self.0.limit.lock().unwrap() = Limit::Armed;
    }

    fn token_requests(&self) -> usize {
        self.0.issued.load(SeqCst)
    }

    fn served(&self) -> usize {
        self.0.served.load(SeqCst)
    }
}

impl Limit {
    fn strikes(&mut self) -> bool {
        let now = Instant::now();
        if matches!(self, Self::Armed) {
            *self = Self::Until(now + SECOND);
        }
        matches!(self, Self::Until(end) if now < *end)
    }
}

fn stack(source: impl TokenSource, client: TlsClient<Body>) -> (SkewAuthLayer, Stack) {
    let auth = SkewAuthLayer::new(source);
    let stack = ServiceBuilder::new()
        .layer(Retry401Layer::new())
        .layer(RateLimitBackoffLayer::new())
        .layer(auth.clone())
        .service(client);
    (auth, stack)
}

fn credentials<C, B>(issuer: &Server, api: &Server, client: C) -> ClientCredentials<Transport<C, B>>
where
    Transport<C, B>: HttpService,
{
    let audience = Audience::origin(&api.url()).unwrap();
    let url = format!("{}/oauth/token", issuer.url());
    ClientCredentials::new(&url, "app", "s3cr3t", audience)
        .unwrap()
        .with_client(client)
}

fn post(api: &Server) -> Request<Body> {
    Request::post(format!("{}/users", api.url()))
        .body(Full::from("a user"))
        .unwrap()
}

async fn bounded<T>(what: impl Future<Output = T>) -> T {
    timeout(30 * SECOND, what).await.expect("a call hangs")
}

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
    let refused = platform.0.refused.load(SeqCst);
    assert!((1..=64).contains(&refused), "{refused} were refused");
    assert_eq!((platform.token_requests(), platform.served()), (2, 129));
    assert_eq!(auth.status().refreshes.refused, 1);

    // The client's second begins later than the server's, so it ends later, too.
    platform.limit();
    let start = Instant::now();
    let waited = at_once(16, &stack, &api, version).await;
    assert!(start.elapsed() >= SECOND, "{:?}", start.elapsed());
    let limited = platform.0.limited.load(SeqCst);
    assert!((1..=16).contains(&limited), "nobody asked twice: {limited}");
    assert!(waited >= limited, "{waited} waited, {limited} were refused");
    assert_eq!((platform.token_requests(), platform.served()), (2, 145));

    let versions = platform.0.versions.lock().unwrap();
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

/// A server that must not hear of any request, since its certificate is bad.
struct Impostor {
    identity: Identity,
    /// What is said about it.
    complaint: &'static str,
}

/// Bad certificates, and an authority that the clients do trust.
fn impostors() -> (Authority, [Impostor; 5]) {
    let authority = Authority::new();
    let impostors = [
        (
            Authority::named("Another").issue(HOST),
            "invalid peer certificate: UnknownIssuer",
        ),
        // It takes the name of the one that is trusted.
        (
            Authority::new().issue(HOST),
            "invalid peer certificate: BadSignature",
        ),
        (
            authority.issue_for_years(HOST, 2010..2011),
            "invalid peer certificate: certificate expired: verification time ",
        ),
        (
            authority.issue_for_years(HOST, 3000..3001),
            "invalid peer certificate: certificate not valid yet: verification time ",
        ),
        (
            authority.issue("api.example.com"),
            r#"invalid peer certificate: certificate not valid for name "localhost"; certificate is only valid for DnsName("api.example.com")"#,
        ),
    ];
    let impostors = impostors.map(|(identity, complaint)| Impostor {
        identity,
        complaint,
    });
    (authority, impostors)
}

async fn unheard(_: Request<Incoming>) -> Response<Body> {
    Response::new(Full::from("this is not to be had"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_api_with_a_bad_certificate_never_sees_a_token() {
    let (authority, impostors) = impostors();
    for (impostor, protocol) in all(&impostors) {
        let api = Server::start(&impostor.identity, unheard).await;
        let source = ScriptedSource::new(["t0k3n"]);
        let (_, stack) = stack(source.clone(), authority.client(protocol));

        let error = bounded(stack.oneshot(post(&api))).await.unwrap_err();
        let said = in_full(error.as_ref());
        assert!(said.contains(impostor.complaint), "{protocol:?}: {said}");
        assert!(!said.contains("t0k3n"), "{said}");
        assert_eq!(
            (api.connections(), api.handshakes(), api.requests()),
            (1, 0, 0)
        );
        assert_eq!(source.fetches(), 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_issuer_with_a_bad_certificate_is_asked_once_and_never_sees_a_secret() {
    let (authority, impostors) = impostors();
    let good = authority.issue(HOST);
    for (impostor, protocol) in all(&impostors) {
        let issuer = Server::start(&impostor.identity, unheard).await;
        let api = Server::start(&good, unheard).await;
        let client = authority.client(protocol);
        let (auth, stack) = stack(credentials(&issuer, &api, client.clone()), client);

        let mut calls = JoinSet::new();
        for _ in 0..64 {
            calls.spawn(stack.clone().oneshot(post(&api)));
        }
        for outcome in bounded(calls.join_all()).await {
            let error = outcome.unwrap_err().downcast::<TokenError>().unwrap();
            assert_untrusted(&error, &issuer, impostor.complaint);
        }
        // One refresh for all, or another for who comes a second later. Had it been worth trying again, each would
        // have made three attempts.
        let failures = auth.status().failures as usize;
        assert!((1..=2).contains(&failures), "{failures} refreshes");
        assert_eq!(issuer.connections(), failures);
        assert_eq!((issuer.handshakes(), issuer.requests()), (0, 0));
        assert_eq!(api.connections(), 0);
    }
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_client_that_a_source_comes_with_trusts_no_private_authority() {
    let (authority, good) = (Authority::new(), Platform::default());
    let identity = authority.issue(HOST);
    let issuer = Server::start(&identity, move |request| good.clone().token(request)).await;
    let source = credentials(&issuer, &issuer, clearance_oauth::https::<Body>());
    let error = bounded(source.fetch()).await.unwrap_err();
    assert_untrusted(&error, &issuer, "invalid peer certificate: UnknownIssuer");
    assert_eq!((issuer.connections(), issuer.handshakes()), (1, 0));
}

fn assert_untrusted(error: &TokenError, issuer: &Server, complaint: &str) {
    assert_eq!(error.kind(), TokenErrorKind::Unavailable);
    assert!(!error.is_retryable(), "{error}");
    let said = in_full(error);
    let expected = format!(
        "no token to be had from {}/oauth/token: its certificate is not accepted ({complaint}",
        issuer.url()
    );
    assert!(said.starts_with(&expected), "{said}");
    let advice = "check the address, the trusted roots and this machine's clock";
    assert!(said.contains(advice) && !said.contains("s3cr3t"), "{said}");
}

fn all(impostors: &[Impostor]) -> impl Iterator<Item = (&Impostor, Protocol)> {
    let over_both = |impostor| Protocol::BOTH.map(|protocol| (impostor, protocol));
    impostors.iter().flat_map(over_both)
}
