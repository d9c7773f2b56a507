//! What the health page tells, and to whom.

use super::*;
use crate::trouble::ERROR;
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_the_key_it_tells_all_and_without_only_that_it_is_well() {
    let platform = Genesys::builder().rate_limit(1, Duration::from_secs(1));
    let (genesys, platform) = simulated(platform).await;
    let proxy = Served::over(&platform).await;
    for _ in 0..2 {
        assert_eq!(proxy.get("/api/v2/users").await.status(), 200);
    }
    for path in ["/healthz", "/.auth-proxy/healthz"] {
        let told = proxy.get(path).await;
        assert_eq!(
            (
                told.status().as_u16(),
                field(told.headers(), "content-type")
            ),
            (200, Some("application/json"))
        );
        let told: Value = serde_json::from_slice(told.body()).unwrap();
        assert_eq!(
            (&told["status"], &told["under_way"]),
            (&json!("ok"), &json!(0))
        );
        assert_eq!(
            (&told["token"]["state"], &told["token"]["refreshes"]),
            (&json!("Fresh"), &json!(1))
        );
        let limit = &told["rate_limits"][0];
        assert_eq!(
            (&limit["refused"], &limit["retried"]),
            (&json!(1), &json!(1))
        );
        // Not known after two requests, and told as that.
        assert_eq!(limit.get("rate_per_s"), Some(&Value::Null));
        assert_eq!(told["upstream"], platform.upstream);

        let request = format!("GET {path} HTTP/1.1\r\nHost: HOST\r\nConnection: close\r\n\r\n");
        let told = proxy.raw(&request).await;
        assert_eq!(told.status(), 200);
        assert!(
            told.0.ends_with("\r\n\r\n{\"status\":\"ok\"}"),
            "{}",
            told.0
        );
    }
    for path in ["/.auth-proxy/other", "/.auth-proxy/", "/.auth-proxy"] {
        let told = proxy.get(path).await;
        assert_eq!(field(told.headers(), ERROR), Some("not_found"));
    }
    assert_eq!(genesys.counters().api_requests, 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_is_unwell_while_there_is_no_token() {
    let (genesys, platform) = simulated(Genesys::builder()).await;
    genesys.set_client_secret("another one");
    let proxy = Served::over(&platform).await;
    assert_eq!(proxy.get("/healthz").await.status(), 200);
    assert_eq!(proxy.get("/api/v2/users").await.status(), 502);
    let told = proxy.get("/healthz").await;
    assert_eq!(told.status(), 503);
    let told: Value = serde_json::from_slice(told.body()).unwrap();
    assert_eq!(
        (&told["status"], &told["token"]["failures"]),
        (&json!("no token"), &json!(1))
    );
    let error = told["token"]["last_error"].as_str().unwrap();
    assert!(error.starts_with("credentials denied by "), "{error}");
}
