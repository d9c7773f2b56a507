//! What the auth layer notices of a reply, however soon it comes and whatever lies above: a refusal, a first success.

use std::time::Duration;

use clearance::{Audience, Retry401Layer, SkewAuthLayer, TokenRefused};
use clearance_test::ScriptedSource;
use http::{Method, Request, Version};
use tokio::time::sleep;
use tower::{Layer, Service, ServiceBuilder, ServiceExt};

use crate::support::{Api, Body, MINUTE, URL, Verdict, get};

/// Two APIs with an issuer each, one layer above the other.
#[tokio::test(start_paused = true)]
async fn a_layer_for_another_api_does_not_hide_the_refusal_that_is_known_below() {
    let api = Api::new(|seen, _| if seen.token == "stale" { 401 } else { 200 });
    let elsewhere = Audience::origin("https://other.example.com").unwrap();
    let stack = ServiceBuilder::new()
        .layer(Retry401Layer::new())
        .layer(SkewAuthLayer::new(
            ScriptedSource::counting().with_audience(elsewhere),
        ))
        .layer(SkewAuthLayer::new(ScriptedSource::new(["stale", "fresh"])))
        .service(api.service());
    assert_eq!(stack.oneshot(get()).await.unwrap().status(), 200);
    assert_eq!(api.seen().len(), 2);
}

/// One service, and calls so close together that the date of only the first reply is read.
#[tokio::test(start_paused = true)]
async fn a_grpc_refusal_is_seen_right_after_a_success() {
    type Kind = (Method, Version, &'static str);
    let kinds: [Kind; 3] = [
        (Method::POST, Version::HTTP_2, "application/grpc"),
        (Method::POST, Version::HTTP_11, "application/grpc"),
        (Method::POST, Version::HTTP_11, "application/grpc-web+proto"),
    ];
    for (method, version, kind) in kinds {
        let api = Api::slow(Duration::ZERO, move |_, before| {
            let status = if before < 4 { 0 } else { 16 };
            let verdict = Verdict::from(200).with("content-type", kind);
            verdict.with("grpc-status", status)
        });
        let auth = SkewAuthLayer::new(ScriptedSource::counting());
        let mut service = auth.layer(api.service());
        let mut refused = Vec::new();
        for _ in 0..5 {
            let request = Request::builder().uri(URL).version(version);
            let request = request.method(method.clone()).body(Body::default());
            let service = service.ready().await.unwrap();
            let reply = service.call(request.unwrap()).await.unwrap();
            refused.push(reply.extensions().get::<TokenRefused>().is_some());
        }
        assert_eq!(refused, [false, false, false, false, true], "{kind}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_new_token_counts_as_accepted_by_its_first_success_however_soon_that_comes() {
    let source = ScriptedSource::counting().with_lifetime(MINUTE);
    let api = Api::slow(Duration::ZERO, |seen, _| {
        match seen.head.uri().path() {
            // The token that is accepted is replaced; for another, another scheme would be asked for.
            "/no" => Verdict::from(401).with("www-authenticate", "Basic"),
            _ => Verdict::from(200),
        }
    });
    let auth = SkewAuthLayer::new(source.clone());
    let mut service = auth.layer(api.service());
    let mut call = async |path: &str| {
        let request = Request::get(format!("https://api.example.com{path}"));
        let request = request.body(Body::default()).unwrap();
        let reply = service.ready().await.unwrap().call(request).await.unwrap();
        reply.extensions().get::<TokenRefused>().cloned()
    };
    // So often that the date of few replies is read.
    while source.fetches() < 2 {
        call("/yes").await;
        sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(api.seen().last().unwrap().token, "token-1");
    call("/yes").await;
    assert_eq!(api.seen().last().unwrap().token, "token-2");
    let refused = call("/no").await.unwrap();
    refused.settled().await.unwrap();
    assert_eq!(source.fetches(), 3);
}
