//! The layers on reqwest, by an adapter of one page. One client serves both for the API and for the token requests.
//!
//! ```text
//! cargo run --example reqwest_client
//! ```
//!
//! Bodies are streamed both ways. Redirects are followed above the layer that attaches the token, which judges each hop;
//! reqwest's own are off. It talks to a simulated platform on loopback sockets; over `https` nothing else changes.

use std::{error::Error, sync::Arc};

use bytes::Bytes;
use clearance::{Audience, RateLimitBackoffLayer, ReplayBodyLayer, Retry401Layer, SkewAuthLayer};
use clearance_oauth::ClientCredentials;
use clearance_test::sim::Genesys;
use http::Request;
use http_body_util::BodyExt;
use hyper_rustls::ConfigBuilderExt;
use rustls::{ClientConfig, crypto::ring};
use tower::{ServiceBuilder, ServiceExt};
use tower_http::follow_redirect::FollowRedirectLayer;

#[path = "reqwest_adapter.rs"]
mod reqwest_adapter;

use reqwest_adapter::ReqwestService;

type BoxError = Box<dyn Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let platform = Genesys::new();
    let running = platform.serve().await?;
    // A proxy of the environment is of no use on loopback.
    let reqwest = ReqwestService::new(
        reqwest::Client::builder()
            .tls_backend_preconfigured(tls()?)
            .no_proxy(),
    )?;

    let source = ClientCredentials::new(
        &format!("{}/oauth/token", running.login_url()),
        Genesys::CLIENT_ID,
        Genesys::CLIENT_SECRET,
        Audience::origin(running.api_url())?,
    )?
    // It takes any body, so it is told which one.
    .with_client::<_, reqwest::Body>(reqwest.clone());

    let auth = SkewAuthLayer::new(source);
    let client = ServiceBuilder::new()
        .layer(ReplayBodyLayer::new())
        .layer(FollowRedirectLayer::new())
        .layer(Retry401Layer::new())
        .layer(RateLimitBackoffLayer::new())
        .layer(auth.clone())
        .service(reqwest);

    for nth in 1..=3 {
        if nth == 2 {
            platform.revoke_all();
        }
        // `reqwest::Body` is not `Clone` where it is a stream, and is sent twice all the same.
        let message = format!("message {nth}");
        let body = reqwest::Body::wrap(http_body_util::Full::<Bytes>::from(message.clone()));
        let url = format!("{}{}", running.api_url(), Genesys::ECHO);
        let (head, body) = client
            .clone()
            .oneshot(Request::post(url).body(body)?)
            .await?
            .into_parts();
        let echo = body.collect().await?.to_bytes();
        println!("{message}: {}, {} bytes came back", head.status, echo.len());
        assert_eq!(echo, message);
    }
    println!("{}", auth.status());
    assert_eq!(platform.counters().token_requests, 2);
    Ok(())
}

/// rustls with ring, and the roots of Mozilla. The provider is named: reqwest's default brings another one into the build.
fn tls() -> Result<ClientConfig, rustls::Error> {
    Ok(
        ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_webpki_roots()
            .with_no_client_auth(),
    )
}

#[test]
fn a_streamed_message_survives_a_revocation() -> Result<(), BoxError> {
    main()
}
