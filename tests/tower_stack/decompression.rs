//! `Decompression` above the layers that read on what they refuse: is a refusal that is returned still readable?

use std::{
    io,
    sync::{Arc, Mutex},
};

use clearance::{ReplayBodyLayer, Retry401Layer, SkewAuthLayer};
use http::{
    Request, StatusCode,
    header::{ACCEPT_ENCODING, CONTENT_ENCODING},
};
use tower::{ServiceBuilder, ServiceExt};
use tower_http::decompression::DecompressionLayer;

use crate::{
    Upload, agents,
    server::{AGENTS, gzipped},
    text, tokens,
};

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
