//! The simulated platforms, with everything at them that can go wrong. What was sent to them is returned: it is secret too.
#![allow(clippy::unwrap_used, reason = "test code")]

use std::{collections::BTreeSet, time::Duration};

use clearance::{RateLimitBackoffLayer, Retry401Layer, SkewAuthLayer, TokenSource};
use clearance_cxone::{AccessKey, ClientRegistration, Cxone, CxoneRegional};
use clearance_genesys::{GenesysCloud, Region};
use clearance_test::{sim, sim::Fault};
use http::Request;
use tokio::time::sleep;
use tower::ServiceBuilder;

use crate::{
    printed::Printed,
    scenarios::{ANOTHER, CLIENT, KEY, QUERY, TOKEN},
    support::{Body, SECOND},
};

/// Every fault at the token endpoint, revocations, a route that refuses, a limit and a wrong secret.
pub(crate) async fn genesys(printed: &Printed) -> BTreeSet<String> {
    let platform = sim::Genesys::builder()
        .client("id-1", CLIENT)
        .rate_limit(5, SECOND)
        .recording()
        .build();
    let source = GenesysCloud::new(Region::UsEast1, "id-1", CLIENT)
        .and_then(|source| source.with_login_url(platform.login_url()))
        .and_then(|source| source.with_api_url(platform.api_url()))
        .unwrap()
        .with_client(platform.client::<Body>());
    let auth = SkewAuthLayer::new(source);
    let rate = RateLimitBackoffLayer::new();
    let stack = ServiceBuilder::new()
        .layer(Retry401Layer::new())
        .layer(rate.clone())
        .layer(auth.clone())
        .service(platform.client::<Body>());
    let request = |path: &str| {
        let uri = format!("{}{path}", platform.api_url());
        Request::get(uri).body(Body::default()).unwrap()
    };
    let without_lifetime = format!(r#"{{"access_token": "{TOKEN}", "token_type": "bearer"}}"#);
    for fault in [
        Fault::Html,
        Fault::Reset,
        Fault::ResetInBody,
        Fault::Malformed,
        Fault::Cut,
        Fault::Hang,
        Fault::Oversized,
        Fault::Status(503),
        Fault::Status(404),
        Fault::Throttle(SECOND, sim::RetryAfter::Seconds),
        Fault::Answer(200, without_lifetime),
    ] {
        platform.fault_next_token(fault);
        for path in [
            &format!("/api/v2/users?secret={QUERY}"),
            sim::Genesys::UNAUTHORIZED,
            sim::Genesys::FORBIDDEN,
        ] {
            printed.call(stack.clone(), request(path)).await;
        }
        let statuses = format!("{auth:?} {} {}", auth.status(), rate.status());
        printed.add(format!("{statuses} {:?} {:?}", auth.status(), stack));
        platform.revoke_all();
        // Every token is at its end.
        sleep(Duration::from_secs(3600 * 48)).await;
    }
    platform.set_client_secret(ANOTHER);
    let ended = printed.call(stack.clone(), request("/api/v2/users")).await;
    assert_eq!(ended, None, "the secret is wrong");
    credentials(platform.recorded())
}

/// Both grants of CXone; an answer that names an API nobody trusts; a wrong key.
pub(crate) async fn cxone(printed: &Printed) -> BTreeSet<String> {
    let platform = sim::Cxone::builder()
        .client("id-2", CLIENT)
        .access_key("key-2", KEY)
        .recording()
        .build();
    let registration = || ClientRegistration::new("id-2", CLIENT);
    let source = |key: &str| {
        Cxone::for_issuer(
            platform.login_url(),
            registration(),
            AccessKey::new("key-2", key),
        )
        .unwrap()
        .with_client(platform.client::<Body>())
    };
    source(KEY).discover().await.unwrap();
    printed.error(&source(ANOTHER).discover().await.unwrap_err());
    for fault in [Fault::Html, Fault::Status(500), Fault::Cut] {
        platform.fault_next_discovery(fault);
        printed.error(&source(KEY).discover().await.unwrap_err());
    }
    let regional = CxoneRegional::new("na1", AccessKey::new("key-2", KEY), platform.api_url())
        .and_then(|source| {
            source.with_token_url(&format!(
                "{}/authentication/v1/token/access-key",
                platform.login_url()
            ))
        })
        .unwrap()
        .with_client(platform.client::<Body>());
    regional.fetch().await.unwrap();
    let stray = format!(
        r#"{{"access_token": "{TOKEN}", "token_type": "bearer", "expires_in": 60,
            "resource_server_base_uri": "https://{ANOTHER}@evil.example/{QUERY}?k={QUERY}"}}"#
    );
    platform.fault_next_token(Fault::Answer(200, stray));
    regional.fetch().await.unwrap();
    credentials(platform.recorded())
}

/// What was sent behind `Bearer` and `Basic`.
fn credentials(seen: Vec<sim::Seen>) -> BTreeSet<String> {
    let sent = seen.into_iter().filter_map(|seen| seen.authorization);
    sent.filter_map(|value| Some(value.split_once(' ')?.1.to_owned()))
        .collect()
}
