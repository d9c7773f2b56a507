//! The layers on a client built by hand: hyper-util's pooling client over hyper-rustls. One client serves both for the API
//! and for the token requests.
//!
//! ```text
//! cargo run --example hyper_client
//! ```
//!
//! It talks to a simulated platform on loopback sockets, so the TLS half is built and not used; over `https` nothing else
//! changes. `tests/hyper_stack` runs the same stack over TLS, with HTTP/1.1 and h2 and a private authority.

use std::{error::Error, sync::Arc};

use bytes::Bytes;
use clearance::{Audience, RateLimitBackoffLayer, Retry401Layer, SkewAuthLayer};
use clearance_oauth::ClientCredentials;
use clearance_test::sim::Genesys;
use http::Request;
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use rustls::crypto::ring;
use tower::{ServiceBuilder, ServiceExt};

type BoxError = Box<dyn Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let platform = Genesys::new();
    let running = platform.serve().await?;
    let hyper = hyper_client()?;

    let token_url = format!("{}/oauth/token", running.login_url());
    let audience = Audience::origin(running.api_url())?;
    let source = ClientCredentials::new(
        &token_url,
        Genesys::CLIENT_ID,
        Genesys::CLIENT_SECRET,
        audience,
    )?
    .with_client(hyper.clone());

    let auth = SkewAuthLayer::new(source);
    let client = ServiceBuilder::new()
        .layer(Retry401Layer::new())
        .layer(RateLimitBackoffLayer::new())
        .layer(auth.clone())
        .service(hyper);

    // Clones share the token, so calls at the same time ask for one only.
    let calls = (1..=3).map(|page| {
        let client = client.clone();
        let url = format!(
            "{}/api/v2/users?pageSize=25&pageNumber={page}",
            running.api_url()
        );
        tokio::spawn(async move {
            let request = Request::get(url).body(Full::<Bytes>::default())?;
            let (head, body) = client.oneshot(request).await?.into_parts();
            let body = Limited::new(body, 1024 * 1024).collect().await?.to_bytes();
            let users: serde_json::Value = serde_json::from_slice(&body)?;
            let agents = users["entities"].as_array().map_or(0, Vec::len);
            Ok::<_, BoxError>((page, head.status, agents))
        })
    });
    for call in calls.collect::<Vec<_>>() {
        let (page, status, agents) = call.await??;
        println!("page {page}: {status}, {agents} agents");
    }
    println!("{}", auth.status());
    assert_eq!(platform.counters().token_requests, 1);
    Ok(())
}

/// HTTP/1.1 over TLS, with the roots of Mozilla.
///
/// For HTTP/2 as well, where the server offers it: `enable_all_versions()`, with the feature `http2` of hyper-rustls and
/// hyper-util. All calls then share one connection.
///
/// For a private authority the roots come from its certificate, and the configuration goes where the roots of Mozilla are:
///
/// ```text
/// let mut roots = RootCertStore::empty();
/// roots.add(CertificateDer::from_pem_file("authority.pem")?)?;
/// let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
///     .with_safe_default_protocol_versions()?
///     .with_root_certificates(roots)
///     .with_no_client_auth();
/// HttpsConnectorBuilder::new().with_tls_config(config)
/// ```
fn hyper_client() -> Result<Client<HttpsConnector<HttpConnector>, Full<Bytes>>, rustls::Error> {
    // The provider is named: a default one may be missing from the process, or be chosen twice by others.
    let connector = HttpsConnectorBuilder::new()
        .with_provider_and_webpki_roots(Arc::new(ring::default_provider()))?
        .https_or_http()
        .enable_http1()
        .build();
    Ok(Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .build(connector))
}

#[test]
fn calls_at_the_same_time_share_one_token_request() -> Result<(), BoxError> {
    main()
}
