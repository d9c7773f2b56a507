//! The issuer on the wire: what its failures, its limit, its clock and its standard grant make of a call.

use std::time::SystemTime;

use clearance::{Audience, SkewAuthLayer, TokenError, TokenErrorKind, TokenSource};
use clearance_oauth::ClientCredentials;
use clearance_test::{
    TokioWallClock,
    sim::{self, Fault},
};
use http::StatusCode;
use tokio::time::Instant;
use tower::ServiceExt;

use crate::{Body, SECOND, genesys_source, stack, users};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

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
        let stack = stack(
            SkewAuthLayer::new(genesys_source(&platform)),
            platform.client::<Body>(),
        );
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
    let stack = stack(
        SkewAuthLayer::new(genesys_source(&platform)),
        platform.client::<Body>(),
    );
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
    let stack = stack(SkewAuthLayer::new(source), platform.client::<Body>());
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
    let stack = stack(
        SkewAuthLayer::new(genesys_source(&platform)),
        platform.client::<Body>(),
    );
    assert_eq!(stack.oneshot(users(&platform)).await.unwrap().status(), 200);
    assert!(platform.counters().token_requests <= 4);
}

#[tokio::test(start_paused = true)]
async fn the_issuers_skew_is_measured_with_its_error_bar() {
    for ahead in [-3600.0, -120.0, 0.0, 120.0, 3600.0] {
        let platform = sim::Genesys::builder().clocks_ahead(ahead).build();
        let wall = TokioWallClock::starting_at(SystemTime::now());
        let auth = SkewAuthLayer::new(genesys_source(&platform)).wall_clock(wall);
        assert!(auth.status().issuer_skew.is_none());
        let stack = stack(auth.clone(), platform.client::<Body>());
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

/// The same endpoint, by the standard grant of any issuer.
#[tokio::test(start_paused = true)]
async fn client_credentials_work_with_any_issuer() -> Result<(), BoxError> {
    let platform = sim::Genesys::builder().build();
    let audience = Audience::origin(platform.api_url())?;
    let url = format!("{}/oauth/token", platform.login_url());
    let source = ClientCredentials::new(
        &url,
        sim::Genesys::CLIENT_ID,
        sim::Genesys::CLIENT_SECRET,
        audience,
    )?
    .with_client(platform.client::<Body>());
    let stack = stack(SkewAuthLayer::new(source), platform.client::<Body>());
    assert_eq!(
        stack.oneshot(users(&platform)).await?.status(),
        StatusCode::OK
    );
    Ok(())
}
