//! Who notices that a token is renewed, or that it was revoked?
//!
//! * 64 tasks that send every 5 ms while the token is renewed, which takes 200 ms: percentiles of the latency, corrected
//!   for coordinated omission, beside a fixed header in the same process at the same time.
//! * 1 000 and 10 000 tasks that all find the token expired, and as many whose token is refused: how often the source is
//!   asked, and how long that takes in multiples of one fetch.

use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use benches::{
    bare::{Bare, Body},
    figures::{median, tell},
    limits::Wanted,
    load::Case,
    sides::BoxError,
};
use clearance::{
    Audience, RateLimitBackoffLayer, ReplayBodyLayer, Retry401Layer, SkewAuthLayer, Token,
    TokenSource, token_source_fn,
};
use hdrhistogram::Histogram;
use http::{Request, Response, StatusCode, header::AUTHORIZATION};
use tokio::{
    sync::Barrier,
    task::JoinSet,
    time::{Instant, sleep},
};
use tower::{Layer, Service, ServiceBuilder, ServiceExt};
use tower_http::auth::AddAuthorizationLayer;

const FETCH: Duration = Duration::from_millis(200);
const PACE: Duration = Duration::from_millis(5);
const TASKS: usize = 64;

fn main() {
    let test = Wanted::from_args() == Wanted::Test;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_time()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        steady(Duration::from_secs(if test { 0 } else { 10 })).await;
        let (herds, rounds): (&[usize], _) = if test {
            (&[100], 1)
        } else {
            (&[1_000, 10_000], 5)
        };
        for &tasks in herds {
            for herd in [Herd::Expired, Herd::Refused] {
                several(herd, tasks, rounds).await;
            }
        }
    });
}

/// An issuer that takes 200 ms, and its tokens are all different.
#[derive(Clone, Default)]
struct Issuer {
    begun: Arc<AtomicUsize>,
    ended: Arc<AtomicUsize>,
}

impl Issuer {
    fn source(&self, lifetime: Duration) -> impl TokenSource {
        let this = self.clone();
        let anywhere = Audience::origin("https://api.example.com").expect("an origin");
        token_source_fn(anywhere, move || {
            let this = this.clone();
            async move {
                let nth = this.begun.fetch_add(1, Ordering::SeqCst);
                // Even if it is given up.
                let _end = End(&this.ended);
                sleep(FETCH).await;
                Ok(Token::bearer(&format!("token-{nth}"))?.with_lifetime(lifetime))
            }
        })
    }

    fn fetches(&self) -> usize {
        self.begun.load(Ordering::SeqCst)
    }

    fn is_asked(&self) -> bool {
        self.fetches() != self.ended.load(Ordering::SeqCst)
    }
}

struct End<'a>(&'a AtomicUsize);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

// ===== a steady load =====

async fn steady(long: Duration) {
    let issuer = Issuer::default();
    // Renewed 1 to 2 s before it is 4 s old: several times.
    let auth = SkewAuthLayer::new(issuer.source(Duration::from_secs(4)))
        .soft_margin(Duration::from_secs(2));
    let ours = auth.layer(Bare::default());
    ours.clone()
        .oneshot(Case::COMMON.request())
        .await
        .expect("a token");
    let fixed = AddAuthorizationLayer::bearer("fixed").layer(Bare::default());
    let end = Instant::now() + long;
    let (mut set, mut others) = (JoinSet::new(), JoinSet::new());
    for nth in 0..TASKS {
        let late = PACE * u32::try_from(nth).expect("few") / u32::try_from(TASKS).expect("few");
        set.spawn(paced(ours.clone(), late, end, issuer.clone()));
        others.spawn(paced(fixed.clone(), late + PACE / 128, end, issuer.clone()));
    }
    for (side, set) in [("SkewAuth", set), ("static header", others)] {
        let (mut all, mut during) = (empty(), empty());
        for (of_all, of_during) in set.join_all().await {
            all.add(of_all).expect("the same bounds");
            during.add(of_during).expect("the same bounds");
        }
        for (case, of) in [
            ("64 tasks, all the time", &all),
            ("64 tasks, during refreshes", &during),
        ] {
            for (name, quantile) in [("p50", 0.5), ("p99", 0.99), ("p99.9", 0.999), ("most", 1.0)] {
                let micros = of.value_at_quantile(quantile) as f64 / 1e3;
                tell(
                    "refresh",
                    side,
                    case,
                    &format!("latency {name}, µs"),
                    micros,
                );
            }
            let bound = 50_000_000;
            let over = of.len() - of.count_between(0, bound);
            tell("refresh", side, case, "requests over 50 ms", over as f64);
            tell("refresh", side, case, "requests", of.len() as f64);
        }
    }
    let refreshes = issuer.fetches() - 1;
    tell(
        "refresh",
        "SkewAuth",
        "64 tasks, all the time",
        "refreshes",
        refreshes as f64,
    );
    assert!(long.is_zero() || refreshes > 0, "nothing was renewed");
}

fn empty() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 60_000_000_000, 3).expect("valid bounds")
}

/// Latencies, in ns: of all requests, and of those sent while the issuer was asked.
async fn paced<S>(
    mut service: S,
    late: Duration,
    end: Instant,
    issuer: Issuer,
) -> (Histogram<u64>, Histogram<u64>)
where
    S: Service<Request<Body>, Response = Response<Body>, Error: std::fmt::Debug>,
{
    let (mut all, mut during) = (empty(), empty());
    let mut next = Instant::now() + late;
    let pace = u64::try_from(PACE.as_nanos()).expect("short");
    while next < end {
        tokio::time::sleep_until(next).await;
        next += PACE;
        let request = Case::COMMON.request();
        let asked = issuer.is_asked();
        let begun = Instant::now();
        let ready = service.ready().await.expect("ready");
        drop(ready.call(request).await.expect("a reply"));
        let taken = u64::try_from(begun.elapsed().as_nanos()).expect("short");
        // What would have been sent meanwhile, and was not, would have waited too.
        all.record_correct(taken, pace).expect("within the bounds");
        if asked {
            during
                .record_correct(taken, pace)
                .expect("within the bounds");
        }
    }
    (all, during)
}

// ===== herds =====

#[derive(Clone, Copy)]
enum Herd {
    /// The token is past its end, so all must wait for the next one.
    Expired,
    /// The token is refused, to all of them.
    Refused,
}

async fn several(herd: Herd, tasks: usize, rounds: usize) {
    let name = match herd {
        Herd::Expired => "expired token",
        Herd::Refused => "refused token",
    };
    let case = format!("{tasks} tasks");
    let mut times = Vec::new();
    let mut most = 0;
    for _ in 0..rounds {
        let (fetches, taken) = match herd {
            Herd::Expired => expired(tasks).await,
            Herd::Refused => refused(tasks).await,
        };
        most = most.max(fetches);
        times.push(taken.as_secs_f64() / FETCH.as_secs_f64());
    }
    tell(
        "refresh",
        name,
        &case,
        "fetches, most of the rounds",
        most as f64,
    );
    tell("refresh", name, &case, "time / one fetch", median(times));
}

async fn expired(tasks: usize) -> (usize, Duration) {
    let issuer = Issuer::default();
    let lifetime = Duration::from_secs(1);
    let auth = SkewAuthLayer::new(issuer.source(lifetime));
    let service = auth.layer(Bare::default());
    service
        .clone()
        .oneshot(Case::COMMON.request())
        .await
        .expect("a token");
    sleep(lifetime).await;
    let before = issuer.fetches();
    let begun = Instant::now();
    let mut set = JoinSet::new();
    for _ in 0..tasks {
        set.spawn(service.clone().oneshot(Case::COMMON.request()));
    }
    for reply in set.join_all().await {
        assert_eq!(reply.expect("a reply").status(), StatusCode::OK);
    }
    (issuer.fetches() - before, begun.elapsed())
}

async fn refused(tasks: usize) -> (usize, Duration) {
    let issuer = Issuer::default();
    let auth = SkewAuthLayer::new(issuer.source(Duration::from_secs(3_600)));
    let api = Revoking::default();
    let service = ServiceBuilder::new()
        .layer(ReplayBodyLayer::new())
        .layer(Retry401Layer::new())
        .layer(RateLimitBackoffLayer::new())
        .layer(auth)
        .service(api.clone());
    let accepted = service.clone().oneshot(Case::COMMON.request()).await;
    assert_eq!(accepted.expect("a reply").status(), StatusCode::OK);
    let before = issuer.fetches();
    api.revoke(tasks);
    let mut set = JoinSet::new();
    for _ in 0..tasks {
        set.spawn(service.clone().oneshot(Case::COMMON.request()));
    }
    for reply in set.join_all().await {
        assert_eq!(reply.expect("a reply").status(), StatusCode::OK);
    }
    (issuer.fetches() - before, api.since_refused())
}

/// An API that revokes the first token while requests with it are under way, and refuses all of them at once.
#[derive(Clone, Default)]
struct Revoking(Arc<Mutex<Option<Revoked>>>);

struct Revoked {
    all_sent: Arc<Barrier>,
    refused: Option<Instant>,
}

impl Revoking {
    fn revoke(&self, tasks: usize) {
        *self.0.lock().expect("not poisoned") = Some(Revoked {
            all_sent: Arc::new(Barrier::new(tasks)),
            refused: None,
        });
    }

    fn since_refused(&self) -> Duration {
        let state = self.0.lock().expect("not poisoned");
        let begun = state.as_ref().and_then(|revoked| revoked.refused);
        begun.expect("all were refused").elapsed()
    }
}

impl<B: Send + 'static> Service<Request<B>> for Revoking {
    type Response = Response<Body>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let this = self.clone();
        let first = request.headers()[AUTHORIZATION] == "Bearer token-0";
        Box::pin(async move {
            let barrier = {
                let state = this.0.lock().expect("not poisoned");
                state.as_ref().map(|revoked| revoked.all_sent.clone())
            };
            let mut response = Response::new(Body::default());
            if let (true, Some(barrier)) = (first, barrier) {
                if barrier.wait().await.is_leader() {
                    let mut state = this.0.lock().expect("not poisoned");
                    state.as_mut().expect("revoked").refused = Some(Instant::now());
                }
                *response.status_mut() = StatusCode::UNAUTHORIZED;
            }
            Ok(response)
        })
    }
}
