//! The token goes where it belongs, and nowhere else.

#![allow(clippy::unwrap_used, reason = "test code")]

mod logged;
mod support;

use clearance::{Audience, RefusalReason, Retry401Layer, SkewAuthLayer, TokenRefused};
use clearance_test::ScriptedSource;
use http::{
    HeaderValue, Method, Request,
    header::{AUTHORIZATION, HOST},
};
use http_body_util::Full;
use support::{Api, get};
use tower::{Layer, ServiceBuilder, ServiceExt};

fn source() -> ScriptedSource {
    let audience = Audience::origins([
        "https://api.example.com",
        "http://127.0.0.1:8080",
        "http://internal.example.com",
    ]);
    ScriptedSource::new(["t0k3n"]).with_audience(audience.unwrap())
}

async fn token_sent(method: Method, uri: &str) -> bool {
    token_sent_by(|| Request::builder().method(method.clone()).uri(uri)).await
}

async fn token_sent_by(head: impl Fn() -> http::request::Builder) -> bool {
    let (source, api) = (source(), Api::new(|_, _| 200));
    let stack = ServiceBuilder::new()
        .layer(SkewAuthLayer::new(source.clone()))
        .service(api.service());
    // Once with an empty cache, and once with a token in it.
    for _ in 0..2 {
        let request = head().body(Full::default()).unwrap();
        stack.clone().oneshot(request).await.unwrap();
        stack.clone().oneshot(get()).await.unwrap();
    }
    let seen = api.seen();
    assert_eq!((seen[1].token.as_str(), source.fetches()), ("t0k3n", 1));
    assert_eq!(seen[0].token, seen[2].token);
    !seen[0].token.is_empty()
}

#[tokio::test(start_paused = true)]
async fn the_token_is_not_sent_to_another_origin() {
    assert!(token_sent(Method::GET, "https://API.example.com:443/x").await);
    for other in [
        "https://files.example.com/export",
        "https://api.example.com:8443/",
        "http://api.example.com/",
        "https://api.example.com@evil.com/",
        "https://api.example.com:@evil.com/",
        "https://api.example.com.evil.com/",
    ] {
        assert!(!token_sent(Method::GET, other).await, "{other}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_token_is_not_sent_over_plain_http_off_loopback() {
    assert!(token_sent(Method::GET, "http://127.0.0.1:8080/").await);
    assert!(
        !token_sent(Method::GET, "http://internal.example.com/").await,
        "although it is in the audience"
    );
    for (host, sent) in [
        ("127.0.0.1:8080", true),
        ("api.example.com", true),
        ("internal.example.com", false),
    ] {
        let head = || Request::get("/").header(HOST, host);
        assert_eq!(token_sent_by(head).await, sent, "{host}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_token_is_not_sent_with_trace() {
    assert!(!token_sent(Method::TRACE, "https://api.example.com/").await);
}

#[tokio::test(start_paused = true)]
async fn a_callers_own_authorization_goes_out_as_it_is_however_often_it_is_there() {
    let api = Api::new(|_, _| 200);
    let layer = SkewAuthLayer::new(source());
    let stack = layer.layer(api.service());
    stack.clone().oneshot(get()).await.unwrap();
    for own in [vec!["Basic a"], vec!["Basic a", "Basic b", "Basic c"]] {
        let mut request = get();
        request
            .headers_mut()
            .append("x-before", HeaderValue::from_static("1"));
        for value in &own {
            let value = HeaderValue::from_static(value);
            request.headers_mut().append(AUTHORIZATION, value);
        }
        request
            .headers_mut()
            .append("x-after", HeaderValue::from_static("2"));
        let fields = request.headers().clone();
        stack.clone().oneshot(request).await.unwrap();
        let sent = api.seen().last().unwrap().head.headers().clone();
        assert!(sent.iter().eq(fields.iter()), "{sent:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_callers_own_authorization_wins_and_its_refusal_costs_nothing() {
    let (source, api) = (source(), Api::new(|_, _| 401));
    let stack = ServiceBuilder::new()
        .layer(Retry401Layer::new())
        .layer(SkewAuthLayer::new(source.clone()))
        .service(api.service());
    let mut request = get();
    request
        .headers_mut()
        .insert(AUTHORIZATION, HeaderValue::from_static("Bearer my-own"));
    let response = stack.oneshot(request).await.unwrap();
    assert_eq!(response.status(), 401);
    assert!(matches!(
        response.extensions().get(),
        Some(RefusalReason::NotAttached)
    ));
    let refused = response.extensions().get::<TokenRefused>().unwrap();
    assert!(matches!(
        refused.settled().await,
        Err(RefusalReason::NotAttached)
    ));
    assert_eq!((api.seen().len(), source.fetches()), (1, 0));
    assert_eq!(api.seen()[0].token, "my-own");
}

#[tokio::test(start_paused = true)]
async fn a_source_that_never_learns_its_audience_sends_its_token_nowhere() {
    struct Lost;
    impl clearance::TokenSource for Lost {
        async fn fetch(&self) -> Result<clearance::Token, clearance::TokenError> {
            clearance::Token::bearer("t0k3n")
        }
        fn audience(&self) -> Option<Audience> {
            None
        }
    }
    let api = Api::new(|_, _| 200);
    let stack = ServiceBuilder::new()
        .layer(SkewAuthLayer::new(Lost))
        .service(api.service());
    stack.oneshot(get()).await.unwrap();
    assert_eq!(api.seen()[0].token, "");
}

/// Of a mistyped audience there is never a first token.
#[tokio::test(start_paused = true)]
async fn that_the_token_is_withheld_is_told_before_the_first_token_too() {
    let log = logged::Logged::begin();
    let (source, api) = (source(), Api::new(|_, _| 200));
    let stack = SkewAuthLayer::new(source.clone()).layer(api.service());
    let call = |uri: &str| {
        let request = Request::get(uri).body(Full::default()).unwrap();
        stack.clone().oneshot(request)
    };
    let told = || log.text().matches("token not attached").count();
    for (count, fetches) in [(1, 0), (2, 1)] {
        call("https://files.example.com/").await.unwrap();
        assert_eq!((told(), source.fetches()), (count, fetches));
        call("https://api.example.com/").await.unwrap();
        assert_eq!((told(), source.fetches()), (count, 1));
    }
    assert!(
        log.text().contains("withheld=OtherOrigin"),
        "{}",
        log.text()
    );
}
