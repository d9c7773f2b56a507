//! `cf-gears-toolkit-auth`: its layer, and the issuer that it needs.

use benches::{
    bare::{Bare, Body},
    load::Case,
};
use http::Request;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    runtime::Runtime,
};
use toolkit_auth::{BearerAuthLayer, OAuthClientConfig, SecretString, TokenProvider};
use toolkit_http::{HttpClientConfig, HttpError};
use tower::{Layer, ServiceExt};

use crate::{Run, service};

pub(crate) fn run(runtime: &Runtime, with: bool) -> Run {
    // It asks for its layer's error to be the inner service's, so the service is mapped on both sides.
    let bare = ServiceExt::<Request<Body>>::map_err(
        Bare::default(),
        |never: std::convert::Infallible| -> HttpError { match never {} },
    );
    if !with {
        return service(bare);
    }
    let provider = runtime.block_on(async {
        let issuer = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = issuer.local_addr().expect("an address");
        let issuing = tokio::spawn(issue(issuer));
        let config = OAuthClientConfig {
            token_endpoint: Some(
                format!("http://{address}/token")
                    .parse()
                    .expect("an address"),
            ),
            client_id: "bench".into(),
            client_secret: SecretString::new("secret"),
            http_config: Some(HttpClientConfig::for_testing()),
            ..OAuthClientConfig::default()
        };
        let provider = TokenProvider::new(config).expect("a provider");
        provider.get().await.expect("a token");
        issuing.abort();
        provider
    });
    service(BearerAuthLayer::new(provider).layer(bare))
}

/// One token, to whoever asks.
async fn issue(issuer: TcpListener) {
    let token = Case::COMMON.token();
    let answer =
        format!(r#"{{"access_token":"{token}","expires_in":86400,"token_type":"Bearer"}}"#);
    let length = answer.len();
    let answer = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{answer}"
    );
    while let Ok((mut stream, _)) = issuer.accept().await {
        let mut asked = [0; 4096];
        let _ = stream.read(&mut asked).await;
        let _ = stream.write_all(answer.as_bytes()).await;
    }
}
