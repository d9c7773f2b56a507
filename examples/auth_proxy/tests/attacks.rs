//! Those who must not be let in, though they do reach the port.

use super::*;
use crate::trouble::ERROR;

/// Complete but for the end of the head.
const GOOD: &str = "GET /api/v2/users HTTP/1.1\r\nHost: HOST\r\nConnection: close\r\n";

async fn assert_refused(attacks: &[(u16, &str, String)]) {
    let (genesys, platform) = simulated(Genesys::builder()).await;
    let proxy = Served::over(&platform).await;
    for (status, word, attack) in attacks {
        let answer = proxy.raw(attack).await;
        assert_eq!(answer.status(), *status, "{attack}\n{}", answer.0);
        assert!(
            answer.0.contains(&format!("{ERROR}: {word}\r\n")),
            "{attack}\n{}",
            answer.0
        );
        assert!(answer.0.contains("\"message\":"), "{}", answer.0);
        assert!(!answer.0.contains("access-control"), "{}", answer.0);
        assert!(!answer.0.contains(KEY), "{}", answer.0);
    }
    let counters = genesys.counters();
    assert_eq!((counters.token_requests, counters.api_requests), (0, 0));

    // It is not that nothing gets through.
    let good = format!("{GOOD}x-auth-proxy-key: {KEY}\r\n\r\n");
    assert_eq!(proxy.raw(&good).await.status(), 200);
    assert_eq!(genesys.counters().api_requests, 1);
}

fn with(fields: &str) -> String {
    format!("{GOOD}{fields}\r\n\r\n")
}

/// With the right key, to show that it is not what stops them.
fn keyed(fields: &str) -> String {
    with(&format!("x-auth-proxy-key: {KEY}\r\n{fields}"))
}

fn targeting(request_line: &str) -> String {
    format!(
        "{request_line} HTTP/1.1\r\nHost: HOST\r\nConnection: close\r\nx-auth-proxy-key: {KEY}\r\n\r\n"
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_web_page_is_refused() {
    let post = "POST /api/v2/users HTTP/1.1\r\nHost: HOST\r\nConnection: close\r\nOrigin: https://evil.example\r\n\
                Content-Type: text/plain\r\nContent-Length: 2\r\n\r\n{}";
    let preflight = "OPTIONS /api/v2/users HTTP/1.1\r\nHost: HOST\r\nConnection: close\r\n\
                     Origin: https://evil.example\r\nAccess-Control-Request-Method: GET\r\n\
                     Access-Control-Request-Headers: x-auth-proxy-key\r\n\r\n";
    let health = "GET /healthz HTTP/1.1\r\nHost: HOST\r\nConnection: close\r\nOrigin: https://evil.example\r\n\r\n";
    assert_refused(&[
        (403, "browser", post.to_owned()),
        (403, "browser", preflight.to_owned()),
        (403, "browser", health.to_owned()),
        (403, "browser", keyed("Origin: https://evil.example")),
        (403, "browser", keyed("Origin: http://HOST")),
        (403, "browser", keyed("Origin: null")),
        (403, "browser", keyed("Origin:")),
        (
            403,
            "browser",
            keyed("Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: no-cors"),
        ),
        (403, "browser", keyed("Sec-Fetch-Site: same-site")),
        (403, "browser", keyed("Sec-Fetch-Site: same-origin")),
        (
            403,
            "browser",
            keyed("Sec-Fetch-Site: none\r\nSec-Fetch-Site: cross-site"),
        ),
        // An image of an old browser, and what the user types.
        (403, "key", with("Referer: https://evil.example/")),
        (403, "key", with("Sec-Fetch-Site: none")),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rebound_name_is_refused() {
    let naming = |host: &str| keyed("").replace("Host: HOST", host);
    assert_refused(&[
        (403, "host", naming("Host: evil.example")),
        (403, "host", naming("Host: evil.example:80")),
        (403, "host", naming("Host: HOST.evil.example")),
        (403, "host", naming("Host: evil.example@HOST")),
        (403, "host", naming("Host: 127.0.0.1:1")),
        (403, "host", naming("Host: HOST\r\nHost: evil.example")),
        (
            403,
            "host",
            naming("Host: evil.example\r\nX-Forwarded-Host: HOST"),
        ),
        (403, "host", naming("X-Forwarded-Host: HOST")),
        (
            403,
            "host",
            format!("GET /api/v2/users HTTP/1.0\r\nx-auth-proxy-key: {KEY}\r\n\r\n"),
        ),
        (
            403,
            "host",
            "GET /healthz HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n".to_owned(),
        ),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_process_without_the_key_is_refused() {
    let chunked = "POST /api/v2/users HTTP/1.1\r\nHost: HOST\r\nTransfer-Encoding: chunked\r\n\r\n";
    let huge = "POST /api/v2/users HTTP/1.1\r\nHost: HOST\r\nContent-Length: 1073741824\r\n\r\n";
    assert_refused(&[
        (403, "key", with("Accept: */*")),
        (403, "key", with("x-auth-proxy-key: the-key-of-these-test")),
        (
            403,
            "key",
            with("x-auth-proxy-key: the-key-of-these-tests-"),
        ),
        (
            403,
            "key",
            with(&format!(
                "x-auth-proxy-key: {KEY}\r\nx-auth-proxy-key: {KEY}"
            )),
        ),
        (403, "key", with(&format!("Authorization: Bearer {KEY}"))),
        (403, "key", with(&format!("Cookie: x-auth-proxy-key={KEY}"))),
        // Answered though nothing of the body has come: it is not waited for.
        (403, "key", huge.to_owned()),
        (403, "key", chunked.to_owned()),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_target_that_means_another_host_is_refused() {
    assert_refused(&[
        (
            400,
            "target",
            targeting("GET http://evil.example/api/v2/users"),
        ),
        (400, "target", targeting("GET http://HOST/api/v2/users")),
        (
            400,
            "target",
            targeting("GET https://api.mypurecloud.com/api/v2/users"),
        ),
        (400, "target", targeting("GET //evil.example/api/v2/users")),
        (400, "target", targeting("GET /\\evil.example/api/v2/users")),
        (
            400,
            "target",
            targeting("GET /%5c%5Cevil.example/api/v2/users"),
        ),
        (400, "target", targeting("GET /../evil")),
        (400, "target", targeting("GET /api/%2e%2e/%2E%2e/evil")),
        (400, "target", targeting("GET /api/..%2F..%2Fevil")),
        (400, "target", targeting("GET /..;/evil")),
        (400, "target", targeting("OPTIONS *")),
        (405, "method", targeting("CONNECT evil.example:443")),
        (405, "method", targeting("CONNECT HOST")),
        (405, "method", targeting("TRACE /api/v2/users")),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_request_reaches_nothing() {
    let (genesys, platform) = simulated(Genesys::builder()).await;
    let proxy = Served::over(&platform).await;
    for line in [
        "GET @evil.example/",
        "GET evil.example/a",
        "GET ",
        "GET /a\r\n b",
        "G@T\t/",
    ] {
        let answer = proxy.raw(&targeting(line)).await;
        assert!([0, 400].contains(&answer.status()), "{line}: {}", answer.0);
    }
    assert_eq!(
        (
            genesys.counters().token_requests,
            genesys.counters().api_requests
        ),
        (0, 0)
    );
}
