//! The latency of a steady load, with and without renewals of the token.

use std::time::Duration;

use benches::{
    bare::{Bare, Body},
    figures::tell,
    load::Case,
};
use clearance::SkewAuthLayer;
use hdrhistogram::Histogram;
use http::{Request, Response};
use tokio::{task::JoinSet, time::Instant};
use tower::{Layer, Service, ServiceExt};
use tower_http::auth::AddAuthorizationLayer;

use crate::issuer::Issuer;

const PACE: Duration = Duration::from_millis(5);
const TASKS: usize = 64;

pub(crate) async fn steady(long: Duration) {
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
