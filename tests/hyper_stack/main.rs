//! hyper-util's client over rustls under the recommended stack, over HTTP/1.1 and h2, on real sockets with TLS.
#![allow(clippy::unwrap_used, reason = "test code")]

mod certificates;
mod platform;
mod shared;
#[path = "../streamed.rs"]
mod streamed;
#[path = "../tls/mod.rs"]
mod tls;

use std::{future::Future, time::Duration};

use bytes::Bytes;
use clearance::{
    Audience, RateLimitBackoff, RateLimitBackoffLayer, Retry401, Retry401Layer, SkewAuth,
    SkewAuthLayer, TokenSource,
};
use clearance_oauth::{ClientCredentials, HttpService, Transport};
use http::Request;
use http_body_util::Full;
use tls::{Server, TlsClient};
use tokio::time::timeout;
use tower::ServiceBuilder;

type Body = Full<Bytes>;
type Stack = Retry401<RateLimitBackoff<SkewAuth<TlsClient<Body>>>>;

const SECOND: Duration = Duration::from_secs(1);

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
