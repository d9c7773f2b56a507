//! What hyper-util, h2 and all others in the process log at TRACE while tokens and credentials go over TLS: no secret, since
//! what we hand them is marked sensitive.
//!
//! rustls logs through the `log` crate, which is not captured here but in `watched`.
#![allow(clippy::unwrap_used, reason = "test code")]

mod captured;
mod sought;
mod sources;
mod tls;

use std::{
    collections::BTreeSet,
    sync::atomic::{AtomicUsize, Ordering::SeqCst},
    time::Duration,
};

use bytes::Bytes;
use captured::Captured;
use clearance::{Audience, RateLimitBackoffLayer, Retry401Layer, SkewAuthLayer};
use clearance_oauth::ClientCredentials;
use http::{HeaderValue, Request, Response, header::AUTHORIZATION};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use sought::Sought;
use tls::{Authority, HOST, Protocol, Server};
use tokio::time::timeout;
use tower::{ServiceBuilder, ServiceExt};

const SECRET: &str = "w1red/s3cret+x=1&y z%";
const KEY: &str = "w1red/k3y+w1th=s1gns & m0re";
const STALE: &str = "w1red/stale-t0ken+A==";
const FRESH: &str = "w1red/fresh-t0ken+B==";

static ASKED: AtomicUsize = AtomicUsize::new(0);

/// Issuer and API in one; the first token is refused once it was accepted.
async fn answer(request: Request<Incoming>) -> Response<Full<Bytes>> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let said = head.headers[AUTHORIZATION].to_str().unwrap();
    let (status, text) = match head.uri.path() {
        "/token" => {
            assert!(said.starts_with("Basic ") && body.starts_with(b"grant_type="));
            let is_first = ASKED.fetch_add(1, SeqCst) % 2 == 0;
            let token = if is_first { STALE } else { FRESH };
            let answer = format!(
                r#"{{"access_token": "{token}", "token_type": "bearer", "expires_in": 60}}"#
            );
            (200, answer)
        }
        path => {
            assert!(said.starts_with("Bearer w1red/"));
            (if path == "/no" { 401 } else { 200 }, "done".to_owned())
        }
    };
    Response::builder()
        .status(status)
        .body(Full::from(text))
        .unwrap()
}

async fn calls(protocol: Protocol) {
    let authority = Authority::new();
    let server = Server::start(&authority.issue(HOST), answer).await;
    let url = server.url();
    let audience = Audience::origin(&url).unwrap();
    let source = ClientCredentials::new(&format!("{url}/token"), "id", SECRET, audience)
        .unwrap()
        .secret_parameter("assertion", KEY)
        .with_client(authority.client::<Full<Bytes>>(protocol));
    let stack = ServiceBuilder::new()
        .layer(Retry401Layer::new())
        .layer(RateLimitBackoffLayer::new())
        .layer(SkewAuthLayer::new(source))
        .service(authority.client::<Full<Bytes>>(protocol));
    for (path, status) in [("/yes", 200), ("/no", 401), ("/yes", 200)] {
        let request = Request::get(format!("{url}{path}"));
        let request = request.body(Full::default()).unwrap();
        let reply = stack.clone().oneshot(request).await.unwrap();
        assert_eq!(reply.status(), status);
        reply.into_body().collect().await.unwrap();
    }
    assert!(server.requests() >= 5);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn those_who_carry_the_secrets_log_none() {
    let captured = Captured::start();
    for protocol in Protocol::BOTH {
        let limit = Duration::from_secs(30);
        timeout(limit, calls(protocol)).await.expect("a call hangs");
    }
    let lines = captured.lines();
    let targets: BTreeSet<_> = lines
        .iter()
        .map(|line| line.target.split("::").next().unwrap_or_default())
        .collect();
    println!("{} events and spans of {targets:?}", lines.len());
    for expected in ["clearance", "h2", "hyper_util"] {
        assert!(targets.contains(expected), "{expected} says nothing");
    }
    let fields =
        |line: &&captured::Line| line.target.starts_with("h2") && line.text.contains("Headers");
    assert!(lines.iter().filter(fields).count() > 10);
    let sought = Sought::default()
        .with("the client secret", SECRET)
        .with("the key", KEY)
        .with("the stale token", STALE)
        .with("the fresh token", FRESH);
    for line in &lines {
        sought.assert_absent(&line.text, &format!("{} at {}", line.target, line.callsite));
    }
    // It can find, and what is marked is not there to be found.
    let planted = |value: &HeaderValue| {
        tracing::trace!(?value, "planted");
        let mut lines = captured.lines().into_iter();
        let planted = lines.rfind(|line| line.text.contains("planted"));
        planted.unwrap().text
    };
    let mut value = HeaderValue::from_str(&format!("Bearer {FRESH}")).unwrap();
    assert!(sought.find(&planted(&value)).is_some());
    value.set_sensitive(true);
    sought.assert_absent(&planted(&value), "a marked value");
}
