//! The date of a host's replies: is it believed where it is wrong, heeded where it is right, and read how often?

use std::{sync::atomic::Ordering::Relaxed, time::Duration};

use clearance::SkewAuthLayer;
use clearance_test::ScriptedSource;
use http::Request;
use tower::{Layer, Service, ServiceExt};

use crate::{
    Body,
    issuer::{dated, in_step, issuer_now, stamped},
    support::{Api, MINUTE, SECOND, Verdict, calls_at},
};

#[tokio::test(start_paused = true)]
async fn an_edge_whose_date_is_an_hour_wrong_makes_no_refresh_loop() {
    for ahead in [-3600, 3600] {
        for lifetime in [600 * SECOND, 3600 * SECOND, 86_400 * SECOND] {
            let (minted, source) = stamped(Some(lifetime), lifetime);
            let api = Api::new(move |_, _| dated(ahead));
            let (auth, stack) = in_step(source, &api);
            let calls = calls_at(5, 5 * MINUTE, &stack).await;
            assert!(calls.iter().all(|call| call.status() == Some(200)));
            assert_eq!(minted.load(Relaxed), 1, "{ahead} {lifetime:?}");
            assert_eq!(
                auth.status().hosts[0].disbelieved,
                ahead > 0 && lifetime <= 7200 * SECOND
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_host_that_is_ahead_shortens_a_tokens_life_there() {
    // The host is two minutes ahead, and judges the token's end by its own clock.
    let end = Duration::from_secs(600);
    let (minted, source) = stamped(Some(end), end);
    let born = issuer_now();
    let api = Api::new(move |seen, _| {
        let nth: u32 = seen.token.trim_start_matches("token-").parse().unwrap();
        let over = nth == 1 && issuer_now() + 2 * MINUTE > born + end;
        if over { Verdict::from(401) } else { dated(120) }
    });
    let (_, stack) = in_step(source, &api);
    let calls = calls_at(2, 10 * MINUTE, &stack).await;
    assert!(calls.iter().all(|call| call.status() == Some(200)));
    assert!(api.seen().iter().all(|seen| !seen.token.is_empty()));
    assert_eq!(api.seen().len(), calls.len(), "no call was refused");
    assert!(minted.load(Relaxed) <= 3);
}

#[tokio::test(start_paused = true)]
async fn after_the_first_replies_a_date_is_read_every_ten_milliseconds_and_that_of_a_failure_always()
 {
    const API: &str = "https://api.example.com";
    let api = Api::slow(Duration::ZERO, |seen, _| {
        let (status, date) = match seen.head.uri().path() {
            "/undated" => return Verdict::from(200),
            "/failed" => (500, "Sun, 06 Nov 1994 08:49:37 GMT"),
            _ => (200, "Sun, 06 Nov 2044 08:49:37 GMT"),
        };
        Verdict::from(status).with("date", date)
    });
    let auth = SkewAuthLayer::new(ScriptedSource::new(["t0k3n"]));
    let mut service = auth.layer(api.service());
    let mut call = async |path: &str| {
        let request = Request::get(format!("{API}{path}"));
        let request = request.body(Body::default()).unwrap();
        service.ready().await.unwrap().call(request).await.unwrap();
    };
    let shown = || auth.clock().now_at(API);
    // The first waits for a token, and is known to be accepted by the second; sixteen more are looked at.
    for _ in 0..18 {
        call("/undated").await;
    }
    tokio::time::sleep(Duration::from_millis(9)).await;
    call("/dated").await;
    assert_eq!(shown(), None);
    tokio::time::sleep(Duration::from_millis(1)).await;
    call("/dated").await;
    let dated = shown().unwrap();
    call("/failed").await;
    assert!(
        shown() != Some(dated),
        "the clock was set back by fifty years"
    );
}
