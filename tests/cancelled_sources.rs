//! Every future of the sources, dropped at every await: the next one works, and neither makes more than one token request.
#![allow(clippy::unwrap_used, reason = "test code")]

mod dropped;

use std::time::Duration;

use bytes::Bytes;
use clearance::{Audience, TokenSource};
use clearance_cxone::{AccessKey, ClientRegistration, Cxone, CxoneRegional};
use clearance_genesys::{GenesysCloud, Region};
use clearance_oauth::{ClientCredentials, Exchange, TokenEndpoint, TokenRequest, check};
use clearance_test::sim;
use dropped::dropped_after;
use http_body_util::Full;
use tokio::time::sleep;

const SECOND: Duration = Duration::from_secs(1);

/// Drops what `ask` asks at each of its awaits, each time with a source of its own, and asks once more. `(awaits, most
/// token requests)`.
macro_rules! each_await_of {
    ($platform:expr, $source:expr, $ask:ident($($argument:expr)?)) => {{
        let mut most = 0;
        let mut waits = 0;
        loop {
            let platform = $platform;
            let source = $source(&platform);
            let ended = dropped_after(waits, source.$ask($($argument)?)).await;
            let before = platform.counters().token_requests;
            assert!(before <= 1, "{} token requests for one", before);
            source.$ask($($argument)?).await.expect("it works again");
            most = most.max(platform.counters().token_requests);
            if let Some(ended) = ended {
                ended.expect("it works");
                break;
            }
            // The server notices that nobody waits for it any more.
            sleep(SECOND).await;
            waits += 1;
        }
        assert!(waits >= 3, "{waits} awaits");
        (waits, most)
    }};
}

#[tokio::test(start_paused = true)]
async fn a_source_dropped_at_any_await_works_again() {
    let slow = SECOND / 10;
    let genesys = || sim::Genesys::builder().latency(slow).build();
    let cxone = || sim::Cxone::builder().latency(slow).build();
    let url = |platform: &sim::Genesys| format!("{}/oauth/token", platform.login_url());
    let (id, secret) = (sim::Genesys::CLIENT_ID, sim::Genesys::CLIENT_SECRET);

    let credentials = |platform: &sim::Genesys| {
        ClientCredentials::new(&url(platform), id, secret, Audience::any())
            .unwrap()
            .with_client(platform.client::<Full<Bytes>>())
    };
    let cloud = |platform: &sim::Genesys| {
        GenesysCloud::new(Region::UsEast1, id, secret)
            .and_then(|source| source.with_login_url(platform.login_url()))
            .unwrap()
            .with_client(platform.client::<Full<Bytes>>())
    };
    let endpoint = |platform: &sim::Genesys| {
        TokenEndpoint::new(&url(platform), platform.client::<Full<Bytes>>()).unwrap()
    };
    let request = TokenRequest::form()
        .field("grant_type", "client_credentials")
        .client(Default::default(), id, &secret.into());
    let discovering = |platform: &sim::Cxone| {
        let client = ClientRegistration::new(sim::Cxone::CLIENT_ID, sim::Cxone::CLIENT_SECRET);
        let key = AccessKey::new(sim::Cxone::ACCESS_KEY_ID, sim::Cxone::ACCESS_KEY_SECRET);
        Cxone::for_issuer(platform.login_url(), client, key)
            .unwrap()
            .with_client(platform.client::<Full<Bytes>>())
    };
    let regional = |platform: &sim::Cxone| {
        let key = AccessKey::new(sim::Cxone::ACCESS_KEY_ID, sim::Cxone::ACCESS_KEY_SECRET);
        let url = format!(
            "{}/authentication/v1/token/access-key",
            platform.login_url()
        );
        CxoneRegional::new("na1", key, platform.api_url())
            .and_then(|source| source.with_token_url(&url))
            .unwrap()
            .with_client(platform.client::<Full<Bytes>>())
    };
    let exchange = |platform: &sim::Cxone| Exchange::new(platform.client::<Full<Bytes>>());
    let document = format!("{}/.well-known/openid-configuration", cxone().login_url());
    let document = check::url("the issuer", &document).unwrap();

    let all = [
        (
            "ClientCredentials::fetch",
            each_await_of!(genesys(), credentials, fetch()),
            2,
        ),
        (
            "GenesysCloud::fetch",
            each_await_of!(genesys(), cloud, fetch()),
            2,
        ),
        (
            "TokenEndpoint::ask",
            each_await_of!(genesys(), endpoint, ask(&request)),
            2,
        ),
        (
            "Cxone::fetch",
            each_await_of!(cxone(), discovering, fetch()),
            2,
        ),
        // What it found out before it was dropped is kept, and a token of its own goes to the next fetch.
        (
            "Cxone::discover",
            each_await_of!(cxone(), discovering, discover()),
            2,
        ),
        (
            "CxoneRegional::fetch",
            each_await_of!(cxone(), regional, fetch()),
            2,
        ),
        (
            "Exchange::document",
            each_await_of!(cxone(), exchange, document(&document)),
            0,
        ),
    ];
    for (name, (waits, requests), allowed) in all {
        println!("{name}: dropped at {waits} awaits");
        assert!(
            requests <= allowed,
            "{name}: {requests} token requests for two"
        );
    }
}
