//! A token that was good and is revoked: one refresh for all, however many calls are refused and however late.

use std::{convert::Infallible, time::SystemTime};

use clearance::Token;
use clearance_test::{ScriptedSource, Step};
use http::{Request, Response};
use tokio::time::{Instant, sleep};
use tower::{ServiceExt, service_fn};

use crate::support::{Api, Body, Good, SECOND, calls_at, get, stack};

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
async fn a_revoked_token_that_the_issuer_hands_out_again_is_not_replayed() {
    let source = ScriptedSource::new(["t0k3n"]);
    let api = Api::new(|_, before| if before == 0 { 200 } else { 401 });
    let (_, stack) = stack(source, api.service());
    assert_eq!(stack.clone().oneshot(get()).await.unwrap().status(), 200);
    assert_eq!(stack.oneshot(get()).await.unwrap().status(), 401);
    assert_eq!(api.seen().len(), 2);
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

/// To the API a token is from the future for three seconds, and one route is slow to say so.
#[tokio::test(start_paused = true)]
async fn a_late_refusal_of_a_token_that_has_ripened_since_costs_no_token() {
    let (epoch, begun) = (SystemTime::now(), Instant::now());
    let minted = ScriptedSource::script([Step::Made(
        Token::bearer("token-1")
            .unwrap()
            .with_lifetime(3600 * SECOND)
            .with_issued_at(epoch),
    )]);
    let api = service_fn(move |request: Request<Body>| {
        let now = begun.elapsed();
        let is_slow = request.uri().path() == "/slow";
        async move {
            if is_slow {
                sleep(8 * SECOND).await;
            }
            let reply = Response::builder().status(if now >= 3 * SECOND { 200 } else { 401 });
            let date = httpdate::fmt_http_date(epoch + now - 3 * SECOND);
            Ok::<_, Infallible>(reply.header("date", date).body(Body::default()).unwrap())
        }
    });
    let (_, stack) = stack(minted.clone(), api);
    let call = |path: &str| {
        let request = Request::get(format!("https://api.example.com{path}"));
        stack
            .clone()
            .oneshot(request.body(Body::default()).unwrap())
    };
    let slow = tokio::spawn(call("/slow"));
    let mut held = Vec::new();
    while begun.elapsed() < 20 * SECOND {
        let before = Instant::now();
        assert_eq!(call("/").await.unwrap().status(), 200);
        held.extend(Some(before.elapsed()).filter(|took| *took > SECOND / 10));
        sleep(SECOND / 2).await;
    }
    assert_eq!(slow.await.unwrap().unwrap().status(), 200);
    assert_eq!((minted.fetches(), held.len()), (1, 1), "{held:?}");
}
