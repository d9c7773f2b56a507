//! An API behind its issuer takes a new token for one from the future: is that waited for, and how far is too far?

use clearance::{AnyTokenSource, Audience, RefusalReason, SkewAuthLayer};
use clearance_oauth::ClientCredentials;
use clearance_test::sim::Genesys;
use http::Request;
use http_body_util::Full;
use tokio::time::sleep;
use tower::ServiceExt;

use crate::{
    Body, Calls, all_three, hammer, piped,
    support::{MINUTE, SECOND},
};

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
    let stack = all_three(
        SkewAuthLayer::new(tokens(&platform, jwt)),
        platform.client::<Body>(),
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
    let stack = all_three(
        SkewAuthLayer::new(tokens(&platform, jwt)),
        platform.client::<Body>(),
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
    let stack = all_three(auth.clone(), platform.client::<Body>());
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
    let stack = all_three(
        SkewAuthLayer::new(piped(&platform)),
        platform.client::<Body>(),
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
