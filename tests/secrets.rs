//! Nothing that is logged, printed or returned as an error shows a token or a credential.

#![allow(clippy::unwrap_used, reason = "test code")]

use std::{
    io,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use clearance::{RateLimitBackoffLayer, Retry401Layer, SkewAuthLayer};
use clearance_cxone::{AccessKey, ClientRegistration, Cxone};
use clearance_genesys::{GenesysCloud, Region};
use clearance_test::sim::{self, Fault};
use http::Request;
use http_body_util::Full;
use tower::{ServiceBuilder, ServiceExt};
use tracing_subscriber::fmt::format::FmtSpan;

type Body = Full<Bytes>;

/// Everything that is logged in this process.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn logs_errors_and_debug_output_hold_no_secret() {
    let log = Log::default();
    let writer = log.clone();
    tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_span_events(FmtSpan::FULL)
        .with_writer(move || writer.clone())
        .init();
    let mut printed = String::new();
    let mut print = |what: String| printed.push_str(&what);

    // Genesys Cloud through every fault, a revocation, a limit and a wrong secret.
    let platform = sim::Genesys::builder()
        .rate_limit(5, Duration::from_secs(1))
        .recording()
        .build();
    let source = GenesysCloud::new(
        Region::UsEast1,
        sim::Genesys::CLIENT_ID,
        sim::Genesys::CLIENT_SECRET,
    )
    .and_then(|source| source.with_login_url(platform.login_url()))
    .and_then(|source| source.with_api_url(platform.api_url()))
    .unwrap()
    .with_client(platform.client::<Body>());
    print(format!("{source:?}"));
    let auth = SkewAuthLayer::new(source);
    let rate = RateLimitBackoffLayer::new();
    let stack = ServiceBuilder::new()
        .layer(Retry401Layer::new())
        .layer(rate.clone())
        .layer(auth.clone())
        .service(platform.client::<Body>());
    for fault in [
        Fault::Html,
        Fault::Reset,
        Fault::Malformed,
        Fault::Cut,
        Fault::Status(503),
        Fault::Status(404),
    ] {
        platform.fault_next_token(fault);
        for route in [
            "/api/v2/users?secret=in-the-query",
            sim::Genesys::UNAUTHORIZED,
            sim::Genesys::FORBIDDEN,
        ] {
            let request = Request::get(format!("{}{route}", platform.api_url()))
                .body(Full::default())
                .unwrap();
            match stack.clone().oneshot(request).await {
                Ok(response) => print(format!("{response:?}")),
                Err(error) => print(format!("{error} {error:?}")),
            }
        }
        print(format!(
            "{auth:?} {} {rate:?} {} {stack:?}",
            auth.status(),
            rate.status()
        ));
        platform.revoke_all();
    }
    platform.set_client_secret("another");
    auth.retry_now();
    platform.revoke_all();
    tokio::time::sleep(Duration::from_secs(3600 * 48)).await;
    let request = Request::get(format!("{}/api/v2/users", platform.api_url()))
        .body(Full::default())
        .unwrap();
    let error = stack.oneshot(request).await.unwrap_err();
    print(format!("{error} {error:?}"));

    // CXone, with the wrong access key.
    let cxone = sim::Cxone::builder()
        .access_key("another", "key")
        .recording()
        .build();
    let client = ClientRegistration::new(sim::Cxone::CLIENT_ID, sim::Cxone::CLIENT_SECRET);
    let key = AccessKey::new(sim::Cxone::ACCESS_KEY_ID, sim::Cxone::ACCESS_KEY_SECRET);
    print(format!("{client:?} {key:?}"));
    let source = Cxone::for_issuer(cxone.login_url(), client, key)
        .unwrap()
        .with_client(cxone.client::<Body>());
    print(format!("{source:?}"));
    let error = source.discover().await.unwrap_err();
    print(format!("{error} {error:?}"));

    let logged = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    for event in [
        "token_refresh",
        "token refreshed",
        "token refresh failed",
        "token refused",
    ] {
        assert!(logged.contains(event), "nothing was logged of: {event}");
    }
    let mut secrets = vec![
        sim::Genesys::CLIENT_SECRET.to_owned(),
        sim::Cxone::CLIENT_SECRET.to_owned(),
        sim::Cxone::ACCESS_KEY_SECRET.to_owned(),
        "in-the-query".to_owned(),
    ];
    let sent = platform
        .recorded()
        .into_iter()
        .chain(cxone.recorded())
        .filter_map(|seen| seen.authorization);
    secrets.extend(sent.filter_map(|value| Some(value.split_once(' ')?.1.to_owned())));
    assert!(secrets.len() > 10, "tokens and Basic credentials were sent");
    for secret in secrets {
        // hyper and the simulator are not ours: what *they* log is not judged.
        let ours = logged.lines().filter(|line| line.contains("clearance"));
        assert!(
            !ours.clone().any(|line| line.contains(&secret)),
            "logged: {secret}"
        );
        assert!(!printed.contains(&secret), "printed: {secret}");
    }
}
