//! Servers whose clocks are off, drift and step, on sockets in real time: what does it cost in calls and in tokens?

use std::{future::Future, time::Duration};

use clearance::{AnyTokenSource, Audience, SkewAuthLayer};
use clearance_core::clock::Skew;
use clearance_oauth::ClientCredentials;
use clearance_test::sim::{self, Builder, Genesys, Running};
use tokio::time::sleep;

use crate::{Body, Calls, all_three, hammer, source, support::SECOND};

async fn served(platform: &Genesys) -> (Running, String) {
    let running = platform.serve().await.unwrap();
    let url = format!("{}/api/v2/users?pageSize=1", running.api_url());
    (running, url)
}

const LIFETIME: u64 = 5;
/// So long before its end a token is sent no more: a tenth of its life.
const MARGIN: Duration = Duration::from_millis(100 * LIFETIME);
/// So often is a run made of which this machine spoils each.
const RUNS: usize = 4;

fn allowed(run: u64) -> usize {
    (run as f64 / (0.78 * LIFETIME as f64)).ceil() as usize + 1
}

/// The tests on sockets take turns: they are judged by real time, and share few cores.
static SOCKETS: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// Strict: with JWTs, whose times the API checks on its own clock.
fn short_lived(strict: bool) -> Builder<sim::GenesysCloud> {
    let builder = Genesys::builder()
        .no_rate_limit()
        .token_lifetime(Duration::from_secs(LIFETIME));
    if !strict {
        return builder;
    }
    builder
        .jwt_tokens()
        .api_checks_expiry()
        .not_before_tolerance(2 * SECOND)
}

fn logged_in(running: &Running, strict: bool) -> AnyTokenSource {
    if !strict {
        return AnyTokenSource::new(source(running.login_url(), running.api_url()));
    }
    let audience = Audience::origin(running.api_url()).unwrap();
    let url = format!("{}/oauth/token", running.login_url());
    let source = ClientCredentials::new(&url, Genesys::CLIENT_ID, Genesys::CLIENT_SECRET, audience);
    AnyTokenSource::new(source.unwrap().read_jwt_times())
}

/// 64 callers for eight seconds, of a server whose clock is off and drifts.
struct Drifted {
    platform: Genesys,
    calls: Calls,
    skew: Skew,
}

async fn drifted(ahead: f64, strict: bool) -> Drifted {
    let platform = short_lived(strict)
        .clocks_ahead(ahead)
        .drift(10_000.0)
        .build();
    let (running, url) = served(&platform).await;
    let auth = SkewAuthLayer::new(logged_in(&running, strict));
    let stack = all_three(auth.clone(), clearance_oauth::https::<Body>());
    let calls = hammer(64, SECOND, 8 * SECOND, &url, &stack).await;
    let skew = auth.clock().skew_at(running.api_url()).unwrap();
    Drifted {
        platform,
        calls,
        skew,
    }
}

/// A run that this machine did not spoil, or the last: what is on its way for long may arrive when its token has ended.
async fn in_time<F: Future<Output = Drifted>>(run: impl Fn() -> F) -> Drifted {
    for _ in 1..RUNS {
        let drifted = run().await;
        if drifted.calls.iter().all(|(_, took, _)| *took < MARGIN / 2) {
            return drifted;
        }
        println!("once more, since this machine did not keep time");
    }
    run().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn servers_whose_clocks_are_off_and_drift_refuse_nothing() {
    let _turn = SOCKETS.lock().await;
    let opaque = [-600.0, -120.0, -5.0, 0.0, 5.0, 120.0, 600.0].map(|ahead| (ahead, false));
    let strict = [(-600.0, true), (600.0, true)];
    let runs = opaque.into_iter().chain(strict).map(|(ahead, strict)| {
        tokio::spawn(async move {
            let Drifted {
                platform,
                calls,
                skew,
            } = in_time(|| drifted(ahead, strict)).await;
            assert!(calls.len() > 64, "{}", calls.len());
            assert!(calls.iter().all(|(.., status)| *status == 200), "{ahead}");
            let counters = platform.counters();
            assert_eq!(counters.unauthorized(), 0, "{ahead}");
            assert!(
                counters.token_requests <= allowed(8),
                "{ahead}: {} requests",
                counters.token_requests
            );
            // It drifts by 80 ms in the run.
            let off = skew.magnitude().as_secs_f64() - f64::abs(ahead);
            assert!(
                off.abs() <= skew.error().as_secs_f64() + 0.15,
                "{ahead}: {skew}"
            );
        })
    });
    for run in runs.collect::<Vec<_>>() {
        run.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn servers_whose_clocks_step_cost_two_tokens_at_most() {
    let _turn = SOCKETS.lock().await;
    let opaque = [-120.0, -20.0, 20.0, 120.0].map(|step| (step, false));
    let strict = [(-120.0, true), (120.0, true)];
    let runs = opaque.into_iter().chain(strict).map(|(step, strict)| {
        tokio::spawn(async move {
            let platform = short_lived(strict).build();
            let (running, url) = served(&platform).await;
            let auth = SkewAuthLayer::new(logged_in(&running, strict));
            let stack = all_three(auth, clearance_oauth::https::<Body>());
            let stepped = platform.clone();
            tokio::spawn(async move {
                sleep(3 * SECOND).await;
                stepped.step_clocks(step);
            });
            let calls = hammer(64, SECOND, 8 * SECOND, &url, &stack).await;
            assert!(calls.iter().all(|(.., status)| *status == 200), "{step}");
            let requests = platform.counters().token_requests;
            assert!(
                requests <= allowed(8) + 2,
                "{step}: {requests} token requests"
            );
        })
    });
    for run in runs.collect::<Vec<_>>() {
        run.await.unwrap();
    }
}
