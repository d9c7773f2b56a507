//! An axum service whose handlers call an API. The layers are part of its state, so all its requests share one token, one
//! refresh and one pause.
//!
//! ```text
//! cargo run --example axum_service
//! ```
//!
//! It listens on a free port of loopback, asks itself for what a caller would ask for, and shuts down gracefully. The API is
//! a simulated platform; `GenesysCloud::new` without the two `with_…_url` calls is the real one.

use std::{error::Error, sync::Arc};

use axum::{
    Router,
    body::Body,
    extract::{Path, State},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use clearance::{
    RateLimitBackoff, RateLimitBackoffLayer, ReplayBody, ReplayBodyLayer, Retry401, Retry401Layer,
    SkewAuth, SkewAuthLayer, TokenError, TokenErrorKind, rate_limit_backoff::RateLimited,
    replay::ReplayBodyService, skew_auth::TokenState,
};
use clearance_genesys::{GenesysCloud, Region};
use clearance_oauth::{HttpsClient, https};
use clearance_test::sim::Genesys;
use http::{
    HeaderValue, Request, StatusCode,
    header::{CONTENT_TYPE, RETRY_AFTER},
};
use http_body_util::BodyExt;
use tokio::{net::TcpListener, sync::oneshot};
use tower::{ServiceBuilder, ServiceExt};

type BoxError = Box<dyn Error + Send + Sync>;

// ===== the service =====

/// A client that takes what axum calls a body, whole or streamed. It can be named, so it can stand in a state.
type Api = ReplayBodyService<Retry401<RateLimitBackoff<SkewAuth<HttpsClient<ReplayBody<Body>>>>>>;

/// What all handlers share. Cloning it is cheap.
#[derive(Clone)]
struct App {
    api: Api,
    api_url: Arc<str>,
    auth: SkewAuthLayer,
}

/// The routes. Whoever can reach them acts for the organisation: authenticate your callers before you listen anywhere else.
fn service(source: GenesysCloud) -> Router {
    let api_url = source.api_url().into();
    let auth = SkewAuthLayer::new(source);
    let api = ServiceBuilder::new()
        .layer(ReplayBodyLayer::new())
        .layer(Retry401Layer::new())
        .layer(RateLimitBackoffLayer::new())
        .layer(auth.clone())
        .service(https());
    Router::new()
        .route("/agents/{page}", get(agents))
        .route("/messages", post(message))
        .route("/healthz", get(health))
        .with_state(App { api, api_url, auth })
}

async fn agents(State(app): State<App>, Path(page): Path<u32>) -> Result<Response, Failure> {
    let url = format!("{}/api/v2/users?pageSize=25&pageNumber={page}", app.api_url);
    app.call(Request::get(url).body(Body::empty())?).await
}

/// The body goes through as it comes. Up to 64 KiB of it can be sent a second time.
async fn message(State(app): State<App>, body: Body) -> Result<Response, Failure> {
    let url = format!("{}{}", app.api_url, Genesys::ECHO);
    app.call(Request::post(url).body(body)?).await
}

/// Says how the token fares, and 503 if there is none to be had.
async fn health(State(app): State<App>) -> (StatusCode, String) {
    let status = app.auth.status();
    let is_lost = status.last_error.is_some()
        && matches!(status.token, TokenState::Empty | TokenState::Expired);
    let code = match is_lost {
        true => StatusCode::SERVICE_UNAVAILABLE,
        false => StatusCode::OK,
    };
    (code, status.to_string())
}

impl App {
    /// The API's reply, of which the caller gets the status, the type and the body, streamed.
    async fn call(&self, request: Request<Body>) -> Result<Response, Failure> {
        let (head, body) = self.api.clone().oneshot(request).await?.into_parts();
        let mut reply = Response::new(Body::new(body));
        *reply.status_mut() = head.status;
        if let Some(kind) = head.headers.get(CONTENT_TYPE) {
            reply.headers_mut().insert(CONTENT_TYPE, kind.clone());
        }
        Ok(reply)
    }
}

/// Why there is no reply of the API.
struct Failure(BoxError);

impl<E: Into<BoxError>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl IntoResponse for Failure {
    /// What went wrong is for the log. The caller learns whether it is worth trying again, and when if that is known.
    fn into_response(self) -> Response {
        tracing::warn!(error = %self.0, "no reply from the API");
        let token = self.0.downcast_ref().map(TokenError::kind);
        let wait = match (token, self.0.downcast_ref()) {
            // A limit would hold the call for longer than it may be held, so it was not carried out.
            (_, Some(RateLimited { wait, .. })) => Some(*wait),
            (Some(TokenErrorKind::Throttled { retry_after }), _) => retry_after,
            (Some(TokenErrorKind::Unavailable), _) => None,
            _ => return StatusCode::BAD_GATEWAY.into_response(),
        };
        let mut response = StatusCode::SERVICE_UNAVAILABLE.into_response();
        if let Some(wait) = wait {
            let seconds = HeaderValue::from(wait.as_secs_f64().ceil() as u64);
            response.headers_mut().insert(RETRY_AFTER, seconds);
        }
        response
    }
}

// ===== and how it is called =====

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let platform = Genesys::new();
    let running = platform.serve().await?;
    let source = GenesysCloud::new(Region::UsEast1, Genesys::CLIENT_ID, Genesys::CLIENT_SECRET)?
        .with_login_url(running.login_url())?
        .with_api_url(running.api_url())?;

    let (stop, stopped) = oneshot::channel::<()>();
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let service = axum::serve(listener, service(source)).with_graceful_shutdown(async {
        // A sender that is gone stops it as well.
        let _ = stopped.await;
    });
    let service = tokio::spawn(service.into_future());

    let pages = (1..=3).map(|page| tokio::spawn(ask(address, format!("/agents/{page}"), None)));
    for page in pages.collect::<Vec<_>>() {
        let (status, body) = page.await??;
        println!("a page of agents: {status}, {} bytes", body.len());
        assert_eq!(status, StatusCode::OK);
    }
    platform.revoke_all();
    let message = ask(address, "/messages".to_owned(), Some("hello")).await?;
    println!("a message: {}, {:?} came back", message.0, message.1);
    assert_eq!(message, (StatusCode::OK, "hello".to_owned()));
    let health = ask(address, "/healthz".to_owned(), None).await?;
    println!("health: {}, {}", health.0, health.1);
    assert_eq!(health.0, StatusCode::OK);

    stop.send(()).map_err(|()| "the service ended by itself")?;
    service.await??;
    // The first one, and the one after the revocation.
    assert_eq!(platform.counters().token_requests, 2);
    Ok(())
}

/// What a caller does: it knows nothing of tokens.
async fn ask(
    service: impl std::fmt::Display,
    path: String,
    body: Option<&'static str>,
) -> Result<(StatusCode, String), BoxError> {
    let request = match body {
        None => Request::get(format!("http://{service}{path}")),
        Some(_) => Request::post(format!("http://{service}{path}")),
    };
    let request = request.body(Body::from(body.unwrap_or_default()))?;
    let (head, body) = https::<Body>().oneshot(request).await?.into_parts();
    let body = body.collect().await?.to_bytes();
    Ok((head.status, String::from_utf8(body.to_vec())?))
}

#[cfg(test)]
mod tests {
    use std::{convert::Infallible, time::Duration};

    use tower::service_fn;

    use super::*;

    #[test]
    fn its_requests_share_one_token() -> Result<(), BoxError> {
        main()
    }

    #[tokio::test]
    async fn a_call_that_is_held_for_too_long_may_be_tried_again() {
        let limited = service_fn(|_: Request<String>| async {
            let reply = http::Response::builder()
                .status(429)
                .header(RETRY_AFTER, 30);
            Ok::<_, Infallible>(reply.body(String::new()).unwrap())
        });
        let client = ServiceBuilder::new()
            .layer(RateLimitBackoffLayer::new().max_wait(Duration::from_secs(10)))
            .service(limited);
        let request = || Request::get("https://api.example.com/").body(String::new());
        let refused = client.clone().oneshot(request().unwrap()).await.unwrap();
        assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);

        // The second one is not sent.
        let error = client.oneshot(request().unwrap()).await.unwrap_err();
        let reply = Failure(error).into_response();
        assert_eq!(reply.status(), StatusCode::SERVICE_UNAVAILABLE);
        let wait = reply.headers()[RETRY_AFTER].to_str().unwrap();
        assert!((20..=31).contains(&wait.parse().unwrap()), "{wait}");
    }

    #[test]
    fn a_source_in_trouble_is_told_by_its_kind() {
        for (error, status, wait) in [
            (TokenError::denied("no"), 502, None),
            (TokenError::unavailable("down"), 503, None),
            (TokenError::throttled(None, ""), 503, None),
            (
                TokenError::throttled(Some(Duration::from_millis(1_001)), ""),
                503,
                Some("2"),
            ),
        ] {
            let reply = Failure(error.into()).into_response();
            let told = reply.headers().get(RETRY_AFTER);
            let told = told.map(|wait| wait.to_str().unwrap());
            assert_eq!((reply.status().as_u16(), told), (status, wait));
        }
    }
}
