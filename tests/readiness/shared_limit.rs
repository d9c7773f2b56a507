//! Source and API behind one limit or one buffer of one: does a call that waits for its token block the way to it?

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

use clearance::{
    Audience, RateLimitBackoffLayer, Retry401Layer, SkewAuthLayer, Token, TokenError, TokenSource,
    token_source_fn,
};
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use tokio::time::timeout;
use tower::{
    Layer, Service, ServiceBuilder, ServiceExt, buffer::Buffer, limit::GlobalConcurrencyLimitLayer,
};

use crate::support::{Api, Body, BoxError, MINUTE, SECOND, Seen, Verdict, callers};

/// Tokens are fetched through the same service as everything else.
fn source_over<S>(service: S) -> impl TokenSource
where
    S: Service<Request<Body>, Response = Response<Body>> + Clone + Send + Sync + 'static,
    S::Future: Send,
    S::Error: Into<BoxError> + Send,
{
    let minted = Arc::new(AtomicUsize::new(0));
    token_source_fn(Audience::any(), move || {
        let (service, minted) = (service.clone(), minted.clone());
        async move {
            let request = Request::post("https://login.example.com/token")
                .body(Full::default())
                .unwrap();
            let answer = service
                .oneshot(request)
                .await
                .map_err(|error| TokenError::unavailable(error.into().to_string()))?;
            answer.into_body().collect().await.unwrap();
            let nth = minted.fetch_add(1, Relaxed) + 1;
            Ok(Token::bearer(&format!("token-{nth}"))?.with_lifetime(4 * SECOND))
        }
    })
}

/// Revokes one token in three, and limits every tenth call.
fn rough_but_mints(seen: &Seen, before: usize) -> Verdict {
    let revoked = seen.token == "token-2" || seen.token == "token-4";
    match before % 10 {
        _ if seen.head.uri().path() == "/token" => 200.into(),
        _ if revoked => 401.into(),
        9 => Verdict::from(429).with("retry-after", 1),
        _ => 200.into(),
    }
}

async fn source_and_api_share<S>(service: S, api: &Api)
where
    S: Service<Request<Body>, Response = Response<Body>> + Clone + Send + Sync + 'static,
    S::Future: Send,
    S::Error: Into<BoxError> + Send,
{
    let stack = ServiceBuilder::new()
        .layer(Retry401Layer::new())
        .layer(RateLimitBackoffLayer::new())
        .layer(SkewAuthLayer::new(source_over(service.clone())))
        .service(service);
    let calls = callers(4, SECOND / 2, 30 * SECOND, &stack);
    let calls = timeout(20 * MINUTE, calls).await.expect("a deadlock");
    assert!(
        calls.iter().all(|call| call.status() == Some(200)),
        "{calls:?}"
    );
    let seen = api.seen();
    let count = |path: &str| {
        seen.iter()
            .filter(|seen| seen.head.uri().path() == path)
            .count()
    };
    assert!(count("/token") > 5, "tokens expired and were refused");
    assert!(
        calls.iter().any(|call| call.took >= SECOND),
        "calls met the limit"
    );
}

#[tokio::test(start_paused = true)]
async fn source_and_api_may_share_one_concurrency_limit_of_one() {
    let api = Api::new(rough_but_mints);
    let limited = GlobalConcurrencyLimitLayer::new(1).layer(api.service());
    source_and_api_share(limited, &api).await;
}

#[tokio::test(start_paused = true)]
async fn source_and_api_may_share_one_buffer_of_one() {
    let api = Api::new(rough_but_mints);
    let buffered = Buffer::new(api.service(), 1);
    source_and_api_share(buffered, &api).await;
}
