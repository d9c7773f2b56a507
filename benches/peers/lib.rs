//! Peers that attach a cached token in process: see `README.md` here.

use std::{
    fmt,
    future::Future,
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use benches::{
    bare::{Bare, Body},
    load::{Case, Prepared, call},
    sides::Side,
};
use http::{HeaderValue, Request, header::AUTHORIZATION};
use tokio::runtime::Runtime;
use tower::{Layer, Service, ServiceExt};

/// Requests of one measurement.
pub const REQUESTS: usize = 100;

/// Who attaches the token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// One of the sides that all benchmarks have.
    Side(Side),
    /// `aliri_tokens`: a watched token, formatted by the caller as its example does.
    Aliri,
    /// `kube-client`: its layer for a token in a file.
    Kube,
    /// `azure_core`: its policy for bearer tokens.
    Azure,
    /// `cf-gears-toolkit-auth`: its layer.
    CfGears,
    /// `reqwest-middleware`: a middleware that attaches a header that is there.
    ReqwestMiddleware,
}

impl Peer {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Side(Side::Static),
        Self::Side(Side::Auth),
        Self::ReqwestMiddleware,
        Self::Aliri,
        Self::Azure,
        Self::Kube,
        Self::CfGears,
        Self::Side(Side::Textbook),
    ];

    /// With the token, or the same without.
    ///
    /// # Panics
    ///
    /// If it cannot be set up.
    #[must_use]
    pub fn calls(self, with: bool) -> Calls {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        let run = match self {
            Self::Side(side) => {
                let side = if with { side } else { Side::Bare };
                let mut prepared = Prepared::new(side, &Case::COMMON, 0);
                Box::new(move |requests| {
                    prepared.refill(requests);
                    prepared.run();
                })
            }
            Self::Aliri => aliri(&runtime, with),
            Self::Kube => kube(with),
            Self::Azure => azure(with),
            Self::CfGears => cf_gears(&runtime, with),
            Self::ReqwestMiddleware => reqwest_middleware(with),
        };
        let mut calls = Calls { run, runtime };
        calls.run(8);
        calls
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Side(side) => side.name(),
            Self::Aliri => "aliri_tokens 0.3",
            Self::Kube => "kube-client 5",
            Self::Azure => "azure_core 1.1",
            Self::CfGears => "cf-gears-toolkit-auth 0.8",
            Self::ReqwestMiddleware => "reqwest-middleware 0.5, fixed",
        })
    }
}

/// Something that can be called.
pub struct Calls {
    run: Run,
    runtime: Runtime,
}

impl fmt::Debug for Calls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Calls")
    }
}

impl Calls {
    /// Makes and sends so many requests.
    pub fn run(&mut self, requests: usize) {
        let _inside = self.runtime.enter();
        (self.run)(requests);
    }
}

type Run = Box<dyn FnMut(usize)>;

fn service<S>(mut service: S) -> Run
where
    S: Service<Request<Body>, Error: fmt::Debug> + 'static,
{
    Box::new(move |requests| {
        for _ in 0..requests {
            let response = call(&mut service, Case::COMMON.request());
            drop(std::hint::black_box(response.expect("a reply")));
        }
    })
}

/// Polls what is ready.
fn now<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("the answer was not there at once"),
    }
}

fn aliri(runtime: &Runtime, with: bool) -> Run {
    use aliri_tokens::{
        AccessToken, TokenWatcher, backoff::ErrorBackoffConfig, jitter::NullJitter,
        sources::ConstTokenSource,
    };
    let bare = Bare::default();
    if !with {
        return service(bare);
    }
    let source = ConstTokenSource::new(AccessToken::from(Case::COMMON.token()));
    let backoff = ErrorBackoffConfig::default();
    let watcher = TokenWatcher::spawn_from_token_source(source, NullJitter, backoff);
    let watcher = runtime.block_on(watcher).expect("a token");
    service(tower::ServiceExt::<Request<Body>>::map_request(
        bare,
        move |mut request: Request<Body>| {
            let value = format!("Bearer {}", watcher.token().access_token().as_str());
            let value = HeaderValue::from_str(&value).expect("a valid token");
            request.headers_mut().insert(AUTHORIZATION, value);
            request
        },
    ))
}

fn kube(with: bool) -> Run {
    use kube_client::{Config, client::ConfigExt};
    // Its layer's error is a boxed one, and the service's must be the same.
    let bare = ServiceExt::<Request<Body>>::map_err(Bare::default(), tower::BoxError::from);
    if !with {
        return service(bare);
    }
    let file = tempfile::NamedTempFile::new().expect("a file for the token");
    std::fs::write(file.path(), Case::COMMON.token()).expect("the token is written");
    let mut config = Config::new("https://api.example.com".parse().expect("a valid address"));
    config.auth_info.token_file = Some(file.path().to_string_lossy().into_owned());
    let layer = config
        .auth_layer()
        .expect("a layer")
        .expect("there is a token");
    let mut run = service(layer.layer(bare));
    Box::new(move |requests| {
        let _as_long = &file;
        run(requests);
    })
}

fn azure(with: bool) -> Run {
    use azure_core::{
        credentials::{AccessToken, TokenCredential, TokenRequestOptions},
        http::{
            AsyncRawResponse, Context, Method, Request, StatusCode, Url,
            headers::Headers,
            policies::{Policy, PolicyResult, auth::BearerTokenAuthorizationPolicy},
        },
        time::{Duration, OffsetDateTime},
    };

    #[derive(Debug)]
    struct Fixed;

    #[async_trait::async_trait]
    impl TokenCredential for Fixed {
        async fn get_token(
            &self,
            _: &[&str],
            _: Option<TokenRequestOptions<'_>>,
        ) -> azure_core::Result<AccessToken> {
            let end = OffsetDateTime::now_utc() + Duration::days(1);
            Ok(AccessToken::new(Case::COMMON.token(), end))
        }
    }

    #[derive(Debug)]
    struct Last;

    #[async_trait::async_trait]
    impl Policy for Last {
        async fn send(
            &self,
            _: &Context,
            request: &mut Request,
            _: &[Arc<dyn Policy>],
        ) -> PolicyResult {
            std::hint::black_box(request);
            let nothing = bytes::Bytes::new();
            Ok(AsyncRawResponse::from_bytes(
                StatusCode::Ok,
                Headers::new(),
                nothing,
            ))
        }
    }

    let mut policies: Vec<Arc<dyn Policy>> = vec![Arc::new(Last)];
    if with {
        let scopes = ["https://example.com/.default"];
        let bearer = BearerTokenAuthorizationPolicy::new(Arc::new(Fixed), scopes);
        policies.insert(0, Arc::new(bearer));
    }
    let url: Url = "https://api.example.com/users"
        .parse()
        .expect("a valid address");
    let context = Context::new();
    Box::new(move |requests| {
        for _ in 0..requests {
            let mut request = Request::new(url.clone(), Method::Get);
            let reply = now(policies[0].send(&context, &mut request, &policies[1..]));
            drop(reply.expect("a reply"));
        }
    })
}

fn cf_gears(runtime: &Runtime, with: bool) -> Run {
    use toolkit_auth::{BearerAuthLayer, OAuthClientConfig, SecretString, TokenProvider};
    use toolkit_http::{HttpClientConfig, HttpError};
    // It asks for its layer's error to be the inner service's, so the service is mapped on both sides.
    let bare = ServiceExt::<Request<Body>>::map_err(
        Bare::default(),
        |never: std::convert::Infallible| -> HttpError { match never {} },
    );
    if !with {
        return service(bare);
    }
    let provider = runtime.block_on(async {
        let issuer = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port");
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
async fn issue(issuer: tokio::net::TcpListener) {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
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

fn reqwest_middleware(with: bool) -> Run {
    use reqwest::{Client, Request, Response};
    use reqwest_middleware::{ClientBuilder, Middleware, Next, Result};

    struct Attach(HeaderValue);

    #[async_trait::async_trait]
    impl Middleware for Attach {
        async fn handle(
            &self,
            mut request: Request,
            extensions: &mut http::Extensions,
            next: Next<'_>,
        ) -> Result<Response> {
            request.headers_mut().insert(AUTHORIZATION, self.0.clone());
            next.run(request, extensions).await
        }
    }

    struct Last;

    #[async_trait::async_trait]
    impl Middleware for Last {
        async fn handle(
            &self,
            request: Request,
            _: &mut http::Extensions,
            _: Next<'_>,
        ) -> Result<Response> {
            drop(std::hint::black_box(request));
            Ok(http::Response::new("").into())
        }
    }

    let value = HeaderValue::from_str(&format!("Bearer {}", Case::COMMON.token()));
    let mut client = ClientBuilder::new(Client::new());
    if with {
        client = client.with(Attach(value.expect("a valid token")));
    }
    let client = client.with(Last).build();
    let url: url::Url = "https://api.example.com/users"
        .parse()
        .expect("a valid address");
    Box::new(move |requests| {
        for _ in 0..requests {
            let mut request = Request::new(http::Method::GET, url.clone());
            *request.headers_mut() = Case::COMMON.request().into_parts().0.headers;
            drop(now(client.execute(request)).expect("a reply"));
        }
    })
}
