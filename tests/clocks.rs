//! Clocks that disagree: what they really spoil is cured, and what they cannot spoil costs nothing.

#![allow(clippy::unwrap_used, reason = "test code")]

mod logged;
mod support;

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use clearance::{
    AnyTokenSource, Audience, RateLimitBackoffLayer, RefusalReason, Retry401Layer, SkewAuthLayer,
    Token, TokenSource, token_source_fn,
};
use clearance_genesys::{GenesysCloud, Region};
use clearance_oauth::{ClientCredentials, HttpService};
use clearance_test::{
    ScriptedSource, Step, TokioWallClock,
    sim::{self, Builder, Genesys, Running},
};
use http::{Request, Response};
use http_body_util::Full;
use logged::Logged;
use support::{Api, MINUTE, SECOND, Verdict, calls_at, get, stack};
use tokio::time::{Instant, sleep};
use tower::{Layer, Service, ServiceBuilder, ServiceExt};

type Body = Full<Bytes>;

fn source(login: &str, api: &str) -> GenesysCloud {
    GenesysCloud::new(Region::UsEast1, Genesys::CLIENT_ID, Genesys::CLIENT_SECRET)
        .and_then(|source| source.with_login_url(login))
        .and_then(|source| source.with_api_url(api))
        .unwrap()
}

fn piped(platform: &Genesys) -> GenesysCloud<impl HttpService> {
    source(platform.login_url(), platform.api_url()).with_client(platform.client::<Body>())
}

/// Tokens of the platform; if they are JWTs, with the times that are in them.
fn tokens(platform: &Genesys, jwt: bool) -> AnyTokenSource {
    if !jwt {
        return AnyTokenSource::new(piped(platform));
    }
    let audience = Audience::origin(platform.api_url()).unwrap();
    let url = format!("{}/oauth/token", platform.login_url());
    let source =
        ClientCredentials::new(&url, Genesys::CLIENT_ID, Genesys::CLIENT_SECRET, audience).unwrap();
    AnyTokenSource::new(
        source
            .read_jwt_times()
            .with_client(platform.client::<Body>()),
    )
}

macro_rules! all_three {
    ($auth:expr, $client:expr) => {
        ServiceBuilder::new()
            .layer(Retry401Layer::new())
            .layer(RateLimitBackoffLayer::new())
            .layer($auth)
            .service($client)
    };
}

/// One caller's calls: when each began, how long it took, and its status.
type Calls = Vec<(Duration, Duration, u16)>;

/// Callers that call again and again, each `pause` after its last call ended, until `length` has gone by.
async fn hammer<S, R>(
    count: usize,
    pause: Duration,
    length: Duration,
    url: &str,
    stack: &S,
) -> Calls
where
    S: Service<Request<Body>, Response = Response<R>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: std::fmt::Display + Send,
    R: Send,
{
    let start = Instant::now();
    let callers = (0..count).map(|nth| {
        let (stack, url) = (stack.clone(), url.to_owned());
        tokio::spawn(async move {
            let mut calls = Vec::new();
            sleep(pause.mul_f64(nth as f64 / count as f64)).await;
            while start.elapsed() < length {
                let began = Instant::now();
                let request = Request::get(&url).body(Full::default()).unwrap();
                let status = match stack.clone().oneshot(request).await {
                    Ok(response) => response.status().as_u16(),
                    Err(error) => panic!("a call failed: {error}"),
                };
                calls.push((began - start, began.elapsed(), status));
                sleep(pause).await;
            }
            calls
        })
    });
    let mut calls = Vec::new();
    for caller in callers.collect::<Vec<_>>() {
        calls.extend(caller.await.unwrap());
    }
    calls
}

async fn served(platform: &Genesys) -> (Running, String) {
    let running = platform.serve().await.unwrap();
    let url = format!("{}/api/v2/users?pageSize=1", running.api_url());
    (running, url)
}

const LIFETIME: u64 = 5;

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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn servers_whose_clocks_are_off_and_drift_refuse_nothing() {
    let _turn = SOCKETS.lock().await;
    let opaque = [-600.0, -120.0, -5.0, 0.0, 5.0, 120.0, 600.0].map(|ahead| (ahead, false));
    let strict = [(-600.0, true), (600.0, true)];
    let runs = opaque.into_iter().chain(strict).map(|(ahead, strict)| {
        tokio::spawn(async move {
            let platform = short_lived(strict)
                .clocks_ahead(ahead)
                .drift(10_000.0)
                .build();
            let (running, url) = served(&platform).await;
            let auth = SkewAuthLayer::new(logged_in(&running, strict));
            let stack = all_three!(auth.clone(), clearance_oauth::https::<Body>());
            let calls = hammer(64, SECOND, 8 * SECOND, &url, &stack).await;
            assert!(calls.len() > 64, "{}", calls.len());
            assert!(calls.iter().all(|(.., status)| *status == 200), "{ahead}");
            let counters = platform.counters();
            assert_eq!(counters.unauthorized(), 0, "{ahead}");
            assert!(
                counters.token_requests <= allowed(8),
                "{ahead}: {} requests",
                counters.token_requests
            );
            let skew = auth.clock().skew_at(running.api_url()).unwrap();
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
            let stack = all_three!(auth, clearance_oauth::https::<Body>());
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

/// An API ten seconds behind its issuer, which takes what is up to two seconds from the future.
fn behind(edge: f64, jwt: bool) -> Genesys {
    let builder = Genesys::builder();
    let builder = if jwt { builder.jwt_tokens() } else { builder };
    builder
        .api_ahead(-10.0)
        .edge_ahead(edge)
        .not_before_tolerance(2 * SECOND)
        .token_lifetime(MINUTE)
        .latency(SECOND / 50)
        .no_rate_limit()
        .build()
}

fn holds_no_call_after_13_seconds(calls: &Calls) {
    let later = calls.iter().filter(|(began, ..)| *began > 13 * SECOND);
    let slowest = later.map(|(_, took, _)| *took).max().unwrap();
    assert!(slowest < SECOND / 5, "{slowest:?}");
}

#[tokio::test(start_paused = true)]
async fn a_token_from_the_future_ripens_where_the_servers_own_date_shows_it() {
    for jwt in [false, true] {
        ripens_dated(jwt).await;
    }
}

async fn ripens_dated(jwt: bool) {
    let platform = behind(-10.0, jwt);
    let stack = all_three!(
        SkewAuthLayer::new(tokens(&platform, jwt)),
        platform.client::<Body>()
    );
    let url = format!("{}/api/v2/users?pageSize=1", platform.api_url());
    let calls = hammer(64, SECOND / 2, 100 * SECOND, &url, &stack).await;
    assert!(
        calls.iter().all(|(.., status)| *status == 200),
        "the first token is waited for"
    );
    // Every call that was begun before, until the API takes the token by its own clock.
    let early = calls.iter().filter(|(began, ..)| *began < 10 * SECOND);
    let last = early.map(|(began, took, _)| *began + *took).max().unwrap();
    assert!(last <= 12_500 * SECOND / 1000, "{last:?}");
    // The second token of the run meets no 401, and holds no call.
    assert!(
        platform.counters().unauthorized() <= 64,
        "{}",
        platform.counters().unauthorized()
    );
    holds_no_call_after_13_seconds(&calls);
    assert!(
        (2..=4).contains(&platform.counters().token_requests),
        "{}",
        platform.counters().token_requests
    );
}

#[tokio::test(start_paused = true)]
async fn until_the_first_token_is_ripe_no_other_is_asked_for() {
    for jwt in [false, true] {
        ripens_first(jwt).await;
    }
}

async fn ripens_first(jwt: bool) {
    let platform = behind(-10.0, jwt);
    let stack = all_three!(
        SkewAuthLayer::new(tokens(&platform, jwt)),
        platform.client::<Body>()
    );
    let url = format!("{}/api/v2/users?pageSize=1", platform.api_url());
    let calls = hammer(64, SECOND, 12_500 * SECOND / 1000, &url, &stack).await;
    assert!(
        calls
            .iter()
            .all(|(began, took, status)| *status == 200 && *began + *took <= 14 * SECOND)
    );
    assert_eq!(platform.counters().token_requests, 1);
    assert!(platform.counters().unauthorized() <= 64);
}

#[tokio::test(start_paused = true)]
async fn a_token_from_the_future_ripens_where_no_clock_shows_it() {
    for jwt in [false, true] {
        ripens_undated(jwt).await;
    }
}

async fn ripens_undated(jwt: bool) {
    // The edge is right, and hides that the API behind it is not.
    let platform = behind(0.0, jwt);
    let auth = SkewAuthLayer::new(tokens(&platform, jwt));
    let stack = all_three!(auth.clone(), platform.client::<Body>());
    let url = format!("{}/api/v2/users?pageSize=1", platform.api_url());
    let observed = platform.clone();
    let early = tokio::spawn(async move {
        sleep(20 * SECOND).await;
        (
            observed.counters().token_requests,
            observed.counters().unauthorized(),
        )
    });
    let calls = hammer(64, SECOND / 2, 100 * SECOND, &url, &stack).await;
    let (requests, refusals) = early.await.unwrap();
    assert!(requests <= 2, "{requests} token requests");
    assert!(refusals <= 64 + 8, "{refusals} refusals");
    for (began, took, status) in &calls {
        match status {
            200 => {}
            401 => assert!(
                *began < 12 * SECOND && *took <= 5_200 * SECOND / 1000,
                "{began:?} {took:?}"
            ),
            other => panic!("{other}"),
        }
    }
    // The second token of the run meets no 401, and holds no call.
    assert_eq!(platform.counters().unauthorized(), refusals);
    holds_no_call_after_13_seconds(&calls);
    let ripening = auth.status().hosts[0].ripening.unwrap();
    assert!(
        (7 * SECOND..=11 * SECOND).contains(&ripening),
        "{ripening:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_server_too_far_behind_is_named() {
    let platform = Genesys::builder()
        .api_ahead(-90.0)
        .edge_ahead(-90.0)
        .not_before_tolerance(SECOND)
        .build();
    let stack = all_three!(
        SkewAuthLayer::new(piped(&platform)),
        platform.client::<Body>()
    );
    let request = Request::get(format!("{}/api/v2/users", platform.api_url()))
        .body(Full::default())
        .unwrap();
    let response = stack.oneshot(request).await.unwrap();
    assert_eq!(response.status(), 401);
    let reason = response.extensions().get::<RefusalReason>().unwrap();
    assert!(
        matches!(reason, RefusalReason::TooYoung { behind } if behind.abs_diff(90 * SECOND) <= 2 * SECOND),
        "{reason}"
    );
    assert!(platform.counters().token_requests <= 2);
}

#[tokio::test(start_paused = true)]
async fn a_route_that_refuses_everything_costs_the_others_nothing() {
    let source = ScriptedSource::counting().with_delay(SECOND / 10);
    let minted = source.clone();
    // The issuer's newest token is good, until it is revoked.
    let revoked = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let below = revoked.clone();
    let api = Api::new(move |seen, _| {
        let nth: usize = seen.token.trim_start_matches("token-").parse().unwrap_or(0);
        let lives =
            nth > below.load(std::sync::atomic::Ordering::Relaxed) && nth <= minted.fetches();
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
        revoked.store(revoker.fetches(), std::sync::atomic::Ordering::Relaxed);
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

/// A stack whose wall clock is injected, over an API that takes what was minted within `lifetime`.
struct Walled {
    wall: TokioWallClock,
    source: ScriptedSource,
    stack: clearance::Retry401<clearance::SkewAuth<clearance_test::ReadyProbe<Api>>>,
    api: Api,
}

fn walled(lifetime: Duration) -> Walled {
    let wall = TokioWallClock::starting_at(SystemTime::now());
    let source = ScriptedSource::counting()
        .with_lifetime(lifetime)
        .with_delay(SECOND / 10);
    let api = Api::new(|_, _| 200);
    let auth = SkewAuthLayer::new(source.clone()).wall_clock(wall.clone());
    let stack = ServiceBuilder::new()
        .layer(Retry401Layer::new())
        .layer(auth)
        .service(api.service());
    Walled {
        wall,
        source,
        stack,
        api,
    }
}

#[tokio::test(start_paused = true)]
async fn a_step_of_the_local_wall_clock_costs_one_token_request_at_most() {
    for (step, lifetime, requests) in [
        (-3600.0, 1800, 1),
        (-3600.0, 86_400, 1),
        (3600.0, 86_400, 1),
        (3600.0, 1800, 2),
    ] {
        let Walled {
            wall,
            source,
            stack,
            ..
        } = walled(Duration::from_secs(lifetime));
        stack.clone().oneshot(get()).await.unwrap();
        wall.step(step);
        let calls = calls_at(20, 10 * SECOND, &stack).await;
        assert!(calls.iter().all(|call| call.status() == Some(200)));
        // Where one is asked for, calls wait for it as for any: it may be that the machine slept.
        let slowest = calls.iter().map(|call| call.took).max().unwrap();
        let bound = if requests == 1 {
            SECOND / 40
        } else {
            SECOND / 5
        };
        assert!(slowest <= bound, "{step} {lifetime}: {slowest:?}");
        assert_eq!(source.fetches(), requests, "{step} {lifetime}");
    }
}

#[tokio::test(start_paused = true)]
async fn after_a_suspend_the_expired_token_is_not_sent_if_a_fresh_one_can_be_had() {
    let Walled {
        wall,
        source,
        stack,
        api,
    } = walled(600 * SECOND);
    stack.clone().oneshot(get()).await.unwrap();
    // The machine sleeps for an hour: the wall clock goes on, the monotonic one does not.
    wall.step(3600.0);
    stack.clone().oneshot(get()).await.unwrap();
    let tokens: Vec<_> = api.seen().iter().map(|seen| seen.token.clone()).collect();
    assert_eq!(tokens, ["token-1", "token-2"]);

    source.set([Step::Fail(clearance::TokenError::unavailable("down"))]);
    wall.step(3600.0);
    assert_eq!(
        stack.oneshot(get()).await.unwrap().status(),
        200,
        "the doubtful token is sent if there is no other"
    );
    assert_eq!(api.seen()[2].token, "token-2");
}

/// Tokens with an absolute end on the issuer's clock, as JWTs have.
fn stamped(
    lifetime: Option<Duration>,
    ends_in: Duration,
) -> (Arc<std::sync::atomic::AtomicUsize>, impl TokenSource) {
    let minted = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let count = minted.clone();
    let source = token_source_fn(clearance::Audience::any(), move || {
        let nth = count.fetch_add(1, std::sync::atomic::Ordering::Relaxed) + 1;
        let now = issuer_now();
        async move {
            let sent = Instant::now().into_std();
            let observation =
                clearance_core::clock::Observation::new(now, Duration::from_millis(1), sent, sent);
            let token = Token::bearer(&format!("token-{nth}"))?
                .with_issued_at(now)
                .with_expires_at(now + ends_in);
            let token = token.with_observation(observation);
            Ok(match lifetime {
                Some(lifetime) => token.with_lifetime(lifetime),
                None => token,
            })
        }
    });
    (minted, source)
}

thread_local! {
    static ISSUER: TokioWallClock = TokioWallClock::starting_at(SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000));
}

fn issuer_now() -> SystemTime {
    ISSUER.with(clearance_core::clock::WallClock::now)
}

fn dated(ahead: i64) -> Verdict {
    let now = issuer_now();
    let shown = if ahead < 0 {
        now - Duration::from_secs(ahead.unsigned_abs())
    } else {
        now + Duration::from_secs(ahead as u64)
    };
    Verdict::from(200).with("date", httpdate::fmt_http_date(shown))
}

type InStep = clearance::Retry401<clearance::SkewAuth<clearance_test::ReadyProbe<Api>>>;

/// A stack whose wall clock is right: it shows what the issuer's does.
fn in_step(source: impl TokenSource, api: &Api) -> (SkewAuthLayer, InStep) {
    let auth = SkewAuthLayer::new(source).wall_clock(ISSUER.with(TokioWallClock::clone));
    let stack = ServiceBuilder::new()
        .layer(Retry401Layer::new())
        .layer(auth.clone());
    (auth, stack.service(api.service()))
}

#[tokio::test(start_paused = true)]
async fn an_edge_whose_date_is_an_hour_wrong_makes_no_refresh_loop() {
    for ahead in [-3600, 3600] {
        for lifetime in [600 * SECOND, 3600 * SECOND, 86_400 * SECOND] {
            let (minted, source) = stamped(Some(lifetime), lifetime);
            let api = Api::new(move |_, _| dated(ahead));
            let (auth, stack) = in_step(source, &api);
            let calls = calls_at(5, 5 * MINUTE, &stack).await;
            assert!(calls.iter().all(|call| call.status() == Some(200)));
            assert_eq!(
                minted.load(std::sync::atomic::Ordering::Relaxed),
                1,
                "{ahead} {lifetime:?}"
            );
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
    assert!(minted.load(std::sync::atomic::Ordering::Relaxed) <= 3);
}

#[tokio::test(start_paused = true)]
async fn a_stored_token_that_knows_only_its_end_is_judged_by_the_issuers_clock() {
    // The local wall clock is an hour fast: by it, the token would be over.
    let (minted, source) = stamped(None, 1800 * SECOND);
    let wall = TokioWallClock::starting_at(issuer_now() + Duration::from_secs(3600));
    let auth = SkewAuthLayer::new(source).wall_clock(wall);
    let stack = ServiceBuilder::new()
        .layer(auth.clone())
        .service(Api::new(|_, _| 200).service());
    stack.clone().oneshot(get()).await.unwrap();
    let remaining = auth.status().remaining.unwrap();
    assert!(
        remaining.abs_diff(1800 * SECOND) < 2 * SECOND,
        "{remaining:?}"
    );
    sleep(1000 * SECOND).await;
    stack.oneshot(get()).await.unwrap();
    assert_eq!(minted.load(std::sync::atomic::Ordering::Relaxed), 1);
}

#[tokio::test(start_paused = true)]
async fn people_are_told_once_and_which_clock_it_is() {
    for (issuer, api, expected) in [
        (300.0, 300.0, "the local clock is slow"),
        (0.0, 300.0, "the clock of http://localhost:2 is off"),
    ] {
        let log = Logged::begin();
        let start = SystemTime::now();
        let platform = Genesys::builder()
            .starting_at(start)
            .issuer_ahead(issuer)
            .api_ahead(api)
            .edge_ahead(api);
        let platform = platform.no_rate_limit().build();
        let wall = TokioWallClock::starting_at(start);
        let stack = all_three!(
            SkewAuthLayer::new(piped(&platform)).wall_clock(wall),
            platform.client::<Body>()
        );
        let url = format!("{}/api/v2/users?pageSize=1", platform.api_url());
        hammer(4, SECOND, MINUTE, &url, &stack).await;
        let said = warnings(&log);
        assert_eq!(said.len(), 1, "{said:#?}");
        assert!(said[0].contains(expected), "{said:?}");
    }
}

fn warnings(log: &Logged) -> Vec<String> {
    let text = log.text();
    let warnings = text.lines().filter(|line| line.contains("WARN"));
    warnings.map(str::to_owned).collect()
}

#[tokio::test(start_paused = true)]
async fn a_machine_that_slept_blames_no_clock_and_knows_the_time() {
    let log = Logged::begin();
    let (minted, source) = stamped(Some(86_400 * SECOND), 86_400 * SECOND);
    let api = Api::new(|_, _| dated(0));
    let (auth, stack) = in_step(source, &api);
    calls_at(2, MINUTE, &stack).await;
    // It sleeps for an hour, which is less than the token has left. All clocks but the monotonic one go on.
    ISSUER.with(|clock| clock.step(3600.0));
    assert!(
        auth.status().issuer_skew.is_none(),
        "what was known no longer holds"
    );
    let calls = calls_at(2, MINUTE, &stack).await;
    assert!(calls.iter().all(|call| call.status() == Some(200)));
    assert_eq!(minted.load(std::sync::atomic::Ordering::Relaxed), 1);
    assert_eq!(warnings(&log), Vec::<String>::new());
    let shown = auth.clock().now_at("https://api.example.com").unwrap();
    let off = shown
        .duration_since(issuer_now())
        .unwrap_or_else(|early| early.duration());
    assert!(off <= SECOND, "{off:?}");
}

#[tokio::test(start_paused = true)]
async fn a_date_is_read_every_ten_milliseconds_and_that_of_a_failure_always() {
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
    // The first waits for a token, and is known to be accepted by the second.
    call("/undated").await;
    call("/undated").await;
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
