use std::time::{Duration, SystemTime};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use clearance_core::clock::{WallClock, parse_http_date};
use clearance_test::sim::Genesys;
use serde_json::Value;
use tokio::time::advance;

use crate::support::{genesys_token, genesys_token_request, get, send};

const NOON: Duration = Duration::from_secs(1_700_049_600);

fn noon() -> SystemTime {
    SystemTime::UNIX_EPOCH + NOON
}

async fn status(genesys: &Genesys, token: &str) -> u16 {
    send(genesys, get("/api/v2/users", token))
        .await
        .status
        .as_u16()
}

#[tokio::test(start_paused = true)]
async fn three_clocks_apart() {
    let genesys = Genesys::builder()
        .starting_at(noon())
        .clocks_ahead(120.0)
        .edge_ahead(-30.5)
        .drift(1_000.0)
        .jwt_tokens()
        .build();
    advance(Duration::from_secs(1_000)).await;
    genesys.issuer_clock().step(7.0);

    let token = genesys_token(&genesys).await;
    let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap());
    let claims: Value = serde_json::from_slice(&claims.unwrap()).unwrap();
    assert_eq!(claims["iat"], NOON.as_secs() + 1_001 + 127);
    assert_eq!(claims["exp"], NOON.as_secs() + 1_001 + 127 + 86_400);

    let reply = send(&genesys, get("/api/v2/date", "")).await;
    assert_eq!(reply.json()["currentDate"], "2023-11-15T12:18:41.000Z");
    let date = parse_http_date(reply.headers["date"].to_str().unwrap());
    assert_eq!(
        date.unwrap(),
        noon() + Duration::from_secs(1_001 - 31),
        "cut off"
    );

    genesys.step_clocks(-1_000.0);
    let elapsed = genesys.api_clock().now().duration_since(noon());
    assert_eq!(elapsed.unwrap(), Duration::from_secs(121));
}

#[tokio::test(start_paused = true)]
async fn a_token_ends_with_its_lifetime() {
    let genesys = Genesys::builder()
        .token_lifetime(Duration::from_secs(300))
        .api_ahead(250.0)
        .build();
    let token = genesys_token(&genesys).await;
    advance(Duration::from_millis(299_999)).await;
    assert_eq!(status(&genesys, &token).await, 200);
    advance(Duration::from_millis(1)).await;
    assert_eq!(status(&genesys, &token).await, 401);
    assert_eq!(genesys.revoke_all(), 0);
}

#[tokio::test(start_paused = true)]
async fn an_api_that_judges_by_its_own_clock() {
    let genesys = Genesys::builder()
        .token_lifetime(Duration::from_secs(300))
        .api_ahead(250.0)
        .api_checks_expiry()
        .build();
    let token = genesys_token(&genesys).await;
    advance(Duration::from_secs(49)).await;
    assert_eq!(status(&genesys, &token).await, 200);
    advance(Duration::from_secs(1)).await;
    assert_eq!(status(&genesys, &token).await, 401);
}

#[tokio::test(start_paused = true)]
async fn a_token_may_live_for_ever() {
    for builder in [Genesys::builder(), Genesys::builder().jwt_tokens()] {
        let genesys = builder
            .token_lifetime(Duration::MAX)
            .not_before_tolerance(Duration::MAX)
            .build();
        let reply = send(&genesys, genesys_token_request("")).await;
        assert_eq!(reply.json()["expires_in"], u64::MAX);
        let token = reply.access_token();
        advance(Duration::from_secs(1_000_000_000)).await;
        assert_eq!(status(&genesys, &token).await, 200);
        assert_eq!(genesys.revoke_all(), 1);
        assert_eq!(status(&genesys, &token).await, 401);
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_from_the_future_ripens() {
    let genesys = Genesys::builder()
        .api_ahead(-20.0)
        .not_before_tolerance(Duration::from_secs(5))
        .build();
    let token = genesys_token(&genesys).await;
    advance(Duration::from_secs(14)).await;
    assert_eq!(status(&genesys, &token).await, 401);
    advance(Duration::from_secs(1)).await;
    assert_eq!(status(&genesys, &token).await, 200);

    let generous = Genesys::builder().api_ahead(-20.0).build();
    let token = genesys_token(&generous).await;
    assert_eq!(status(&generous, &token).await, 200);
}

/// Where a `Date` cannot tell the time, it tells the nearest that it can.
#[tokio::test(start_paused = true)]
async fn clocks_of_any_time_can_be_written() {
    let (first, year) = (SystemTime::UNIX_EPOCH, 365.0 * 86_400.0);
    let last = first + Duration::from_secs(253_402_300_799);
    for (start, ahead, date) in [
        (first - 30 * 365 * Duration::from_secs(86_400), 0.0, first),
        (noon(), -60.0 * year, first),
        (last, 0.0, last),
        (last, 1.0, last),
        (last, 200.0 * year, last),
    ] {
        let genesys = Genesys::builder().starting_at(start).clocks_ahead(ahead);
        let genesys = genesys.build();
        let reply = send(&genesys, get("/api/v2/date", "")).await;
        let written = reply.headers["date"].to_str().unwrap();
        assert_eq!(parse_http_date(written), Some(date), "{written}");
    }
}
