//! Refused tokens: what was revoked is replaced once for all, and what is refused for other reasons costs few tokens.

mod support;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use clearance::{Audience, RefusalReason, Retry401Layer, SkewAuthLayer, TokenRefused};
use clearance_test::{ScriptedSource, Step};
use http::{Method, Request, StatusCode, Version, header::AUTHORIZATION};
use support::{Api, Body, Good, MINUTE, SECOND, URL, Verdict, calls_at, get, stack};
use tokio::time::sleep;
use tower::{Layer, Service, ServiceBuilder, ServiceExt, service_fn};

#[tokio::test(start_paused = true)]
async fn a_thousand_tasks_refused_for_one_token_make_one_refresh() {
    let source = ScriptedSource::counting().with_delay(SECOND / 10);
    let good = Good::default();
    good.only("token-1");
    let rule = good.clone();
    let api = Api::new(move |seen, _| rule.status(&seen.token));
    let (auth, stack) = stack(source.clone(), api.service());
    stack.clone().oneshot(get()).await.unwrap();

    // A call that is on its way for long, with the old token, when it is revoked.
    good.only("token-2");
    let tasks: Vec<_> = (0..1000)
        .map(|_| tokio::spawn(stack.clone().oneshot(get())))
        .collect();
    for task in tasks {
        assert_eq!(task.await.unwrap().unwrap().status(), 200);
    }
    assert_eq!(source.fetches(), 2);
    assert_eq!(auth.status().refreshes.refused, 1);
    assert_eq!(auth.status().refusals, 1000);
}

#[tokio::test(start_paused = true)]
async fn a_late_refusal_of_the_old_token_refuses_nothing() {
    let source = ScriptedSource::counting();
    let good = Good::default();
    good.only("token-1");
    let rule = good.clone();
    let slow = Api::slow(4 * SECOND, {
        let rule = rule.clone();
        move |seen, _| rule.status(&seen.token)
    });
    let fast = Api::new(move |seen, _| rule.status(&seen.token));
    let auth = clearance::SkewAuthLayer::new(source.clone());
    let retry = clearance::Retry401Layer::new();
    let client = |api: &Api| {
        tower::ServiceBuilder::new()
            .layer(retry)
            .layer(auth.clone())
            .service(api.service())
    };
    client(&fast).oneshot(get()).await.unwrap();

    let late = tokio::spawn(client(&slow).oneshot(get()));
    sleep(SECOND).await;
    good.only("token-2");
    assert_eq!(client(&fast).oneshot(get()).await.unwrap().status(), 200);
    assert_eq!(source.fetches(), 2);
    assert_eq!(
        late.await.unwrap().unwrap().status(),
        200,
        "it was replayed with the token that is there"
    );
    assert_eq!(source.fetches(), 2);
}

#[tokio::test(start_paused = true)]
async fn two_revocations_two_seconds_apart_lose_no_call() {
    let source = ScriptedSource::counting().with_delay(SECOND / 5);
    let good = Good::default();
    good.only("token-1");
    let rule = good.clone();
    let api = Api::new(move |seen, _| rule.status(&seen.token));
    let (_, stack) = stack(source.clone(), api.service());
    stack.clone().oneshot(get()).await.unwrap();
    tokio::spawn(async move {
        sleep(2 * SECOND).await;
        good.only("token-2");
        sleep(2 * SECOND).await;
        good.only("token-3");
    });
    let calls = calls_at(128, 6 * SECOND, &stack).await;
    assert!(calls.iter().all(|call| call.status() == Some(200)));
    assert_eq!(source.fetches(), 3);
}

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

#[tokio::test(start_paused = true)]
async fn a_first_token_that_is_refused_gets_one_successor() {
    let source = ScriptedSource::new(["stale", "fresh"]);
    let api = Api::new(|seen, _| if seen.token == "fresh" { 200 } else { 401 });
    let (_, stack) = stack(source.clone(), api.service());
    let tasks: Vec<_> = (0..64)
        .map(|_| tokio::spawn(stack.clone().oneshot(get())))
        .collect();
    for task in tasks {
        assert_eq!(task.await.unwrap().unwrap().status(), 200);
    }
    assert_eq!(source.fetches(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_trial_whose_call_is_dropped_passes_to_another() {
    let source = ScriptedSource::new(["stale", "fresh"]);
    let api = Api::slow(
        SECOND,
        |seen, _| if seen.token == "fresh" { 200 } else { 401 },
    );
    let (_, stack) = stack(source, api.service());
    let mut tasks: Vec<_> = (0..8)
        .map(|_| tokio::spawn(stack.clone().oneshot(get())))
        .collect();
    // All were refused after a second, and one of them is trying the new token.
    sleep(1800 * SECOND / 1000).await;
    let trying = api.seen().len() - 8;
    assert_eq!(trying, 1);
    for task in tasks.drain(..4) {
        task.abort();
    }
    for task in tasks {
        assert_eq!(task.await.unwrap().unwrap().status(), 200);
    }
}

/// The one call that tries the new token for all gets no answer for ten minutes.
#[tokio::test(start_paused = true)]
async fn a_trial_on_a_route_that_hangs_holds_the_others_for_five_seconds() {
    let source = ScriptedSource::new(["stale", "fresh"]);
    let api = Api::new(|seen, _| if seen.token == "fresh" { 200 } else { 401 });
    let trying = Arc::new(AtomicBool::new(true));
    let server = api.service();
    let hanging = service_fn(move |request: Request<Body>| {
        let fresh = request.headers()[AUTHORIZATION] == "Bearer fresh";
        let hangs = fresh && trying.swap(false, Relaxed);
        let server = server.clone();
        async move {
            if hangs {
                sleep(10 * MINUTE).await;
            }
            server.oneshot(request).await
        }
    });
    let (_, stack) = stack(source.clone(), hanging);
    let calls = calls_at(2, MINUTE, &stack).await;
    let good = calls
        .iter()
        .filter(|call| call.status() == Some(200))
        .count();
    assert!(good * 100 >= calls.len() * 95, "{good} of {}", calls.len());
    let slow = calls
        .iter()
        .filter(|call| call.took > 5 * SECOND + SECOND / 10)
        .count();
    assert_eq!(slow, 1, "but for the one that hangs");
    assert_eq!(source.fetches(), 2);
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

/// Two APIs with an issuer each, one layer above the other.
#[tokio::test(start_paused = true)]
async fn a_layer_for_another_api_does_not_hide_the_refusal_that_is_known_below() {
    let api = Api::new(|seen, _| if seen.token == "stale" { 401 } else { 200 });
    let elsewhere = Audience::origin("https://other.example.com").unwrap();
    let stack = ServiceBuilder::new()
        .layer(Retry401Layer::new())
        .layer(SkewAuthLayer::new(
            ScriptedSource::counting().with_audience(elsewhere),
        ))
        .layer(SkewAuthLayer::new(ScriptedSource::new(["stale", "fresh"])))
        .service(api.service());
    assert_eq!(stack.oneshot(get()).await.unwrap().status(), 200);
    assert_eq!(api.seen().len(), 2);
}

/// One service, and calls so close together that the date of only the first reply is read.
#[tokio::test(start_paused = true)]
async fn a_grpc_refusal_is_seen_right_after_a_success() {
    type Kind = (Method, Version, &'static str);
    let kinds: [Kind; 3] = [
        (Method::POST, Version::HTTP_2, "application/grpc"),
        (Method::POST, Version::HTTP_11, "application/grpc"),
        (Method::POST, Version::HTTP_11, "application/grpc-web+proto"),
    ];
    for (method, version, kind) in kinds {
        let api = Api::slow(Duration::ZERO, move |_, before| {
            let status = if before < 4 { 0 } else { 16 };
            let verdict = Verdict::from(200).with("content-type", kind);
            verdict.with("grpc-status", status)
        });
        let auth = SkewAuthLayer::new(ScriptedSource::counting());
        let mut service = auth.layer(api.service());
        let mut refused = Vec::new();
        for _ in 0..5 {
            let request = Request::builder().uri(URL).version(version);
            let request = request.method(method.clone()).body(Body::default());
            let service = service.ready().await.unwrap();
            let reply = service.call(request.unwrap()).await.unwrap();
            refused.push(reply.extensions().get::<TokenRefused>().is_some());
        }
        assert_eq!(refused, [false, false, false, false, true], "{kind}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_new_token_counts_as_accepted_by_its_first_success_however_soon_that_comes() {
    let source = ScriptedSource::counting().with_lifetime(MINUTE);
    let api = Api::slow(Duration::ZERO, |seen, _| {
        match seen.head.uri().path() {
            // The token that is accepted is replaced; for another, another scheme would be asked for.
            "/no" => Verdict::from(401).with("www-authenticate", "Basic"),
            _ => Verdict::from(200),
        }
    });
    let auth = SkewAuthLayer::new(source.clone());
    let mut service = auth.layer(api.service());
    let mut call = async |path: &str| {
        let request = Request::get(format!("https://api.example.com{path}"));
        let request = request.body(Body::default()).unwrap();
        let reply = service.ready().await.unwrap().call(request).await.unwrap();
        reply.extensions().get::<TokenRefused>().cloned()
    };
    // So often that the date of few replies is read.
    while source.fetches() < 2 {
        call("/yes").await;
        sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(api.seen().last().unwrap().token, "token-1");
    call("/yes").await;
    assert_eq!(api.seen().last().unwrap().token, "token-2");
    let refused = call("/no").await.unwrap();
    refused.settled().await.unwrap();
    assert_eq!(source.fetches(), 3);
}
