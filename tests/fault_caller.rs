//! The stack under test, and how a caller uses it.

use std::time::Duration;

use bytes::Bytes;
use clearance::{
    Audience, RateLimitBackoffLayer, Retry401Layer, SkewAuthLayer, rate_limit_backoff::MaxWait,
};
use clearance_genesys::{GenesysCloud, Region};
use clearance_oauth::{ClientCredentials, HttpService, Transport};
use http::{Request, Response, StatusCode, header::CONTENT_ENCODING};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use tokio::time::{Instant, timeout};
use tower::{ServiceBuilder, ServiceExt, timeout::TimeoutLayer, util::BoxCloneSyncService};

use crate::{
    fault_door::{Door, Tls},
    fault_server::{FaultServer, ID, SECRET},
    fault_table::{API_TIMEOUT, Times},
    fault_verdict::Cell,
    faults::{Fault, USERS},
    tls::{BoxError, TlsClient, in_full},
};

type Body = Full<Bytes>;
pub(crate) type Stack = BoxCloneSyncService<Request<Body>, Response<Incoming>, BoxError>;

/// How a call ended: with the good answer or with this, and after what time.
pub(crate) type Ended = (Result<(), String>, Duration);

/// Who is not back by then hangs.
const HANGS: Duration = Duration::from_secs(30);
/// The callers read no more of an answer.
const ENOUGH: usize = 128 * 1024;

/// The layers over a client of the API.
pub(crate) fn stack(cell: &Cell, token: &FaultServer, api: &FaultServer) -> (SkewAuthLayer, Stack) {
    let auth = match cell.fault {
        Fault::Certificate(_) => auth(cell, token, api, client()),
        _ => auth(cell, token, api, clearance_oauth::https()),
    };
    let stack = ServiceBuilder::new()
        .layer(Retry401Layer::new())
        .layer(RateLimitBackoffLayer::new())
        .layer(auth.clone())
        .layer(TimeoutLayer::new(API_TIMEOUT))
        .service(api.door(client()));
    (auth, BoxCloneSyncService::new(stack))
}

fn auth<S>(cell: &Cell, token: &FaultServer, api: &FaultServer, client: S) -> SkewAuthLayer
where
    Transport<Door<S>, Body>: HttpService,
{
    let client = token.door(client);
    if cell.times == Times::Thrice {
        let url = format!("{}/oauth/token", token.url());
        let audience = Audience::origin(&api.url()).unwrap();
        let source = ClientCredentials::new(&url, ID, SECRET, audience).unwrap();
        return SkewAuthLayer::new(source.attempt_timeout(cell.attempt).with_client(client));
    }
    let source = GenesysCloud::new(Region::UsEast1, ID, SECRET)
        .and_then(|source| source.with_login_url(&token.url()))
        .and_then(|source| source.with_api_url(&api.url()))
        .unwrap();
    SkewAuthLayer::new(source.attempt_timeout(cell.attempt).with_client(client))
}

/// One call, which may wait for its turn for so long.
pub(crate) fn call(
    stack: Stack,
    url: &str,
    max_wait: Option<Duration>,
) -> impl Future<Output = Ended> + Send + use<> {
    let mut request = Request::get(url).body(Body::default()).unwrap();
    if let Some(max_wait) = max_wait {
        request.extensions_mut().insert(MaxWait(max_wait));
    }
    async move {
        let began = Instant::now();
        let answer = timeout(HANGS, stack.oneshot(request)).await;
        let ended = match answer {
            Ok(Ok(answer)) => read(answer).await,
            Ok(Err(error)) => Err(in_full(error.as_ref())),
            Err(_) => Err("it hangs".to_owned()),
        };
        (ended, began.elapsed())
    }
}

/// A client for `http`, and for `https` as the tests' own authority has it.
fn client() -> TlsClient<Body> {
    let connector = HttpsConnectorBuilder::new()
        .with_tls_config(Tls::get().authority.client_config())
        .https_or_http()
        .enable_http1()
        .build();
    Client::builder(TokioExecutor::new()).build(connector)
}

/// Reads an answer as a caller does, if not for ever.
async fn read(answer: Response<Incoming>) -> Result<(), String> {
    let (head, mut body) = answer.into_parts();
    let mut read = Vec::new();
    let reading = async {
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| in_full(&error))?;
            read.extend_from_slice(&frame.into_data().unwrap_or_default());
            if read.len() > ENOUGH {
                return Err("more than 128 KiB".to_owned());
            }
        }
        Ok(())
    };
    timeout(API_TIMEOUT, reading)
        .await
        .unwrap_or_else(|_| Err("the caller waits no longer".to_owned()))?;
    if head.status == StatusCode::OK && read == USERS.as_bytes() {
        return Ok(());
    }
    let encoding = head.headers.get(CONTENT_ENCODING);
    let encoding = encoding.map_or("", |encoding| encoding.to_str().unwrap());
    let text = match read.is_empty() {
        true => "nothing".to_owned(),
        false => String::from_utf8_lossy(&read[..read.len().min(100)]).into_owned(),
    };
    let parts = [head.status.as_str(), encoding, &text];
    let parts: Vec<_> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    Err(format!("status {}", parts.join(" ")))
}
