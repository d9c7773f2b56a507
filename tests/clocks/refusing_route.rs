//! A route that refuses every token, of whatever age: what do the other routes lose?

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

use clearance_test::ScriptedSource;
use http::Request;
use http_body_util::Full;
use tokio::time::{Instant, sleep};
use tower::ServiceExt;

use crate::support::{Api, MINUTE, SECOND, calls_at, stack};

#[tokio::test(start_paused = true)]
async fn a_route_that_refuses_everything_costs_the_others_nothing() {
    let source = ScriptedSource::counting().with_delay(SECOND / 10);
    let minted = source.clone();
    // The issuer's newest token is good, until it is revoked.
    let revoked = Arc::new(AtomicUsize::new(0));
    let below = revoked.clone();
    let api = Api::new(move |seen, _| {
        let nth: usize = seen.token.trim_start_matches("token-").parse().unwrap_or(0);
        let lives = nth > below.load(Relaxed) && nth <= minted.fetches();
        if lives && seen.head.uri().path() != "/always-401" {
            200
        } else {
            401
        }
    });
    let (auth, stack) = stack(source.clone(), api.service());
    let bad = {
        let stack = stack.clone();
        tokio::spawn(async move {
            let start = Instant::now();
            while start.elapsed() < MINUTE {
                let request = Request::get("https://api.example.com/always-401?x=1")
                    .body(Full::default())
                    .unwrap();
                assert_eq!(stack.clone().oneshot(request).await.unwrap().status(), 401);
                sleep(SECOND / 10).await;
            }
        })
    };
    let revoker = source.clone();
    tokio::spawn(async move {
        sleep(MINUTE / 2).await;
        revoked.store(revoker.fetches(), Relaxed);
    });
    let calls = calls_at(50, MINUTE, &stack).await;
    bad.await.unwrap();
    let lost = calls
        .iter()
        .filter(|call| call.status() != Some(200))
        .count();
    assert!(lost <= 5, "{lost} good calls were lost");
    let refreshes = auth.status().refreshes.total();
    assert!(refreshes <= 12, "{refreshes} refreshes");
}
