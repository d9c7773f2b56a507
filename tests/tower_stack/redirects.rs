//! `FollowRedirect` above the layers and below: where do the token and an upload go when a reply points elsewhere?

use std::io;

use bytes::Bytes;
use clearance::{
    RateLimitBackoffLayer, Replay, ReplayBodyLayer, Retry401Layer, SkewAuthLayer,
    replay::ReplayBodyError,
};
use http::{Request, header::COOKIE};
use http_body_util::Full;
use tower::{Layer, ServiceBuilder, ServiceExt};
use tower_http::follow_redirect::{
    FollowRedirectLayer,
    policy::{Limited, PolicyExt, Standard, clone_body_fn},
};

use crate::{
    API, BoxError, Upload, recommended,
    server::{Seen, Server, redirect, reply, with},
    streamed::{Streamed, pattern},
    tokens,
};

/// Every hop, with the token that went along, of a request to `from` that is redirected to `to` and from there back.
async fn hops<P>(policy: P, from: &'static str, to: &'static str) -> Vec<(String, String)>
where
    P: tower_http::follow_redirect::policy::Policy<Upload, BoxError> + Clone,
{
    let server = Server::new(move |seen, before| match before {
        0 => redirect(307, to),
        1 => redirect(302, from),
        _ => Some(with(reply(200), COOKIE, &seen.token)),
    });
    let source = tokens();
    let stack = ServiceBuilder::new()
        .layer(ReplayBodyLayer::new())
        .layer(FollowRedirectLayer::with_policy(policy))
        .layer(Retry401Layer::new())
        .layer(RateLimitBackoffLayer::new())
        .layer(SkewAuthLayer::new(source.clone()))
        .service(server.service());
    let empty = Streamed::with_length("", 1);
    let answer = stack.oneshot(Request::get(from).body(empty).unwrap()).await;
    assert_eq!(answer.unwrap().status(), 200);
    assert_eq!(source.fetches(), 1);
    let seen = server.seen();
    seen.iter()
        .map(|seen| (seen.url.clone(), seen.token.clone()))
        .collect()
}

#[tokio::test(start_paused = true)]
async fn a_redirect_to_another_origin_carries_no_token() {
    let from = "https://api.example.com/export";
    for to in [
        "https://storage.example.net/export",
        "https://api.example.com:8443/export",
        "http://api.example.com/export",
        "https://api.example.com.evil.net/export",
        "https://api.example.com@evil.net/export",
        "//evil.net/export",
    ] {
        // The standard policy takes credentials away as well, others do not; nothing depends on it.
        let each = [
            hops(Standard::default(), from, to).await,
            hops(Limited::new(10), from, to).await,
        ];
        for hops in each {
            let tokens: Vec<_> = hops.iter().map(|(_, token)| token.as_str()).collect();
            assert_eq!(tokens, ["stale", "", "stale"], "{hops:?}");
            assert_ne!(hops[1].0, hops[0].0);
        }
    }
    // Whereas the same origin may be written in another way.
    let same = hops(
        Standard::default(),
        from,
        "https://API.example.com:443/export2",
    )
    .await;
    assert!(same.iter().all(|(_, token)| token == "stale"), "{same:?}");
}

/// Why "above" is a rule: below, the layer that judges has done so, and the token goes where the reply points.
#[tokio::test(start_paused = true)]
async fn below_the_auth_layer_a_redirect_would_carry_the_token() {
    let server = Server::new(|_, before| match before {
        0 => redirect(307, "https://storage.example.net/export"),
        _ => Some(reply(200)),
    });
    let below = FollowRedirectLayer::with_policy(Limited::new(10)).layer(server.service());
    let stack = recommended(SkewAuthLayer::new(tokens()), below);
    let empty = Streamed::with_length("", 1);
    stack
        .oneshot(Request::get(API).body(empty).unwrap())
        .await
        .unwrap();
    let seen = server.seen();
    assert_eq!((seen.len(), seen[1].token.as_str()), (2, "stale"));
}

/// A stranger's 401 is none of ours: it costs no token and no replay.
#[tokio::test(start_paused = true)]
async fn a_refusal_of_another_origin_refreshes_nothing() {
    let server = Server::new(|_, before| match before {
        0 => redirect(302, "https://storage.example.net/export"),
        _ => Some(reply(401)),
    });
    let source = tokens();
    let stack = ServiceBuilder::new()
        .layer(FollowRedirectLayer::new())
        .layer(Retry401Layer::new())
        .layer(RateLimitBackoffLayer::new())
        .layer(SkewAuthLayer::new(source.clone()))
        .service(server.service());
    let get = Request::get(API).body(Full::<Bytes>::default()).unwrap();
    assert_eq!(stack.oneshot(get).await.unwrap().status(), 401);
    assert_eq!((source.fetches(), server.sends()), (1, 2));
}

/// A 307 asks for the body again. The standard policy has none to send; one that asks the body for it does.
#[tokio::test(start_paused = true)]
async fn an_upload_follows_a_redirect_where_its_policy_asks_the_body() {
    let moved = |seen: &Seen, _| match (seen.url.as_str(), seen.token.as_str()) {
        (_, "stale") => Some(reply(401)),
        ("https://api.example.com/old", _) => redirect(307, "/new"),
        _ => Some(reply(200)),
    };
    let bytes = pattern(5_000);
    let put = || {
        let body = Streamed::chunked(bytes.clone(), 700);
        Request::put("https://api.example.com/old")
            .body(body)
            .unwrap()
    };

    let server = Server::new(moved);
    let stack = FollowRedirectLayer::new()
        .layer(recommended(SkewAuthLayer::new(tokens()), server.service()));
    assert_eq!(stack.oneshot(put()).await.unwrap().status(), 307);
    assert_eq!(server.sends(), 2);

    let server = Server::new(moved);
    let policy = Standard::default().and::<_, Upload, BoxError>(clone_body_fn(Upload::again));
    let stack = ServiceBuilder::new()
        .layer(ReplayBodyLayer::new())
        .layer(FollowRedirectLayer::with_policy(policy))
        .layer(Retry401Layer::new())
        .layer(RateLimitBackoffLayer::new())
        .layer(SkewAuthLayer::new(tokens()))
        .service(server.service());
    assert_eq!(stack.oneshot(put()).await.unwrap().status(), 200);
    let seen = server.seen();
    assert_eq!(
        (seen.len(), seen[2].url.as_str()),
        (3, "https://api.example.com/new")
    );
    assert!(seen.iter().all(|seen| seen.body == bytes), "{seen:?}");
}

/// Nobody asks the body once more when the redirect has come. One that was too long by then ends in an error, not in a
/// request without it.
#[tokio::test(start_paused = true)]
async fn an_upload_that_is_too_long_follows_no_redirect() {
    let server = Server::new(|_, _| redirect(307, "/new"));
    let policy = Standard::default().and::<_, Upload, BoxError>(clone_body_fn(Upload::again));
    let stack = ServiceBuilder::new()
        .layer(ReplayBodyLayer::new())
        .layer(FollowRedirectLayer::with_policy(policy))
        .layer(SkewAuthLayer::new(tokens()))
        .service(server.service());
    let bytes = pattern(64 * 1024 + 1);
    let put = Request::put(API).body(Streamed::chunked(bytes.clone(), 5_000));
    let error = stack.oneshot(put.unwrap()).await.unwrap_err();
    let cause = error.downcast::<io::Error>().unwrap().into_inner().unwrap();
    assert_eq!(cause.downcast_ref(), Some(&ReplayBodyError::NotKept));
    assert!(server.seen().iter().map(|seen| &seen.body).eq([&bytes]));
}
