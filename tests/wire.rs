//! The layers and the vendors' sources against the simulated platforms, over HTTP in memory: exact virtual time.

#![allow(clippy::unwrap_used, reason = "test code")]

use std::{
    future::{Future, poll_fn},
    pin::pin,
    task::Poll,
    time::Duration,
};

use bytes::Bytes;
use clearance::{
    RateLimitBackoffLayer, Retry401Layer, SkewAuthLayer, TokenError, TokenErrorKind, TokenSource,
};
use clearance_cxone::{AccessKey, ClientRegistration, Cxone};
use clearance_genesys::{GenesysCloud, Region};
use clearance_oauth::ClientCredentials;
use clearance_test::{
    TokioWallClock,
    sim::{self, Fault},
};
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full};
use tokio::time::{Instant, sleep, timeout};
use tower::{ServiceBuilder, ServiceExt};

type Body = Full<Bytes>;
type BoxError = Box<dyn std::error::Error + Send + Sync>;

const SECOND: Duration = Duration::from_secs(1);

fn genesys_source(platform: &sim::Genesys) -> GenesysCloud<impl clearance_oauth::HttpService> {
    GenesysCloud::new(
        Region::UsEast1,
        sim::Genesys::CLIENT_ID,
        sim::Genesys::CLIENT_SECRET,
    )
    .and_then(|source| source.with_login_url(platform.login_url()))
    .and_then(|source| source.with_api_url(platform.api_url()))
    .unwrap()
    .with_client(platform.client::<Body>())
}

fn cxone_source(platform: &sim::Cxone) -> Cxone<impl clearance_oauth::HttpService> {
    let client = ClientRegistration::new(sim::Cxone::CLIENT_ID, sim::Cxone::CLIENT_SECRET);
    let key = AccessKey::new(sim::Cxone::ACCESS_KEY_ID, sim::Cxone::ACCESS_KEY_SECRET);
    Cxone::for_issuer(platform.login_url(), client, key)
        .unwrap()
        .with_client(platform.client::<Body>())
}

macro_rules! stack {
    ($auth:expr, $platform:expr) => {
        ServiceBuilder::new()
            .layer(Retry401Layer::new())
            .layer(RateLimitBackoffLayer::new())
            .layer($auth)
            .service($platform.client::<Body>())
    };
}

fn users(platform: &sim::Genesys) -> Request<Body> {
    Request::get(format!("{}/api/v2/users", platform.api_url()))
        .body(Full::default())
        .unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_single_bad_token_answer_loses_no_call() {
    for fault in [
        Fault::Status(500),
        Fault::Reset,
        Fault::ResetInBody,
        Fault::Hang,
        Fault::HangInBody,
        Fault::Malformed,
        Fault::Cut,
        Fault::Html,
        Fault::Oversized,
    ] {
        let platform = sim::Genesys::builder().no_rate_limit().build();
        platform.fault_next_token(fault.clone());
        let stack = stack!(SkewAuthLayer::new(genesys_source(&platform)), platform);
        let start = Instant::now();
        let calls: Vec<_> = (0..64)
            .map(|_| tokio::spawn(stack.clone().oneshot(users(&platform))))
            .collect();
        for call in calls {
            assert_eq!(call.await.unwrap().unwrap().status(), 200, "{fault:?}");
        }
        assert_eq!(platform.counters().token_requests, 2, "{fault:?}");
        assert!(
            start.elapsed() < 8 * SECOND,
            "{fault:?} took {:?}",
            start.elapsed()
        );
    }
}

#[tokio::test(start_paused = true)]
async fn an_attempt_ends_after_seven_seconds_and_a_refresh_after_fifteen() {
    let platform = sim::Genesys::builder().build();
    platform.fault_next_token(Fault::Hang.forever());
    let stack = stack!(SkewAuthLayer::new(genesys_source(&platform)), platform);
    let start = Instant::now();
    let error = stack.oneshot(users(&platform)).await.unwrap_err();
    assert_eq!(
        error.downcast_ref::<TokenError>().unwrap().kind(),
        TokenErrorKind::Unavailable
    );
    assert!(
        (14 * SECOND..=16 * SECOND).contains(&start.elapsed()),
        "{:?}",
        start.elapsed()
    );
    assert_eq!(platform.counters().token_requests, 3);
}

#[tokio::test(start_paused = true)]
async fn a_wrong_secret_is_told_in_one_sentence_and_not_repeated_at_the_issuer() {
    let platform = sim::Genesys::builder().build();
    let source = genesys_source(&platform);
    platform.set_client_secret("another");
    let stack = stack!(SkewAuthLayer::new(source), platform);
    for _ in 0..10 {
        let error = stack.clone().oneshot(users(&platform)).await.unwrap_err();
        assert_eq!(
            error.downcast_ref::<TokenError>().unwrap().kind(),
            TokenErrorKind::Denied
        );
        let text = error.to_string();
        assert!(
            text.contains("invalid_client") && text.contains("/oauth/token"),
            "{text}"
        );
        assert!(!text.contains(sim::Genesys::CLIENT_SECRET), "{text}");
    }
    assert_eq!(platform.counters().token_requests, 1);
}

#[tokio::test(start_paused = true)]
async fn the_throttled_token_endpoint_of_genesys_is_waited_out() {
    let platform = sim::Genesys::builder()
        .no_rate_limit()
        .token_rate_limit(1, 8 * SECOND)
        .build();
    let other = genesys_source(&platform);
    other.fetch().await.unwrap();
    let stack = stack!(SkewAuthLayer::new(genesys_source(&platform)), platform);
    assert_eq!(stack.oneshot(users(&platform)).await.unwrap().status(), 200);
    assert!(platform.counters().token_requests <= 4);
}

#[tokio::test(start_paused = true)]
async fn a_revocation_under_a_burst_costs_one_token_request() {
    let platform = sim::Genesys::builder()
        .no_rate_limit()
        .latency(SECOND / 50)
        .build();
    let stack = stack!(SkewAuthLayer::new(genesys_source(&platform)), platform);
    stack.clone().oneshot(users(&platform)).await.unwrap();
    platform.revoke_all();
    let calls: Vec<_> = (0..256)
        .map(|_| tokio::spawn(stack.clone().oneshot(users(&platform))))
        .collect();
    for call in calls {
        assert_eq!(call.await.unwrap().unwrap().status(), 200);
    }
    let counters = platform.counters();
    assert_eq!((counters.token_requests, counters.unauthorized()), (2, 256));
}

#[tokio::test(start_paused = true)]
async fn a_rate_limit_is_waited_out_together_and_never_overrun() {
    let platform = sim::Genesys::builder().rate_limit(10, 2 * SECOND).build();
    let stack = stack!(SkewAuthLayer::new(genesys_source(&platform)), platform);
    // One after the other, so that all but eleven can know of the limit when they begin.
    let mut calls = Vec::new();
    for _ in 0..64 {
        calls.push(tokio::spawn(stack.clone().oneshot(users(&platform))));
        sleep(SECOND / 100).await;
    }
    for call in calls {
        assert_eq!(call.await.unwrap().unwrap().status(), 200);
    }
    let counters = platform.counters();
    assert_eq!(counters.sent_in_pause, 0);
    // Six are enough; each for itself they would be refused again and again.
    let throttled = counters.throttled();
    assert!((1..=12).contains(&throttled), "{throttled} times 429");
    assert_eq!(counters.token_requests, 1, "a 429 refreshes no token");
}

#[tokio::test(start_paused = true)]
async fn the_issuers_skew_is_measured_with_its_error_bar() {
    for ahead in [-3600.0, -120.0, 0.0, 120.0, 3600.0] {
        let platform = sim::Genesys::builder().clocks_ahead(ahead).build();
        let wall = TokioWallClock::starting_at(std::time::SystemTime::now());
        let auth = SkewAuthLayer::new(genesys_source(&platform)).wall_clock(wall);
        assert!(auth.status().issuer_skew.is_none());
        let stack = stack!(auth.clone(), platform);
        stack.oneshot(users(&platform)).await.unwrap();
        let skew = auth.status().issuer_skew.unwrap();
        assert!(skew.error() <= SECOND, "{skew}");
        let off = skew.magnitude().as_secs_f64() - f64::abs(ahead);
        assert!(
            off.abs() <= skew.error().as_secs_f64() + 0.01,
            "{ahead}: {skew}"
        );
        assert_eq!(
            (skew.is_server_ahead(), skew.is_server_behind()),
            (ahead > 0.0, ahead < 0.0),
            "{ahead}: {skew}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_post_arrives_byte_exact_after_a_revocation() {
    let platform = sim::Genesys::builder().build();
    let stack = stack!(SkewAuthLayer::new(genesys_source(&platform)), platform);
    stack.clone().oneshot(users(&platform)).await.unwrap();
    platform.revoke_all();
    let body: Bytes = (0..50_000_u32).flat_map(u32::to_le_bytes).collect();
    let request = Request::post(format!("{}{}", platform.api_url(), sim::Genesys::ECHO))
        .body(Full::from(body.clone()));
    let response = stack.oneshot(request.unwrap()).await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(
        response.into_body().collect().await.unwrap().to_bytes(),
        body
    );
}

#[tokio::test(start_paused = true)]
async fn cxone_is_discovered_called_and_survives_a_revocation() {
    let platform = sim::Cxone::builder().build();
    let source = std::sync::Arc::new(cxone_source(&platform));
    let api = source.discover().await.unwrap();
    let stack = stack!(SkewAuthLayer::new(source), platform);
    let agents = || {
        let uri = format!("{api}/incontactapi/services/v34.0/agents?top=10");
        Request::get(uri)
            .header("accept", "application/json")
            .body(Full::default())
            .unwrap()
    };
    assert_eq!(stack.clone().oneshot(agents()).await.unwrap().status(), 200);
    platform.revoke_all();
    assert_eq!(stack.oneshot(agents()).await.unwrap().status(), 200);
    assert_eq!(platform.counters().token_requests, 2);
}

#[tokio::test(start_paused = true)]
async fn cxone_dropped_at_any_moment_of_its_discovery_works_the_next_time() {
    for discovers in [true, false] {
        let mut ended = false;
        for polls in 1..100 {
            let platform = sim::Cxone::builder().latency(SECOND / 50).build();
            let source = cxone_source(&platform);
            if discovers {
                ended = polled(source.discover(), polls).await;
            } else {
                ended = polled(source.fetch(), polls).await;
            }
            // Whatever is on its way may arrive.
            let next = timeout(SECOND, source.fetch()).await;
            next.unwrap_or_else(|_| panic!("hangs after {polls} polls"))
                .unwrap();
            assert!(source.audience().is_some(), "after {polls} polls");
            let api = timeout(SECOND, source.discover()).await.unwrap().unwrap();
            assert_eq!(api, platform.api_url(), "after {polls} polls");
            // The three steps, the one that was cut off, and none that was done already.
            let counters = platform.counters();
            let asked = counters.discovery_requests + counters.token_requests;
            assert!(asked <= 4, "{asked} requests after {polls} polls");
            if ended {
                break;
            }
        }
        assert!(ended, "it was never polled to its end");
    }
}

/// Whether `future` ended within so many polls.
async fn polled(future: impl Future, polls: usize) -> bool {
    let mut future = pin!(future);
    let mut left = polls;
    poll_fn(|cx| {
        left -= 1;
        match future.as_mut().poll(cx) {
            Poll::Ready(_) => Poll::Ready(true),
            Poll::Pending if left == 0 => Poll::Ready(false),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

/// The same endpoint, by the standard grant of any issuer.
#[tokio::test(start_paused = true)]
async fn client_credentials_work_with_any_issuer() -> Result<(), BoxError> {
    let platform = sim::Genesys::builder().build();
    let audience = clearance::Audience::origin(platform.api_url())?;
    let url = format!("{}/oauth/token", platform.login_url());
    let source = ClientCredentials::new(
        &url,
        sim::Genesys::CLIENT_ID,
        sim::Genesys::CLIENT_SECRET,
        audience,
    )?
    .with_client(platform.client::<Body>());
    let stack = stack!(SkewAuthLayer::new(source), platform);
    assert_eq!(
        stack.oneshot(users(&platform)).await?.status(),
        StatusCode::OK
    );
    Ok(())
}
