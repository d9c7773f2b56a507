//! A refusal that no token cures: what does the caller get, when, and what does it cost?

use std::time::Duration;

use clearance::{RefusalReason, Retry401Layer, SkewAuthLayer, TokenRefused};
use clearance_test::{ScriptedSource, Step};
use http::StatusCode;
use tokio::time::sleep;
use tower::{ServiceBuilder, ServiceExt};

use crate::{
    logged::Logged,
    support::{Api, Good, MINUTE, SECOND, Verdict, calls_at, get, stack},
};

#[tokio::test(start_paused = true)]
async fn a_server_that_refuses_everything_costs_few_tokens() {
    let source = ScriptedSource::counting().with_delay(SECOND / 10);
    let api = Api::new(|_, _| Verdict::from(401).with("x-original", "yes"));
    let (_, stack) = stack(source.clone(), api.service());
    let in_four_seconds = {
        let source = source.clone();
        tokio::spawn(async move {
            sleep(4 * SECOND).await;
            source.fetches()
        })
    };
    let calls = calls_at(128, MINUTE, &stack).await;
    let early = in_four_seconds.await.unwrap();
    assert!(early <= 5, "{early} token requests in 4 s");
    assert!(
        source.fetches() <= 8,
        "{} token requests in a minute",
        source.fetches()
    );
    for call in &calls {
        let response = call.result.as_ref().unwrap();
        assert_eq!(response.status(), 401);
        assert_eq!(response.headers()["x-original"], "yes");
        // At first it may be that the server only runs behind, and the token ripens.
        let patience = if call.began < MINUTE / 2 {
            6 * SECOND
        } else {
            SECOND / 2
        };
        assert!(call.took < patience, "{call:?}");
    }
    // Each call at most once more, and nearly none of them.
    assert!(
        api.seen().len() < calls.len() + 40,
        "{} sends for {} calls",
        api.seen().len(),
        calls.len()
    );
}

/// What is at its end is renewed while its successor is being tried, and that one is not tried out soon.
#[tokio::test(start_paused = true)]
async fn a_server_that_refuses_everything_slowly_costs_few_tokens() {
    let source = ScriptedSource::counting().with_lifetime(2 * MINUTE);
    let api = Api::slow(2 * SECOND, |_, _| 401);
    let (auth, stack) = stack(source.clone(), api.service());
    calls_at(5, 6 * MINUTE, &stack).await;
    let tokens = source.fetches();
    assert!(
        tokens <= 6 + 6 * 6,
        "{tokens} in 6 minutes: {}",
        auth.status()
    );
    sleep(10 * MINUTE).await;
    calls_at(10, 5 * SECOND, &stack).await;
    let later = source.fetches() - tokens;
    assert!(later <= 3, "{later} after an idle time: {}", auth.status());
}

#[tokio::test(start_paused = true)]
async fn a_missing_scope_is_returned_with_the_reason_and_costs_no_token() {
    let challenge = "Bearer realm=\"x\", error=\"insufficient_scope\", scope=\"users:write\"";
    let source = ScriptedSource::counting();
    let api = Api::new(move |_, _| Verdict::from(401).with("www-authenticate", challenge));
    let (_, stack) = stack(source.clone(), api.service());
    let response = stack.oneshot(get()).await.unwrap();
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    assert!(matches!(
        response.extensions().get(),
        Some(RefusalReason::InsufficientScope)
    ));
    assert_eq!((source.fetches(), api.seen().len()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn when_no_other_token_is_to_be_had_the_original_401_comes_back_with_the_reason() {
    let denied = clearance::TokenError::denied("client disabled");
    let source = ScriptedSource::script([Step::token("t0k3n"), Step::Fail(denied)]);
    let good = Good::default();
    good.only("t0k3n");
    let rule = good.clone();
    let api =
        Api::new(move |seen, _| Verdict::from(rule.status(&seen.token)).with("x-original", "yes"));
    let (_, stack) = stack(source.clone(), api.service());
    stack.clone().oneshot(get()).await.unwrap();
    good.only("none");
    let response = stack.clone().oneshot(get()).await.unwrap();
    assert_eq!(response.status(), 401);
    assert_eq!(response.headers()["x-original"], "yes");
    let reason = response
        .extensions()
        .get::<RefusalReason>()
        .unwrap()
        .to_string();
    assert!(reason.contains("client disabled"), "{reason}");
    assert!(response.extensions().get::<TokenRefused>().is_some());
    assert_eq!((source.fetches(), api.seen().len()), (2, 2));
}

#[tokio::test(start_paused = true)]
async fn a_refused_call_waits_half_a_minute_at_most() {
    let source = ScriptedSource::script([Step::token("t0k3n"), Step::Hang]);
    let good = Good::default();
    good.only("t0k3n");
    let rule = good.clone();
    let (_, stack) = stack(
        source,
        Api::new(move |seen, _| rule.status(&seen.token)).service(),
    );
    stack.clone().oneshot(get()).await.unwrap();
    good.only("none");
    let start = tokio::time::Instant::now();
    assert_eq!(stack.oneshot(get()).await.unwrap().status(), 401);
    assert!(start.elapsed() < Duration::from_secs(31));
}

#[tokio::test(start_paused = true)]
async fn every_401_that_is_returned_has_its_reason_after_success() {
    let api = Api::new(|_, before| if before == 0 { 200 } else { 401 });
    let (_, stack) = stack(ScriptedSource::counting(), api.service());
    assert_eq!(stack.clone().oneshot(get()).await.unwrap().status(), 200);
    let mut replays = 0;
    for nth in 0..7 {
        let before = api.seen().len();
        let reply = stack.clone().oneshot(get()).await.unwrap();
        replays += api.seen().len() - before - 1;
        let reason = reply.extensions().get::<RefusalReason>();
        assert!(
            reply.status() == 401 && reason.is_some(),
            "{nth}: {reply:?}"
        );
    }
    assert!(replays > 0, "after a replay, too");
}

#[tokio::test(start_paused = true)]
async fn a_403_names_its_scope_in_the_log_also_after_a_replay() {
    let challenge = r#"Bearer error="insufficient_scope", scope="agents:read""#;
    for (stale, sends) in [("none", 1), ("stale", 2)] {
        let api = Api::new(move |seen, _| match &*seen.token {
            token if token == stale => 401.into(),
            _ => Verdict::from(403).with("www-authenticate", challenge),
        });
        let stack = ServiceBuilder::new()
            .layer(Retry401Layer::new())
            .layer(SkewAuthLayer::new(ScriptedSource::new(["stale", "fresh"])))
            .service(api.service());
        let logged = Logged::begin();
        assert_eq!(stack.oneshot(get()).await.unwrap().status(), 403);
        assert_eq!(api.seen().len(), sends);
        let text = logged.text();
        assert_eq!(text.matches("agents:read").count(), 1, "{text}");
    }
}
