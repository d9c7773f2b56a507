//! What callers are told when something is wrong behind the proxy.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use serde_json::Value;

use super::*;
use crate::trouble::ERROR;

/// The message of a reply of the proxy's own.
fn message(reply: &Response<Bytes>, status: u16, word: &str) -> String {
    assert_eq!(reply.status(), status, "{:?}", reply.body());
    assert_eq!(field(reply.headers(), ERROR), Some(word));
    assert_eq!(
        field(reply.headers(), "content-type"),
        Some("application/json")
    );
    let body: Value = serde_json::from_slice(reply.body()).unwrap();
    assert_eq!(body["error"], word);
    body["message"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_secret_is_named_and_not_shown() {
    let (genesys, platform) = simulated(Genesys::builder()).await;
    genesys.set_client_secret("another one");
    let proxy = Served::over(&platform).await;
    let message = message(&proxy.get("/api/v2/users").await, 502, "credentials_denied");
    assert!(
        message.starts_with("credentials denied by http://127.0.0.1:"),
        "{message}"
    );
    assert!(
        message.ends_with("have to be corrected in its environment"),
        "{message}"
    );
    assert!(!message.contains(Genesys::CLIENT_SECRET), "{message}");
    assert_eq!(genesys.counters().api_requests, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_api_that_is_not_there_is_named() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let proxy = Served::over(&platform_at(&url)).await;
    let message = message(&proxy.get("/").await, 502, "unreachable");
    assert!(
        message.starts_with(&format!("{url} cannot be reached: ")),
        "{message}"
    );
}

/// An https API is spoken to in TLS or not at all: this one does not, and hears nothing but a greeting.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_https_api_never_hears_the_token_in_the_clear() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy = Served::over(&platform_at(&format!(
        "https://{}",
        listener.local_addr().unwrap()
    )))
    .await;
    let heard = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut heard = Vec::new();
        stream.read_buf(&mut heard).await.unwrap();
        stream
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
            .await
            .unwrap();
        let _ = stream.read_to_end(&mut heard).await;
        heard
    });
    message(&proxy.get("/").await, 502, "unreachable");
    let heard = timeout(LONG, heard).await.unwrap().unwrap();
    // The record of a handshake.
    assert_eq!(heard[..2], [0x16, 0x03]);
    assert!(!heard.windows(5).any(|bytes| bytes == b"t0k3n"));
}

/// One request in 50 s: the turn of the last of five comes later than the 180 s that a request may wait.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_is_held_for_too_long_is_told_when_to_come_again() {
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = calls.clone();
    let router = Router::new().fallback(async move || {
        let reply = Response::builder().header("ratelimit-policy", "\"p\";q=1;w=50");
        let reply = match counted.fetch_add(1, Ordering::Relaxed) {
            0 => reply.status(429).header("retry-after", 1),
            _ => reply,
        };
        reply.body(Body::empty()).unwrap()
    });
    let (_serving, platform) = api(router).await;
    let proxy = Served::over(&platform).await;
    assert_eq!(proxy.get("/").await.status(), 200);
    let mut callers = JoinSet::new();
    for _ in 0..5 {
        let request = proxy.request("POST", "/", Body::from("a user"));
        callers.spawn(proxy.client.request(request));
    }
    let first = timeout(LONG, callers.join_next()).await.unwrap();
    let reply = whole(first.unwrap().unwrap().unwrap()).await;
    let message = message(&reply, 429, "rate_limited");
    assert!(message.contains("was not sent"), "{message}");
    let wait = field(reply.headers(), "retry-after").unwrap();
    assert!((181..=300).contains(&wait.parse().unwrap()), "{wait}");
    assert_eq!(calls.load(Ordering::Relaxed), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_api_that_breaks_off_is_named() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy = Served::over(&platform_at(&format!(
        "http://{}",
        listener.local_addr().unwrap()
    )))
    .await;
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.read_buf(&mut Vec::new()).await;
        }
    });
    let request = proxy.request("POST", "/", Body::from("a user"));
    let reply = whole(proxy.send(request).await.unwrap()).await;
    let message = message(&reply, 502, "broken_off");
    assert!(message.contains("not known whether"), "{message}");
}
