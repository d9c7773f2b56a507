//! Hosts of one audience whose clocks differ: each waits for its own, and none for another's.

use std::{
    future::Future,
    pin::Pin,
    time::{Duration, SystemTime},
};

use clearance::{Audience, SkewAuthLayer, Token};
use clearance_test::{ScriptedSource, Step};
use http::{Request, Response};
use tokio::time::{Instant, sleep};
use tower::{Service, ServiceExt, service_fn};

use crate::{
    Body,
    support::{Api, SECOND, Seen, Verdict, stack},
};

type Reply = Pin<Box<dyn Future<Output = Response<Body>> + Send>>;

/// When the issuer's clock, which is right, showed this, the test began.
const EPOCH: SystemTime = SystemTime::UNIX_EPOCH;

/// Tokens that were issued so many seconds after the test began: token-1, token-2 …
fn issued<const N: usize>(seconds: [u32; N]) -> ScriptedSource {
    let steps = seconds.into_iter().enumerate().map(|(nth, at)| {
        let token = Token::bearer(&format!("token-{}", nth + 1)).unwrap();
        Step::Made(
            token
                .with_lifetime(3600 * SECOND)
                .with_issued_at(later(at * SECOND)),
        )
    });
    let hosts = ["https://a.example.com", "https://b.example.com"];
    ScriptedSource::script(steps).with_audience(Audience::origins(hosts).unwrap())
}

fn later(since_the_start: Duration) -> SystemTime {
    EPOCH + 1_000_000 * SECOND + since_the_start
}

/// What a host says whose clock is that much behind, so long after the start, of a token that was issued then.
fn judged(behind: u32, start: Instant, issued: u32) -> Verdict {
    let now = later(start.elapsed()) - behind * SECOND;
    let is_young = now < later(issued * SECOND);
    Verdict::from(if is_young { 401 } else { 200 }).with("date", httpdate::fmt_http_date(now))
}

fn plain(is_accepted: bool) -> Verdict {
    Verdict::from(if is_accepted { 200 } else { 401 })
}

fn is_a(seen: &Seen) -> bool {
    seen.head.uri().host() == Some("a.example.com")
}

/// Calls to `a`, `b` or another path of theirs.
fn calls<S>(source: ScriptedSource, service: S) -> (SkewAuthLayer, impl Fn(&str) -> Reply)
where
    S: Service<Request<Body>, Response = Response<Body>> + Clone + Send + 'static,
    S::Error: std::error::Error + Send + Sync,
    S::Future: Send,
{
    let (auth, stack) = stack(source, service);
    let call = move |to: &str| {
        let (host, path) = to.split_once('/').unwrap_or((to, ""));
        let request = Request::get(format!("https://{host}.example.com/{path}"));
        let call = stack
            .clone()
            .oneshot(request.body(Body::default()).unwrap());
        Box::pin(async move { call.await.unwrap() }) as Reply
    };
    (auth, call)
}

#[tokio::test(start_paused = true)]
async fn the_one_further_behind_is_waited_for_as_well() {
    let start = Instant::now();
    let api = Api::new(move |seen, _| judged(if is_a(seen) { 20 } else { 5 }, start, 0));
    let (_, call) = calls(issued([0]), api);
    let a = async { (call("a").await.status(), start.elapsed()) };
    let b = async { (call("b").await.status(), start.elapsed()) };
    let (a, b) = tokio::join!(a, b);
    assert_eq!((a.0.as_u16(), b.0.as_u16()), (200, 200));
    assert!(b.1 < 7 * SECOND && a.1 < 22 * SECOND, "{a:?} {b:?}");
}

#[tokio::test(start_paused = true)]
async fn the_wait_for_the_second_counts_from_its_own_refusal() {
    let start = Instant::now();
    let source = issued([0, 30]);
    let api = Api::new(move |seen, _| {
        let issued = if seen.token == "token-1" { 0 } else { 30 };
        judged(if is_a(seen) { 2 } else { 35 }, start, issued)
    });
    let (_, call) = calls(source.clone(), api);
    assert_eq!(call("a").await.status(), 200);
    sleep(27 * SECOND).await;
    let b = call("b").await.status().as_u16();
    assert_eq!((b, source.fetches()), (200, 1), "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_host_behind_is_no_route_that_refuses_every_token() {
    let start = Instant::now();
    let api = Api::new(move |seen, _| judged(if is_a(seen) { 2 } else { 8 }, start, 0));
    let (_, call) = calls(issued([0]), api);
    assert_eq!(call("a").await.status(), 200);
    sleep(SECOND).await;
    let (one, two) = tokio::join!(call("b"), call("b"));
    assert_eq!((one.status().as_u16(), two.status().as_u16()), (200, 200));
}

#[tokio::test(start_paused = true)]
async fn a_token_that_is_revoked_for_one_while_it_ripens_for_the_other_is_replaced() {
    let start = Instant::now();
    let source = issued([0, 3]);
    let api = Api::new(move |seen, _| {
        let is_first = seen.token == "token-1";
        if is_a(seen) {
            plain(!is_first || start.elapsed() < 2 * SECOND)
        } else {
            judged(20, start, if is_first { 0 } else { 3 })
        }
    });
    let (_, call) = calls(source.clone(), api.clone());
    assert_eq!(call("a").await.status(), 200);
    let b = tokio::spawn(call("b"));
    sleep(3 * SECOND).await;
    let a = call("a").await.status().as_u16();
    assert_eq!((a, source.fetches()), (200, 2));
    assert!(start.elapsed() < 5 * SECOND, "{:?}", start.elapsed());
    // The other one waits for the new one in its turn.
    assert_eq!(b.await.unwrap().status(), 200);
    let seen = api.seen();
    assert_eq!(seen.iter().filter(|seen| !is_a(seen)).count(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_late_refusal_is_replayed_at_once_where_the_new_token_was_taken() {
    let start = Instant::now();
    let api = Api::new(move |seen, _| {
        let is_first = seen.token == "token-1";
        if is_a(seen) {
            plain(!is_first || start.elapsed() < SECOND)
        } else if is_first {
            plain(true)
        } else {
            judged(25, start, 0)
        }
    });
    let service = service_fn(move |request: Request<Body>| {
        let (api, slow) = (api.clone(), request.uri().path() == "/slow");
        async move {
            let reply = api.oneshot(request).await;
            sleep(if slow { 3 * SECOND } else { Duration::ZERO }).await;
            reply
        }
    });
    let (_, call) = calls(issued([0, 0]), service);
    assert_eq!(call("a").await.status(), 200);
    sleep(2 * SECOND).await;
    let late = tokio::spawn(call("a/slow"));
    sleep(SECOND / 10).await;
    assert_eq!(call("a").await.status(), 200);
    let b = tokio::spawn(call("b"));
    sleep(SECOND / 10).await;
    assert_eq!(call("a").await.status(), 200);
    assert_eq!(late.await.unwrap().status(), 200);
    assert!(start.elapsed() < 10 * SECOND, "{:?}", start.elapsed());
    assert_eq!(b.await.unwrap().status(), 200);
}

#[tokio::test(start_paused = true)]
async fn a_new_token_is_sent_at_once_to_whom_none_was_too_young() {
    let start = Instant::now();
    let api = Api::new(move |seen, _| {
        let is_first = seen.token == "token-1";
        if is_a(seen) {
            plain(!is_first || start.elapsed() < 90 * SECOND)
        } else {
            judged(20, start, if is_first { 0 } else { 100 })
        }
    });
    let (_, call) = calls(issued([0, 100]), api);
    assert_eq!(call("a").await.status(), 200);
    assert_eq!(call("b").await.status(), 200);
    sleep(100 * SECOND - start.elapsed()).await;
    assert_eq!(call("a").await.status(), 200);
    assert!(start.elapsed() < 102 * SECOND, "{:?}", start.elapsed());
    // To the other one it is sent when it is ripe, and not before.
    assert_eq!(call("b").await.status(), 200);
    assert!(start.elapsed() > 120 * SECOND, "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn after_retry_now_nobody_is_held_for_what_was_forgotten() {
    let start = Instant::now();
    let api = Api::new(move |seen, _| {
        // Then its clock is put right, and the first token is revoked.
        if start.elapsed() > 80 * SECOND {
            plain(seen.token != "token-1")
        } else {
            judged(20, start, 0)
        }
    });
    let (auth, call) = calls(issued([0, 100]), api);
    assert_eq!(call("b").await.status(), 200);
    sleep(100 * SECOND - start.elapsed()).await;
    let held = tokio::spawn(call("b"));
    sleep(SECOND).await;
    auth.retry_now();
    assert_eq!(call("b").await.status(), 200);
    assert_eq!(held.await.unwrap().status(), 200);
    assert!(start.elapsed() < 102 * SECOND, "{:?}", start.elapsed());
}
