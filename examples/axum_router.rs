//! The layers over an axum `Router` in the same process: no socket, no TLS, no clock to wait for. For tests of a client
//! against a server that you have, and for a service that calls another one that it is linked with.
//!
//! ```text
//! cargo run --example axum_router
//! ```

use std::{
    error::Error,
    sync::atomic::{AtomicUsize, Ordering},
};

use axum::{
    Router,
    body::Body,
    extract::Request,
    middleware::{self, Next},
    response::Response,
    routing::post,
};
use clearance::{ReplayBodyLayer, Retry401Layer, SkewAuthLayer};
use clearance_test::ScriptedSource;
use http::{StatusCode, header::AUTHORIZATION};
use http_body_util::BodyExt;
use tower::{ServiceBuilder, ServiceExt};

static REFUSED: AtomicUsize = AtomicUsize::new(0);

/// A server that takes one token and gives back what it is sent.
fn server() -> Router {
    Router::new()
        .route("/echo", post(|body: String| async { body }))
        .layer(middleware::from_fn(only_fresh))
}

async fn only_fresh(request: Request, next: Next) -> Result<Response, StatusCode> {
    if request
        .headers()
        .get(AUTHORIZATION)
        .is_none_or(|field| field != "Bearer fresh")
    {
        REFUSED.fetch_add(1, Ordering::Relaxed);
        return Err(StatusCode::UNAUTHORIZED);
    }
    Ok(next.run(request).await)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    // axum's body is not `Clone`: the outermost layer makes it one that can be sent again.
    let client = ServiceBuilder::new()
        .layer(ReplayBodyLayer::new())
        .layer(Retry401Layer::new())
        .layer(SkewAuthLayer::new(ScriptedSource::new(["stale", "fresh"])))
        .service(server());

    let request = Request::post("https://api.example.com/echo").body(Body::from("hello"))?;
    let reply = client.oneshot(request).await?;
    let status = reply.status();
    let text = reply.into_body().collect().await?.to_bytes();
    let refused = REFUSED.load(Ordering::Relaxed);
    println!("{status}: {text:?}, after {refused} refusal");
    assert_eq!((status, &text[..]), (StatusCode::OK, &b"hello"[..]));
    Ok(())
}

#[test]
fn a_refusal_by_a_router_is_cured() -> Result<(), Box<dyn Error + Send + Sync>> {
    main()
}
