use std::time::Duration;

use bytes::Bytes;
use clearance_test::sim::{Connector, Cxone, Fault, Genesys};
use http::Response;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::client::legacy::{Client, Error};
use tokio::time::{Instant, timeout};
use tower::ServiceExt;

use crate::support::{Reply, cxone_token_request, genesys_token, genesys_token_request, get, send};

const LIMIT: Duration = Duration::from_secs(10);

fn date(genesys: &Genesys) -> http::Request<Full<Bytes>> {
    get(format!("{}/api/v2/date", genesys.api_url()), "")
}

async fn fetch(genesys: &Genesys) -> Result<Response<Incoming>, Error> {
    let client: Client<Connector, _> = genesys.client();
    client.request(date(genesys)).await
}

/// The answer to one API request that meets `fault`.
async fn answer_with(fault: Fault) -> Reply {
    let genesys = Genesys::new();
    genesys.fault_next_api(fault);
    let reply = send(&genesys.client(), date(&genesys)).await;
    assert_eq!(
        send(&genesys.client(), date(&genesys)).await.status,
        200,
        "one fault, one answer"
    );
    reply
}

#[tokio::test(start_paused = true)]
async fn a_hang_ends_exactly_when_the_client_gives_up() {
    let genesys = Genesys::new();
    genesys.fault_next_api(Fault::Hang);
    let begun = Instant::now();
    assert!(timeout(LIMIT, fetch(&genesys)).await.is_err());
    assert_eq!(begun.elapsed(), LIMIT);

    genesys.fault_next_api(Fault::HangInBody);
    let response = timeout(LIMIT, fetch(&genesys)).await.unwrap().unwrap();
    assert_eq!(begun.elapsed(), LIMIT, "the head comes at once");
    let mut body = response.into_body();
    let frame = body.frame().await.unwrap().unwrap();
    assert!(!frame.into_data().unwrap().is_empty());
    assert!(timeout(LIMIT, body.frame()).await.is_err());
    assert_eq!(begun.elapsed(), 2 * LIMIT);
    let counters = genesys.counters();
    assert_eq!((counters.api_requests, counters.api_answers(200)), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn what_is_slow_and_far_takes_its_time() {
    let latency = Duration::from_millis(40);
    let genesys = Genesys::builder().latency(latency).build();
    let begun = Instant::now();
    fetch(&genesys).await.unwrap();
    assert_eq!(begun.elapsed(), latency);
    genesys.fault_next_api(Fault::Slow(LIMIT));
    fetch(&genesys).await.unwrap();
    assert_eq!(begun.elapsed(), 2 * latency + LIMIT);
}

#[tokio::test(start_paused = true)]
async fn what_is_slow_for_ever_does_not_end() {
    let latency = Duration::from_millis(40);
    let genesys = Genesys::builder().latency(latency).build();
    genesys.fault_next_api(Fault::Slow(Duration::MAX));
    assert!(timeout(LIMIT, fetch(&genesys)).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn broken_connections_are_errors() {
    let genesys = Genesys::new();
    genesys.fault_next_api(Fault::Reset.times(2));
    for _ in 0..2 {
        assert!(fetch(&genesys).await.is_err());
    }
    for fault in [Fault::Cut, Fault::ResetInBody] {
        genesys.fault_next_api(fault.clone());
        let response = fetch(&genesys).await.unwrap();
        assert_eq!(
            response.headers().contains_key("content-length"),
            fault == Fault::Cut
        );
        let mut body = response.into_body();
        let frame = body.frame().await.unwrap().unwrap();
        assert!(!frame.into_data().unwrap().is_empty(), "half of it comes");
        assert!(body.frame().await.unwrap().is_err());
    }
    assert_eq!(genesys.counters().connections, 4);
}

#[tokio::test(start_paused = true)]
async fn as_a_service_they_are_errors_and_futures_without_end() {
    let genesys = Genesys::new();
    let call = || genesys.clone().oneshot(date(&genesys));
    genesys.fault_next_api(Fault::Reset);
    let error = call().await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    genesys.fault_next_api(Fault::Hang);
    assert!(timeout(LIMIT, call()).await.is_err());
    genesys.fault_next_api(Fault::Cut);
    assert!(call().await.unwrap().into_body().collect().await.is_err());
}

#[tokio::test(start_paused = true)]
async fn answers_that_are_no_good() {
    let reply = answer_with(Fault::Status(503)).await;
    assert_eq!(
        (reply.status.as_u16(), &reply.json()["code"]),
        (503, &"service.unavailable".into())
    );
    let reply = answer_with(Fault::Malformed).await;
    assert_eq!(
        (reply.status.as_u16(), &reply.headers["content-type"]),
        (200, &"application/json".parse().unwrap())
    );
    assert!(serde_json::from_slice::<serde_json::Value>(&reply.body).is_err());
    let reply = answer_with(Fault::Html).await;
    assert!(
        reply.headers["content-type"]
            .to_str()
            .unwrap()
            .starts_with("text/html")
    );
    let reply = answer_with(Fault::Oversized).await;
    assert!(reply.body.len() > 1 << 20 && reply.json().is_object());
    let reply = answer_with(Fault::Answer(418, "short and stout".into())).await;
    assert_eq!(
        (reply.status.as_u16(), reply.body.as_ref()),
        (418, &b"short and stout"[..])
    );
    let reply = answer_with(Fault::Status(401)).await;
    assert_eq!(reply.status, 401);
}

#[tokio::test]
async fn a_status_of_the_login_host_has_the_body_that_the_platform_writes() {
    let (genesys, cxone) = (Genesys::new(), Cxone::new());
    for (status, error) in [
        (400, "invalid_client"),
        (401, "invalid_client"),
        (404, "invalid_request"),
        (429, "invalid_request"),
        (500, "server_error"),
        (503, "server_error"),
    ] {
        genesys.fault_next_token(Fault::Status(status));
        cxone.fault_next_token(Fault::Status(status));
        let request = cxone_token_request("/auth/token");
        for reply in [
            send(&genesys, genesys_token_request("")).await,
            send(&cxone, request).await,
        ] {
            assert_eq!(
                (reply.status.as_u16(), &reply.json()["error"]),
                (status, &error.into())
            );
        }
    }
}

#[tokio::test]
async fn each_endpoint_has_faults_of_its_own_until_it_heals() {
    let genesys = Genesys::new();
    let token = genesys_token(&genesys).await;
    genesys.fault_next_token(Fault::Status(500).forever());
    for _ in 0..3 {
        assert_eq!(send(&genesys, genesys_token_request("")).await.status, 500);
    }
    assert_eq!(
        send(&genesys, get("/api/v2/users", &token)).await.status,
        200
    );
    genesys.heal();
    genesys_token(&genesys).await;
    assert_eq!(genesys.counters().token_answers(500), 3);

    let cxone = Cxone::new();
    cxone.fault_next_discovery(Fault::Status(502));
    let url = "/.well-known/openid-configuration";
    assert_eq!(send(&cxone, get(url, "")).await.status, 502);
    assert_eq!(send(&cxone, get(url, "")).await.status, 200);
}
