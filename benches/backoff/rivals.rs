//! Those who wait out the limits: clients of one address, each as its documentation recommends it.

use std::{future::Future, net::SocketAddr, pin::Pin, sync::Arc, time::Duration};

use bytes::Bytes;
use clearance::{
    RateLimitBackoffLayer,
    rate_limit_backoff::{MaxWait, Quota},
};
use http::{Request, Response, StatusCode, header::RETRY_AFTER};
use http_body_util::{BodyExt, Full};
use hyper_util::{
    client::legacy::{Client, Error, connect::HttpConnector},
    rt::TokioExecutor,
};
use tokio::time::{Sleep, sleep};
use tower::{
    Layer, Service, ServiceExt,
    retry::{
        Policy, RetryLayer,
        backoff::{Backoff, ExponentialBackoff, ExponentialBackoffMaker, MakeBackoff},
        budget::{Budget, TpsBudget},
    },
    util::rng::HasherRng,
};

type Body = Full<Bytes>;
type Reply = Response<hyper::body::Incoming>;
/// One call from its beginning to its end: did it succeed? It is given how long it may wait, if not for ever, for those
/// that make use of it.
pub type Call =
    Arc<dyn Fn(Option<Duration>) -> Pin<Box<dyn Future<Output = bool> + Send>> + Send + Sync>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rival {
    Loop,
    Tower,
    #[cfg(feature = "rivals")]
    Reqwest,
    Clearance,
    /// With the limit given.
    Quota,
}

impl Rival {
    pub const ALL: &[Self] = &[
        Self::Loop,
        Self::Tower,
        #[cfg(feature = "rivals")]
        Self::Reqwest,
        Self::Clearance,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Loop => "plain loop",
            Self::Tower => "tower Retry",
            #[cfg(feature = "rivals")]
            Self::Reqwest => "reqwest-retry",
            Self::Clearance => "clearance",
            Self::Quota => "clearance, quota given",
        }
    }

    pub fn client(self, address: SocketAddr) -> Call {
        let client = Client::builder(TokioExecutor::new()).build_http();
        match self {
            Self::Loop => Arc::new(move |_| Box::pin(textbook(client.clone(), address))),
            Self::Tower => {
                let layer = RetryLayer::new(Budgeted::new());
                service(layer.layer(client), address)
            }
            #[cfg(feature = "rivals")]
            Self::Reqwest => with_reqwest(address),
            Self::Clearance => {
                // In the 30 s of the open loop more calls can leave than the 1024 that are held by default.
                let layer = RateLimitBackoffLayer::new().max_held(4096);
                service(layer.layer(client), address)
            }
            Self::Quota => {
                let quota = Quota::new(40, Duration::from_secs(1)).burst(10);
                let layer = RateLimitBackoffLayer::new().quota(quota);
                service(layer.layer(client), address)
            }
        }
    }
}

fn request(address: SocketAddr) -> Request<Body> {
    let uri = format!("http://{address}/");
    Request::get(uri).body(Body::default()).expect("valid")
}

fn service<S>(service: S, address: SocketAddr) -> Call
where
    S: Service<Request<Body>, Response = Reply, Error: Send, Future: Send>
        + Clone
        + Send
        + Sync
        + 'static,
{
    Arc::new(move |most| {
        let service = service.clone();
        let mut request = request(address);
        if let Some(most) = most {
            request.extensions_mut().insert(MaxWait(most));
        }
        Box::pin(async move {
            match service.oneshot(request).await {
                Ok(reply) => finish(reply).await,
                Err(_) => false,
            }
        })
    })
}

async fn finish(reply: Reply) -> bool {
    let succeeded = reply.status().is_success();
    succeeded & reply.into_body().collect().await.is_ok()
}

/// What is written by hand again and again: three tries; what `Retry-After` says, else a second, doubling.
async fn textbook(client: Client<HttpConnector, Body>, address: SocketAddr) -> bool {
    let mut step = Duration::from_secs(1);
    for attempt in 1.. {
        let Ok(reply) = client.request(request(address)).await else {
            return false;
        };
        if reply.status() != StatusCode::TOO_MANY_REQUESTS || attempt == 3 {
            return finish(reply).await;
        }
        let told = reply.headers().get(RETRY_AFTER);
        let told = told.and_then(|value| value.to_str().ok());
        let seconds = told.and_then(|text| text.parse().ok());
        let date = || {
            let date = httpdate::parse_http_date(told?).ok()?;
            date.duration_since(std::time::SystemTime::now()).ok()
        };
        let wait = seconds.map(Duration::from_secs).or_else(date);
        finish(reply).await;
        sleep(wait.unwrap_or(step)).await;
        step *= 2;
    }
    false
}

/// tower's own parts: a budget with its defaults, and an exponential backoff from half a second to half a minute.
#[derive(Clone)]
struct Budgeted {
    budget: Arc<TpsBudget>,
    backoff: ExponentialBackoff,
}

impl Budgeted {
    fn new() -> Self {
        let (least, most) = (Duration::from_millis(500), Duration::from_secs(30));
        let maker = ExponentialBackoffMaker::new(least, most, 0.5, HasherRng::default());
        Self {
            budget: Arc::default(),
            backoff: maker.expect("valid bounds").make_backoff(),
        }
    }
}

impl Policy<Request<Body>, Reply, Error> for Budgeted {
    type Future = Pin<Box<Sleep>>;

    fn retry(
        &mut self,
        _: &mut Request<Body>,
        result: &mut Result<Reply, Error>,
    ) -> Option<Pin<Box<Sleep>>> {
        let refused = |reply: &Reply| reply.status() == StatusCode::TOO_MANY_REQUESTS;
        if !result.as_ref().is_ok_and(refused) {
            self.budget.deposit();
            return None;
        }
        let wait = self.backoff.next_backoff();
        self.budget.withdraw().then(|| Box::pin(wait))
    }

    fn clone_request(&mut self, request: &Request<Body>) -> Option<Request<Body>> {
        Some(request.clone())
    }
}

#[cfg(feature = "rivals")]
fn with_reqwest(address: SocketAddr) -> Call {
    use reqwest_middleware::ClientBuilder;
    use reqwest_retry::{RetryTransientMiddleware, policies};

    let policy = policies::ExponentialBackoff::builder().build_with_max_retries(3);
    let client = ClientBuilder::new(reqwest::Client::new())
        .with(RetryTransientMiddleware::new_with_policy(policy))
        .build();
    Arc::new(move |_| {
        let call = client.get(format!("http://{address}/")).send();
        Box::pin(async move {
            match call.await {
                Ok(reply) => reply.status().is_success() & reply.bytes().await.is_ok(),
                Err(_) => false,
            }
        })
    })
}
