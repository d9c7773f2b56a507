//! A router below the layers: are its refusals and limits cured, and does no handler read a shortened body?

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    middleware::{Next, from_fn},
    response::{IntoResponse, Response},
    routing::{any, post},
};
use bytes::Bytes;
use clearance::{RateLimitBackoffLayer, ReplayBodyLayer, Retry401Layer, SkewAuthLayer};
use clearance_test::ScriptedSource;
use http::{
    StatusCode,
    header::{AUTHORIZATION, RETRY_AFTER},
};
use http_body_util::BodyExt;
use tower::{ServiceBuilder, ServiceExt};

use crate::{
    KEPT,
    streamed::{Streamed, pattern},
};

const URL: &str = "https://api.example.com/upload";

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
