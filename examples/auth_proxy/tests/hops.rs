//! Header fields that end at the proxy, both ways.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use super::*;

type Seen = Arc<Mutex<Vec<(String, BTreeMap<String, String>, Bytes)>>>;

/// Answers with `fields`, and remembers what it was asked.
async fn recording(
    fields: &'static [(&'static str, &'static str)],
) -> (JoinSet<()>, Platform, Seen) {
    let seen = Seen::default();
    let kept = seen.clone();
    let router = Router::new().fallback(async move |request: Request<Body>| {
        let (head, body) = request.into_parts();
        let text = |value: &http::HeaderValue| value.to_str().unwrap().to_owned();
        let headers = head
            .headers
            .iter()
            .map(|(name, value)| (name.to_string(), text(value)));
        let body = body.collect().await.unwrap().to_bytes();
        kept.lock()
            .unwrap()
            .push((head.uri.to_string(), headers.collect(), body));
        let mut response = Response::new(Body::from("done"));
        for (name, value) in fields {
            response.headers_mut().append(*name, value.parse().unwrap());
        }
        response
    });
    let (serving, platform) = api(router).await;
    (serving, platform, seen)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_request_only_what_is_meant_for_the_api_goes_on() {
    let (_serving, platform, seen) = recording(&[]).await;
    let proxy = Served::over(&platform).await;
    let target = "/@evil.example/a%2Fb?to=//evil.example";
    let request = format!(
        "POST {target} HTTP/1.1\r\nHost: HOST\r\nx-auth-proxy-key: {KEY}\r\nX-Auth-Proxy-Waited: 1\r\n\
         Connection: close, X-Private,, Upgrade\r\nConnection: x-other\r\nX-Private: 1\r\nX-Other: 1\r\nX-Kept: 1\r\n\
         Keep-Alive: 5\r\nProxy-Authorization: Basic eA==\r\nProxy-Connection: close\r\nProxy-Anything: 1\r\n\
         TE: trailers\r\nTrailer: X-Sum\r\nUpgrade: websocket\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n\
         Authorization: Bearer evil\r\nCookie: a=b\r\nTransfer-Encoding: chunked\r\n\r\n\
         5\r\nhello\r\n0\r\nX-Sum: 1\r\nAuthorization: Bearer evil\r\n\r\n"
    );
    assert_eq!(proxy.raw(&request).await.status(), 200);

    let seen = seen.lock().unwrap();
    let [(uri, headers, body)] = &seen[..] else {
        panic!("{seen:?}");
    };
    assert_eq!((uri.as_str(), &body[..]), (target, &b"hello"[..]));
    let host = platform.upstream.strip_prefix("http://").unwrap();
    let expected = [
        ("authorization", "Bearer t0k3n"),
        ("cookie", "a=b"),
        ("host", host),
        ("transfer-encoding", "chunked"),
        ("via", "1.1 auth-proxy"),
        ("x-kept", "1"),
    ];
    let headers: Vec<_> = headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    assert_eq!(headers, expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_reply_only_what_is_meant_for_the_caller_comes_back() {
    let (_serving, platform, _seen) = recording(&[
        ("connection", "x-private"),
        ("x-private", "1"),
        ("keep-alive", "timeout=5"),
        ("proxy-authenticate", "Basic"),
        ("upgrade", "h2c"),
        ("trailer", "x-sum"),
        ("alt-svc", "h3=\":443\""),
        ("access-control-allow-origin", "*"),
        ("access-control-allow-credentials", "true"),
        ("x-auth-proxy-waited", "99"),
        ("x-auth-proxy-error", "forged"),
        ("location", "/moved?to=there"),
        ("set-cookie", "a=b"),
        ("x-kept", "1"),
    ])
    .await;
    let proxy = Served::over(&platform).await;
    let reply = proxy.get("/").await;
    assert_eq!(reply.body(), "done");
    let mut names: Vec<_> = reply
        .headers()
        .keys()
        .map(http::HeaderName::as_str)
        .collect();
    names.sort_unstable();
    assert_eq!(
        names,
        ["content-length", "date", "location", "set-cookie", "x-kept"]
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_empty_post_keeps_its_length() {
    let (_serving, platform, seen) = recording(&[]).await;
    let proxy = Served::over(&platform).await;
    let post = format!(
        "POST / HTTP/1.1\r\nHost: HOST\r\nConnection: close\r\nx-auth-proxy-key: {KEY}\r\nContent-Length: 0\r\n\r\n"
    );
    assert_eq!(proxy.raw(&post).await.status(), 200);
    assert_eq!(seen.lock().unwrap()[0].1["content-length"], "0");
}
