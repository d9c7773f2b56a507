//! What becomes of a request that was let in.

use std::{
    error::Error,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    middleware,
    response::{IntoResponse, Response},
    routing::get,
};
use clearance::{
    RateLimitBackoff, RateLimitBackoffLayer, ReplayBody, ReplayBodyLayer, Retry401, Retry401Layer,
    SkewAuth, SkewAuthLayer, replay::ReplayBodyService,
};
use http::StatusCode;
use http_body_util::BodyExt;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};
use tower::{ServiceBuilder, ServiceExt};

use crate::{
    client::{Https, https},
    configuration::Bounds,
    door::{self, Door},
    health, hops,
    platform::Platform,
    problem::Problem,
    trouble::{Trouble, token_error},
    upstream::Upstream,
};

type Stack = ReplayBodyService<Retry401<RateLimitBackoff<SkewAuth<Https<ReplayBody<Body>>>>>>;

/// The layers over a client for one API. Its clones are the same proxy.
#[derive(Clone)]
pub(crate) struct Proxy(Arc<Inner>);

struct Inner {
    upstream: Upstream,
    stack: Stack,
    auth: SkewAuthLayer,
    limits: RateLimitBackoffLayer,
    seats: Arc<Semaphore>,
    bounds: Bounds,
    /// The last call failed for want of a token.
    tokenless: AtomicBool,
}

impl Proxy {
    pub(crate) fn new(platform: &Platform, bounds: Bounds) -> Result<Self, Problem> {
        let auth = SkewAuthLayer::new(platform.source.clone());
        let limits = RateLimitBackoffLayer::new();
        let stack = ServiceBuilder::new()
            .layer(ReplayBodyLayer::new())
            .layer(Retry401Layer::new())
            .layer(limits.clone())
            .layer(auth.clone())
            .service(https(&platform.trust)?);
        Ok(Self(Arc::new(Inner {
            upstream: Upstream::new(&platform.upstream)?,
            stack,
            auth,
            limits,
            seats: Arc::new(Semaphore::new(bounds.requests)),
            bounds,
            tokenless: AtomicBool::new(false),
        })))
    }

    /// The proxy behind its door.
    pub(crate) fn router(self, door: Door) -> Router {
        Router::new()
            .route(health::PATH, get(health::show))
            .route(health::SHORT_PATH, get(health::show))
            .fallback(forward)
            .layer(middleware::from_fn_with_state(door, door::ask))
            .with_state(self)
    }

    pub(crate) fn auth(&self) -> &SkewAuthLayer {
        &self.0.auth
    }

    pub(crate) fn limits(&self) -> &RateLimitBackoffLayer {
        &self.0.limits
    }

    pub(crate) fn upstream(&self) -> &Upstream {
        &self.0.upstream
    }

    /// Whether the last call got a token, or none was made yet.
    pub(crate) fn is_well(&self) -> bool {
        !self.0.tokenless.load(Relaxed)
    }

    /// How many requests are under way.
    pub(crate) fn under_way(&self) -> usize {
        self.0.bounds.requests - self.0.seats.available_permits()
    }

    async fn send(&self, request: Request) -> Result<Response, Trouble> {
        let Inner {
            upstream,
            stack,
            bounds,
            tokenless,
            ..
        } = &*self.0;
        // Held until the last byte of the reply. Nobody queues for one: what waits is a request, and takes memory too.
        let seat = Arc::clone(&self.0.seats).try_acquire_owned();
        let seat = seat.map_err(|_| Trouble::crowded(bounds.requests))?;

        let (mut head, body) = request.into_parts();
        let Some(address) = upstream.address(&head.uri) else {
            return Err(Trouble::new(
                StatusCode::URI_TOO_LONG,
                "target",
                "the target is too long",
            ));
        };
        hops::outward(&mut head, address.clone());
        let sent = stack.clone().oneshot(Request::from_parts(head, body));
        let late = |_| Trouble::late(&upstream.origin(), bounds.patience);
        let sent = timeout(bounds.patience, sent).await.map_err(late)?;
        let failed = |error: Box<dyn Error + Send + Sync>| {
            tokenless.store(token_error(&*error).is_some(), Relaxed);
            Trouble::of(&*error, &upstream.origin())
        };
        let (mut head, body) = sent.map_err(failed)?.into_parts();
        tokenless.store(false, Relaxed);
        hops::homeward(&mut head, upstream, &address);
        Ok(Response::from_parts(head, seated(body, seat)))
    }
}

async fn forward(State(proxy): State<Proxy>, request: Request) -> Response {
    let mut segments = request.uri().path().split('/').skip(1);
    if segments.next() == Some(".auth-proxy") {
        let message = "below /.auth-proxy/ there is only /.auth-proxy/healthz";
        return Trouble::new(StatusCode::NOT_FOUND, "not_found", message).into_response();
    }
    let sent = proxy.send(request).await;
    sent.unwrap_or_else(IntoResponse::into_response)
}

/// A body that gives its seat back when it is sent, or given up.
fn seated<B>(body: B, seat: OwnedSemaphorePermit) -> Body
where
    B: http_body::Body<Data = bytes::Bytes, Error: Into<axum::BoxError>> + Send + 'static,
{
    Body::new(body.map_frame(move |frame| {
        let _held = &seat;
        frame
    }))
}
