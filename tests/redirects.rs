//! A stack that follows redirects, with `FollowRedirect` above `SkewAuth`: wherever a reply leads, the token goes to its
//! own origin and nowhere else, and what carries it is marked sensitive.

#![allow(clippy::unwrap_used, reason = "test code")]

use std::{
    convert::Infallible,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use clearance::{Audience, RateLimitBackoffLayer, Retry401Layer, SkewAuthLayer};
use clearance_test::{ReadyProbe, ScriptedSource};
use http::{
    Request, Response, Uri,
    header::{AUTHORIZATION, LOCATION},
};
use http_body_util::Full;
use tower::{ServiceBuilder, ServiceExt, service_fn};
use tower_http::follow_redirect::FollowRedirectLayer;

type Body = Full<Bytes>;

/// Where a request went, and whether it had the token.
type Hop = (Uri, bool);

const CODES: [u16; 5] = [301, 302, 303, 307, 308];

/// The hops of a call to `start`, whose replies lead through `locations`.
async fn hops(audience: Audience, start: &str, code: u16, locations: &[&str]) -> Vec<Hop> {
    let hops = Arc::new(Mutex::new(Vec::new()));
    let (seen, leads) = (
        hops.clone(),
        locations
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>(),
    );
    let server = service_fn(move |request: Request<Body>| {
        let (seen, leads) = (seen.clone(), leads.clone());
        async move {
            let token = request.headers().get(AUTHORIZATION);
            if let Some(token) = token {
                assert_eq!(token, "Bearer t0k3n");
                assert!(token.is_sensitive(), "it may be logged and indexed");
            }
            let nth = {
                let mut seen = seen.lock().unwrap();
                seen.push((request.uri().clone(), token.is_some()));
                seen.len() - 1
            };
            let response = Response::builder();
            let response = match leads.get(nth) {
                Some(location) => response.status(code).header(LOCATION, location),
                None => response,
            };
            Ok::<_, Infallible>(response.body(Body::default()).unwrap())
        }
    });
    let stack = ServiceBuilder::new()
        .layer(FollowRedirectLayer::new())
        .layer(Retry401Layer::new())
        .layer(RateLimitBackoffLayer::new())
        .layer(SkewAuthLayer::new(
            ScriptedSource::new(["t0k3n"]).with_audience(audience),
        ))
        .service(ReadyProbe::new(server));
    // Once with an empty cache, once with a token in it.
    for _ in 0..2 {
        hops.lock().unwrap().clear();
        let request = Request::get(start).body(Body::default()).unwrap();
        stack.clone().oneshot(request).await.unwrap();
    }
    let hops = hops.lock().unwrap();
    assert!(hops[0].1, "the first one is for the API itself");
    hops.clone()
}

fn api() -> Audience {
    Audience::origin("https://api.example.com").unwrap()
}

const START: &str = "https://api.example.com/v2/users";

/// Led to each of these in turn, whether the token goes along. How many of them were followed at all?
async fn leads(audience: &Audience, start: &str, locations: &[&str], attached: bool) -> usize {
    let mut followed = 0;
    for location in locations {
        for code in CODES {
            let hops = hops(audience.clone(), start, code, &[location]).await;
            if let Some((to, token)) = hops.get(1) {
                assert_eq!(*token, attached, "{code} to {location}, which is {to}");
                followed += 1;
            } else {
                assert!(!attached, "{code} to {location} was not followed");
            }
        }
    }
    followed / CODES.len()
}

#[tokio::test(start_paused = true)]
async fn a_redirect_within_the_origin_keeps_the_token() {
    let same = [
        "/v3",
        "?page=2",
        "//api.example.com/v3",
        "https://api.example.com/v3",
        "https://API.Example.COM/v3",
        "https://api.example.com./v3",
        "https://api.example.com:443/v3",
        // To the API all the same.
        "https://user@api.example.com/v3",
        "https://evil.example:443@api.example.com/v3",
    ];
    leads(&api(), START, &same, true).await;
}

#[tokio::test(start_paused = true)]
async fn a_redirect_to_anywhere_else_loses_it() {
    let others = [
        // Another port, another scheme.
        "https://api.example.com:8443/",
        "https://api.example.com:80/",
        "https://api.example.com:65979/",
        "http://api.example.com/",
        "http://api.example.com:443/",
        "ftp://api.example.com/",
        "wss://api.example.com/",
        // Another host.
        "https://evil.example/",
        "//evil.example/",
        "///evil.example/",
        "https://files.api.example.com/",
        "https://example.com/",
        "https://api.example.com.evil.example/",
        "https://api.example.com../",
        "https://api-example.com/",
        "https://api.example.comm/",
        "https://xn--pi-7lc.example.com/",
        "https://93.184.216.34/",
        // The API's name where no host stands.
        "https://api.example.com@evil.example/",
        "https://api.example.com:@evil.example/",
        "https://api.example.com:443@evil.example/",
        "https://api.example.com%2f@evil.example/",
        "https://api.example.com%2eevil.example/",
        "https://a@api.example.com@evil.example/",
        "https://evil.example/@api.example.com/",
        "https://evil.example?@api.example.com/",
        "https://evil.example#@api.example.com/",
        "https://evil.example\\@api.example.com/",
        "https://evil.example:443:@api.example.com@evil.example/",
        "https://[::ffff:93.184.216.34]/",
        "https://[api.example.com]/",
        "https://evil.example;api.example.com/",
    ];
    // The rest are no addresses to `FollowRedirect`.
    let followed = leads(&api(), START, &others, false).await;
    assert!(followed >= 25, "{followed}");
}

#[tokio::test(start_paused = true)]
async fn addresses_of_ipv6_are_told_apart() {
    let audience = Audience::origin("https://[2001:db8::a]:8443").unwrap();
    let start = "https://[2001:db8::a]:8443/v2";
    let same = [
        "/v3",
        "https://[2001:DB8::A]:8443/",
        // `FollowRedirect` writes these anew.
        "https://[2001:db8:0:0:0:0:0:a]:8443/",
        "https://[2001:0db8::a]:8443/",
    ];
    leads(&audience, start, &same, true).await;
    let others = [
        "https://[2001:db8::a]/",
        "http://[2001:db8::a]:8443/",
        "https://[2001:db8::b]:8443/",
        "https://[::1]:8443/",
        "https://[2001:db8::a%25eth0]:8443/",
    ];
    leads(&audience, start, &others, false).await;
    // Asked for directly, another spelling is another address: on the safe side.
    for uri in [
        "https://[2001:db8:0:0:0:0:0:a]:8443/",
        "https://[2001:0db8::a]:8443/",
    ] {
        assert!(!is_attached(&audience, uri), "{uri}");
    }
}

fn is_attached(audience: &Audience, uri: &str) -> bool {
    let (method, uri) = (http::Method::GET, uri.parse().unwrap());
    audience
        .admits(&method, &uri, &http::HeaderMap::new())
        .is_ok()
}

#[tokio::test(start_paused = true)]
async fn even_a_token_for_any_origin_stays_off_plain_http() {
    let any = Audience::any();
    let loopback = ["http://0x7f000001/", "http://2130706433/", "http://127.1/"];
    let sent = [
        "https://evil.example/",
        "http://127.0.0.1:1/",
        "http://[::1]:1/",
    ];
    leads(&any, START, &sent, true).await;
    // `FollowRedirect` makes `127.0.0.1` of these; asked for directly, who knows what a resolver does.
    leads(&any, START, &loopback, true).await;
    for uri in loopback {
        assert!(!is_attached(&any, uri), "{uri}");
    }
    let withheld = [
        "http://api.example.com/",
        "http://api.example.com:443/",
        "http://localhost.evil.example/",
        "http://127.0.0.1.evil.example/",
        "http://localhost@evil.example/",
        "http://0x0a000001/",
        "http://10.0.0.1/",
        "http://[::ffff:10.0.0.1]/",
    ];
    leads(&any, START, &withheld, false).await;
}

#[tokio::test(start_paused = true)]
async fn a_chain_through_strangers_and_back_carries_it_at_home_only() {
    let chain = [
        "https://evil.example/in",
        "/deeper",
        "http://api.example.com/plain",
        "https://api.example.com/back",
        "//files.example.com/export",
    ];
    for code in CODES {
        let hops = hops(api(), START, code, &chain).await;
        let tokens: Vec<_> = hops.iter().map(|(_, token)| *token).collect();
        assert_eq!(tokens, [true, false, false, false, true, false], "{hops:?}");
    }
}
