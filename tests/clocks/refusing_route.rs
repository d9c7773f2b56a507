//! A route that refuses every token, of whatever age: what do the other routes lose?

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::{Duration, SystemTime},
};

use clearance::{Audience, Retry401, SkewAuth, Token, token_source_fn};
use clearance_test::{ReadyProbe, ScriptedSource};
use http::Request;
use http_body_util::Full;
use tokio::time::{Instant, sleep};
use tower::ServiceExt;

use crate::support::{Api, Body, MINUTE, SECOND, Seen, Verdict, calls_at, stack};

type Stack = Retry401<SkewAuth<ReadyProbe<Api>>>;

const FORBIDDEN: &str = "/forbidden";

fn is_forbidden(seen: &Seen) -> bool {
    seen.head.uri().path() == FORBIDDEN
}

fn to(path: &str) -> Request<Body> {
    let request = Request::get(format!("https://api.example.com{path}"));
    request.body(Body::default()).unwrap()
}

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

/// A call every `pause`, of which the `nth` goes where no token is accepted if `bad` says so. How the others fared: when
/// they began, how long they took, and whether they were accepted.
async fn beside(
    pause: Duration,
    count: u32,
    bad: impl Fn(u32) -> bool,
    stack: &Stack,
) -> Vec<(Duration, Duration, bool)> {
    let start = Instant::now();
    let mut good = Vec::new();
    for nth in 0..count {
        let path = if bad(nth) { FORBIDDEN } else { "/users" };
        let call = stack.clone().oneshot(to(path));
        let call = tokio::spawn(async move {
            let began = Instant::now();
            let status = call.await.unwrap().status();
            (began - start, began.elapsed(), status == 200)
        });
        if !bad(nth) {
            good.push(call);
        }
        sleep(pause).await;
    }
    let mut calls = Vec::new();
    for call in good {
        calls.push(call.await.unwrap());
    }
    calls
}

#[tokio::test(start_paused = true)]
async fn a_route_that_refuses_everything_holds_no_call_to_another() {
    let (epoch, start) = (
        SystemTime::UNIX_EPOCH + 1_800_000_000 * SECOND,
        Instant::now(),
    );
    let tokens = Arc::new(AtomicUsize::new(0));
    let minted = tokens.clone();
    let audience = Audience::origin("https://api.example.com").unwrap();
    let source = token_source_fn(audience, move || {
        let nth = minted.fetch_add(1, Relaxed);
        let token = Token::bearer(&format!("token-{nth}"));
        let issued_at = epoch + start.elapsed();
        std::future::ready(
            token.map(|it| it.with_lifetime(3600 * SECOND).with_issued_at(issued_at)),
        )
    });
    let api = Api::new(move |seen, _| {
        let date = httpdate::fmt_http_date(epoch + start.elapsed());
        Verdict::from(if is_forbidden(seen) { 401 } else { 200 }).with("date", date)
    });
    let (auth, stack) = stack(source, api.service());
    let calls = beside(SECOND, 900, |nth| nth % 3 == 0, &stack).await;
    assert!(calls.iter().all(|(.., accepted)| *accepted));
    let held = calls.iter().filter(|(_, took, _)| *took > SECOND);
    assert!(held.count() < 10, "{}", auth.status());
    let tokens = tokens.load(Relaxed);
    assert!(tokens < 12, "{tokens} in 15 minutes");
}

#[tokio::test(start_paused = true)]
async fn a_route_that_refuses_everything_is_no_witness_after_a_revocation() {
    let start = Instant::now();
    let source = ScriptedSource::counting().with_delay(SECOND / 5);
    let minted = source.clone();
    let revoked = AtomicUsize::new(0);
    let api = Api::slow(SECOND / 5, move |seen, _| {
        if start.elapsed() >= 100 * SECOND && revoked.load(Relaxed) == 0 {
            revoked.store(minted.fetches(), Relaxed);
        }
        let nth: usize = seen.token.trim_start_matches("token-").parse().unwrap();
        let refused = is_forbidden(seen) || nth <= revoked.load(Relaxed);
        if refused { 401 } else { 200 }
    });
    let (auth, stack) = stack(source, api.service());
    let calls = beside(SECOND / 5, 1500, |nth| nth % 5 != 1, &stack).await;
    let lost = calls.iter().filter(|(.., accepted)| !accepted);
    let lost: Vec<_> = lost.map(|(began, ..)| began).collect();
    assert!(lost.is_empty(), "{lost:?}: {}", auth.status());
}

#[tokio::test(start_paused = true)]
async fn a_refusal_long_before_the_next_call_does_not_tell_that_tokens_ripen() {
    let start = Instant::now();
    let source = ScriptedSource::counting();
    let api = Api::new(move |seen, _| {
        let revoked = seen.token != "token-3" && start.elapsed() > 59 * SECOND;
        let refused = is_forbidden(seen) || revoked;
        if refused { 401 } else { 200 }
    });
    let (auth, stack) = stack(source, api.service());
    let status = |path| {
        let call = stack.clone().oneshot(to(path));
        async { call.await.unwrap().status() }
    };
    assert_eq!(status(FORBIDDEN).await, 401);
    sleep(25 * SECOND).await;
    assert_eq!(status("/users").await, 200);
    sleep(35 * SECOND).await;
    let began = Instant::now();
    assert_eq!(status("/users").await, 200);
    assert!(began.elapsed() < 5 * SECOND, "{}", auth.status());
}
