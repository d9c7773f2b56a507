//! What people are told of a clock that is off, and that none is blamed where the machine slept.

use std::{
    sync::{Arc, Mutex, atomic::Ordering::Relaxed},
    time::SystemTime,
};

use clearance::{Audience, SkewAuthLayer, Token, TokenError, TokenSource};
use clearance_test::{ScriptedSource, TokioWallClock, sim::Genesys};
use http::{Request, header::HOST};
use tokio::time::sleep;
use tower::{Layer, ServiceExt};

use crate::{
    Body, all_three, hammer,
    issuer::{ISSUER, dated, in_step, issuer_now, stamped},
    logged::Logged,
    piped,
    support::{Api, MINUTE, SECOND, calls_at},
};

#[tokio::test(start_paused = true)]
async fn people_are_told_once_and_which_clock_it_is() {
    for (issuer, api, expected) in [
        (300.0, 300.0, "the local clock is slow"),
        (0.0, 300.0, "the clock of http://localhost:2 is off"),
    ] {
        let log = Logged::begin();
        let start = SystemTime::now();
        let platform = Genesys::builder()
            .starting_at(start)
            .issuer_ahead(issuer)
            .api_ahead(api)
            .edge_ahead(api);
        let platform = platform.no_rate_limit().build();
        let wall = TokioWallClock::starting_at(start);
        let stack = all_three(
            SkewAuthLayer::new(piped(&platform)).wall_clock(wall),
            platform.client::<Body>(),
        );
        let url = format!("{}/api/v2/users?pageSize=1", platform.api_url());
        hammer(4, SECOND, MINUTE, &url, &stack).await;
        let said = warnings(&log);
        assert_eq!(said.len(), 1, "{said:#?}");
        assert!(said[0].contains(expected), "{said:?}");
    }
}

fn warnings(log: &Logged) -> Vec<String> {
    let text = log.text();
    let warnings = text.lines().filter(|line| line.contains("WARN"));
    warnings.map(str::to_owned).collect()
}

#[tokio::test(start_paused = true)]
async fn a_machine_that_slept_blames_no_clock_and_knows_the_time() {
    let log = Logged::begin();
    let (minted, source) = stamped(Some(86_400 * SECOND), 86_400 * SECOND);
    let api = Api::new(|_, _| dated(0));
    let (auth, stack) = in_step(source, &api);
    calls_at(2, MINUTE, &stack).await;
    // It sleeps for an hour, which is less than the token has left. All clocks but the monotonic one go on.
    ISSUER.with(|clock| clock.step(3600.0));
    assert!(
        auth.status().issuer_skew.is_none(),
        "what was known no longer holds"
    );
    let calls = calls_at(2, MINUTE, &stack).await;
    assert!(calls.iter().all(|call| call.status() == Some(200)));
    assert_eq!(minted.load(Relaxed), 1);
    assert_eq!(warnings(&log), Vec::<String>::new());
    let shown = auth.clock().now_at("https://api.example.com").unwrap();
    let off = shown
        .duration_since(issuer_now())
        .unwrap_or_else(|early| early.duration());
    assert!(off <= SECOND, "{off:?}");
}

#[tokio::test(start_paused = true)]
async fn the_time_of_a_host_is_known_by_its_origin_however_a_request_addressed_it() {
    let hosts = ["https://api.example.com", "http://localhost:8080"];
    let source = ScriptedSource::counting().with_audience(Audience::origins(hosts).unwrap());
    let api = Api::new(|_, _| dated(0));
    let auth = SkewAuthLayer::new(source);
    for host in ["API.example.com:443", "localhost:8080"] {
        let request = Request::get("/users").header(HOST, host);
        let request = request.body(Body::default()).unwrap();
        auth.layer(api.service()).oneshot(request).await.unwrap();
    }
    assert!(api.seen().iter().all(|seen| seen.token == "token-1"));
    let named = auth.status().hosts.into_iter().map(|host| host.origin);
    assert_eq!(named.collect::<Vec<_>>(), hosts);
    for host in hosts {
        assert!(auth.clock().now_at(host).is_some(), "{host}");
    }
}

/// A source that was pointed at another API: a slot is a place in the audience, and it was the first one's.
#[tokio::test(start_paused = true)]
async fn the_time_of_a_host_that_a_changed_audience_names_is_known_by_its_own_origin() {
    struct Moves(ScriptedSource, Arc<Mutex<&'static str>>);
    impl TokenSource for Moves {
        async fn fetch(&self) -> Result<Token, TokenError> {
            self.0.fetch().await
        }
        fn audience(&self) -> Option<Audience> {
            Audience::origin(*self.1.lock().unwrap()).ok()
        }
    }
    let [old, new] = ["https://old.example.com", "https://new.example.com"];
    let at = Arc::new(Mutex::new(old));
    let source = Moves(ScriptedSource::counting().with_lifetime(MINUTE), at.clone());
    let api = Api::new(move |seen, _| {
        let is_new = seen.head.uri().host() == Some("new.example.com");
        dated(if is_new { 7200 } else { 0 })
    });
    let (auth, stack) = in_step(source, &api);
    let call = |url: &str| {
        let request = Request::get(url).body(Body::default()).unwrap();
        stack.clone().oneshot(request)
    };
    call(old).await.unwrap();
    *at.lock().unwrap() = new;
    sleep(2 * MINUTE).await;
    call(new).await.unwrap();
    assert_eq!(api.seen()[1].token, "token-2");

    let ahead = auth.clock().skew_at(new).unwrap();
    assert!(ahead.is_server_ahead() && ahead.magnitude() > 7000 * SECOND);
    assert!(auth.clock().now_at(old).is_none());
    let hosts = auth.status().hosts;
    assert_eq!((hosts.len(), hosts[0].origin.as_str()), (1, new));
    assert_eq!(hosts[0].clocks, 1);
}
