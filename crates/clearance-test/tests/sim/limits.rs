use std::time::Duration;

use clearance_core::clock::parse_http_date;
use clearance_test::sim::{Cxone, Fault, Genesys, RetryAfter};
use tokio::time::advance;

use crate::support::{cxone_token_request, genesys_token, genesys_token_request, get, send};

const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test(start_paused = true)]
async fn a_429_tells_the_seconds_twice() {
    let genesys = Genesys::builder().rate_limit(2, MINUTE).build();
    let token = genesys_token(&genesys).await;
    let users = async || send(&genesys, get("/api/v2/users", &token)).await;
    for _ in 0..2 {
        assert_eq!(users().await.status, 200);
    }
    advance(Duration::from_millis(20_500)).await;
    let reply = users().await;
    assert_eq!(reply.status, 429);
    assert_eq!(reply.headers["retry-after"], "40");
    let body = reply.json();
    assert_eq!(body["code"], "too.many.requests.retry.after");
    assert!(body["message"].as_str().unwrap().contains("[40] seconds"));
    assert_eq!(body["details"], serde_json::json!([]));

    assert_eq!(
        genesys.counters().sent_in_pause,
        0,
        "the first could not know"
    );
    advance(Duration::from_secs(39)).await;
    assert_eq!(users().await.status, 429);
    assert_eq!(genesys.counters().sent_in_pause, 1);
    advance(Duration::from_secs(1)).await;
    assert_eq!(users().await.status, 200);
    let counters = genesys.counters();
    assert_eq!((counters.throttled(), counters.sent_in_pause), (2, 1));

    let other = genesys_token(&genesys).await;
    let reply = send(&genesys, get("/api/v2/users", &other)).await;
    assert_eq!(reply.status, 200, "each token has its own account");
}

#[tokio::test(start_paused = true)]
async fn a_pause_as_a_date_is_told_on_the_clock_of_date() {
    let genesys = Genesys::builder()
        .rate_limit(0, MINUTE)
        .retry_after(RetryAfter::HttpDate)
        .edge_ahead(-3_600.0)
        .build();
    let token = genesys_token(&genesys).await;
    let reply = send(&genesys, get("/api/v2/users", &token)).await;
    let time = |name| parse_http_date(reply.headers[name].to_str().unwrap()).unwrap();
    let wait = time("retry-after").duration_since(time("date")).unwrap();
    assert!((60..=61).contains(&wait.as_secs()), "{wait:?}");
}

#[tokio::test(start_paused = true)]
async fn a_throttled_token_endpoint() {
    let genesys = Genesys::builder().token_rate_limit(1, MINUTE).build();
    genesys_token(&genesys).await;
    let reply = send(&genesys, genesys_token_request("")).await;
    assert_eq!(reply.status, 400);
    let body = reply.json();
    assert_eq!(body["error"], "invalid_request");
    let description = body["error_description"].as_str().unwrap();
    assert!(description.starts_with("rate limit exceeded;"));
    assert!(!reply.headers.contains_key("retry-after"));
    advance(MINUTE).await;
    genesys_token(&genesys).await;
    assert_eq!(genesys.counters().tokens_minted, 2);
    assert_eq!(genesys.counters().token_answers(400), 1);
}

#[tokio::test(start_paused = true)]
async fn cxone_has_no_limit_and_no_retry_after_of_its_own() {
    let cxone = Cxone::builder().rate_limit(1, MINUTE).build();
    let token = send(&cxone, cxone_token_request("/auth/token")).await;
    let url = "/incontactapi/services/v34.0/server-time";
    let request = || get(url, &token.access_token());
    assert_eq!(send(&cxone, request()).await.status, 200);
    let reply = send(&cxone, request()).await;
    assert_eq!(reply.status, 429);
    assert!(!reply.headers.contains_key("retry-after"));
}

#[tokio::test(start_paused = true)]
async fn a_window_may_have_no_end() {
    let genesys = Genesys::builder()
        .rate_limit(1, Duration::MAX)
        .token_lifetime(Duration::MAX)
        .build();
    let token = genesys_token(&genesys).await;
    let users = async || send(&genesys, get("/api/v2/users", &token)).await;
    assert_eq!(users().await.status, 200);
    assert_eq!(users().await.status, 429);
    advance(1_000_000 * MINUTE).await;
    assert_eq!(users().await.status, 429);
    assert_eq!(genesys.counters().sent_in_pause, 1);
}

#[tokio::test(start_paused = true)]
async fn a_pause_may_have_no_end() {
    let genesys = Genesys::builder().token_lifetime(Duration::MAX).build();
    let token = genesys_token(&genesys).await;
    let users = async || send(&genesys, get("/api/v2/users", &token)).await;
    for form in [
        RetryAfter::Seconds,
        RetryAfter::Fraction,
        RetryAfter::HttpDate,
        RetryAfter::EpochSeconds,
        RetryAfter::EpochMillis,
    ] {
        genesys.fault_next_api(Fault::Throttle(Duration::MAX, form));
        let reply = users().await;
        assert_eq!(reply.status, 429, "{form:?}");
        assert!(reply.headers.contains_key("retry-after"), "{form:?}");
    }
    advance(1_000_000 * MINUTE).await;
    assert_eq!(users().await.status, 200, "said, but not enforced");
    assert_eq!(genesys.counters().sent_in_pause, 5);
}

#[tokio::test(start_paused = true)]
async fn throttling_by_script() {
    let genesys = Genesys::new();
    let token = genesys_token(&genesys).await;
    let users = async || send(&genesys, get("/api/v2/users", &token)).await;
    genesys.fault_next_api(Fault::Throttle(MINUTE, RetryAfter::Fraction));
    let reply = users().await;
    assert_eq!(
        (reply.status.as_u16(), &reply.headers["retry-after"]),
        (429, &"60.000".parse().unwrap())
    );
    assert_eq!(users().await.status, 200, "said, but not enforced");
    assert_eq!(genesys.counters().sent_in_pause, 1);
}
