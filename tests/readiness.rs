//! No layer calls what was not made ready, holds a readiness across a wait, or leaves anything behind when it is dropped.

#![allow(clippy::unwrap_used, reason = "test code")]

mod support;

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use clearance::{
    Audience, RateLimitBackoffLayer, Retry401Layer, SkewAuthLayer, Token, TokenError,
    token_source_fn,
};
use clearance_test::{ReadyProbe, ScriptedSource, Step};
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use support::{Api, Body, BoxError, MINUTE, SECOND, Seen, Verdict, get};
use tokio::time::{Instant, sleep, timeout};
use tower::{
    Layer, Service, ServiceBuilder, ServiceExt, buffer::Buffer, limit::GlobalConcurrencyLimitLayer,
    util::BoxCloneService,
};

type Stack = BoxCloneService<Request<Body>, Response<Body>, BoxError>;

/// Every layer alone, and all three in every order, over the same service.
fn stacks<S>(source: &ScriptedSource, service: &S) -> Vec<(&'static str, Stack)>
where
    S: Service<Request<Body>, Response = Response<Body>> + Clone + Send + 'static,
    S::Error: Into<BoxError> + Send + Sync,
    S::Future: Send,
{
    let auth = || SkewAuthLayer::new(source.clone());
    let (retry, rate) = (Retry401Layer::new, RateLimitBackoffLayer::new);
    macro_rules! stack {
        ($($layer:expr),*) => {
            BoxCloneService::new(ServiceBuilder::new()$(.layer($layer))*.service(service.clone().map_err(Into::into)))
        };
    }
    vec![
        ("auth", stack!(auth())),
        ("retry", stack!(retry())),
        ("rate", stack!(rate())),
        ("retry, rate, auth", stack!(retry(), rate(), auth())),
        ("retry, auth, rate", stack!(retry(), auth(), rate())),
        ("rate, retry, auth", stack!(rate(), retry(), auth())),
        ("rate, auth, retry", stack!(rate(), auth(), retry())),
        ("auth, retry, rate", stack!(auth(), retry(), rate())),
        ("auth, rate, retry", stack!(auth(), rate(), retry())),
    ]
}

/// Refuses the first token, and every third request for its rate.
fn rough(seen: &Seen, before: usize) -> Verdict {
    match (seen.token.as_str(), before % 3) {
        ("token-1", _) => 401.into(),
        (_, 2) => Verdict::from(429).with("retry-after", 1),
        _ => 200.into(),
    }
}

#[tokio::test(start_paused = true)]
async fn every_order_of_layers_keeps_the_contract_of_readiness() {
    let count = stacks(&ScriptedSource::counting(), &Api::new(|_, _| 200)).len();
    for nth in 0..count {
        let source = ScriptedSource::counting().with_delay(SECOND);
        let probe = Api::new(rough).service();
        let handle = probe.handle();
        let (name, stack) = stacks(&source, &probe).swap_remove(nth);
        let tasks: Vec<_> = (0..20)
            .map(|_| tokio::spawn(stack.clone().oneshot(get())))
            .collect();
        for task in tasks {
            timeout(10 * MINUTE, task)
                .await
                .expect(name)
                .unwrap()
                .unwrap();
        }
        assert_eq!(handle.held(), 0, "{name}");
        assert!(handle.calls() >= 20, "{name}");
    }
}

/// What each order is good for: the recommended ones cure a refusal and a limit, whichever comes first.
#[tokio::test(start_paused = true)]
async fn the_replay_layer_above_the_auth_layer_cures_a_401_in_every_order() {
    for name in [
        "retry, rate, auth",
        "retry, auth, rate",
        "rate, retry, auth",
    ] {
        let source = ScriptedSource::counting();
        let api = Api::new(rough);
        let stacks = stacks(&source, &api);
        let (_, stack) = stacks.iter().find(|(known, _)| *known == name).unwrap();
        for _ in 0..5 {
            let response = timeout(MINUTE, stack.clone().oneshot(get()))
                .await
                .expect(name)
                .unwrap();
            assert_eq!(response.status(), 200, "{name}");
        }
        assert_eq!(source.fetches(), 2, "{name}");
    }
}

/// Polls a future this often at most, and then gives it up.
struct Polls<F> {
    future: Pin<Box<F>>,
    left: usize,
}

impl<F: Future> Future for Polls<F> {
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        self.left -= 1;
        match self.future.as_mut().poll(cx) {
            Poll::Pending if self.left == 0 => Poll::Ready(None),
            poll => poll.map(Some),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_dropped_at_any_await_leaves_no_trace() {
    let count = stacks(&ScriptedSource::counting(), &Api::new(|_, _| 200)).len();
    for nth in 0..count {
        let mut ended = false;
        for polls in 1..100 {
            let source = ScriptedSource::script([Step::token("token-1"), Step::Fresh])
                .with_delay(SECOND / 10);
            let probe = Api::new(rough).service();
            let handle = probe.handle();
            let (name, stack) = stacks(&source, &probe).swap_remove(nth);
            let future = Box::pin(stack.clone().oneshot(get()));
            ended = Polls {
                future,
                left: polls,
            }
            .await
            .is_some();
            assert_eq!(handle.held(), 0, "{name}, dropped after {polls} polls");
            let next = timeout(MINUTE, stack.oneshot(get())).await;
            next.unwrap_or_else(|_| {
                panic!("{name}: the call after one dropped after {polls} polls hangs")
            })
            .unwrap();
            if ended {
                break;
            }
        }
        assert!(ended, "a call was never polled to its end");
    }
}

/// The one that started the refresh, or tries the new token for all, may be gone at any moment.
#[tokio::test(start_paused = true)]
async fn a_call_dropped_at_any_await_costs_those_nothing_that_wait_for_the_same_refresh() {
    const CALLS: usize = 6;
    for nth in 0..CALLS {
        let mut ended = false;
        for polls in 1..100 {
            let dropped = format!("call {nth} of {CALLS}, dropped after {polls} polls");
            let source = ScriptedSource::new(["stale", "fresh"]).with_delay(SECOND / 10);
            let api = Api::new(|seen, _| if seen.token == "fresh" { 200 } else { 401 });
            let probe = api.service();
            let handle = probe.handle();
            let stack = ServiceBuilder::new()
                .layer(Retry401Layer::new())
                .layer(RateLimitBackoffLayer::new())
                .layer(SkewAuthLayer::new(source.clone()))
                .layer(GlobalConcurrencyLimitLayer::new(CALLS - 1))
                .service(probe);
            let calls: Vec<_> = (0..CALLS)
                .map(|call| {
                    let future = Box::pin(stack.clone().oneshot(get()));
                    let left = if call == nth { polls } else { usize::MAX };
                    tokio::spawn(Polls { future, left })
                })
                .collect();
            let start = Instant::now();
            for (call, task) in calls.into_iter().enumerate() {
                let response = timeout(MINUTE, task).await.expect(&dropped).unwrap();
                if call == nth {
                    ended = response.is_some();
                }
                match response {
                    Some(response) => assert_eq!(response.unwrap().status(), 200, "{dropped}"),
                    None => assert_eq!(call, nth),
                }
            }
            assert!(start.elapsed() < SECOND / 2, "{dropped}");
            assert_eq!((source.fetches(), handle.held()), (2, 0), "{dropped}");
            if ended {
                break;
            }
        }
        assert!(ended, "a call was never polled to its end");
    }
}

/// Who is to try the new token for all may be gone while it queues for its place: the others are told in a second.
#[tokio::test(start_paused = true)]
async fn a_call_dropped_in_the_queue_leaves_the_trial_to_another() {
    // Calls that were refused, and calls that were held before they were sent.
    for (refused, held) in [(2, 0), (1, 2), (2, 2)] {
        for nth in 0..refused + held {
            let source = ScriptedSource::new(["stale", "fresh"]).with_delay(SECOND);
            let api = Api::new(|seen, _| if seen.token == "fresh" { 200 } else { 401 });
            let limited = GlobalConcurrencyLimitLayer::new(2).layer(api.service());
            let mut busy = [limited.clone(), limited.clone()];
            let (_, stack) = support::stack(source.clone(), limited);
            let call = || tokio::spawn(stack.clone().oneshot(get()));
            let mut calls: Vec<_> = (0..refused).map(|_| call()).collect();
            sleep(SECOND + SECOND / 2).await;
            assert_eq!((api.seen().len(), source.fetches()), (refused, 2));
            calls.extend((0..held).map(|_| call()));
            sleep(SECOND / 10).await;
            for place in &mut busy {
                place.ready().await.unwrap();
            }
            // The new token comes, and nobody gets through with it.
            sleep(SECOND).await;
            calls.remove(nth).abort();
            drop(busy);
            let start = Instant::now();
            for call in calls {
                assert_eq!(call.await.unwrap().unwrap().status(), 200);
            }
            let took = start.elapsed();
            assert!(
                took < SECOND,
                "without call {nth} of {refused} and {held}: {took:?}"
            );
            assert_eq!(source.fetches(), 2);
        }
    }
}

/// Tokens are fetched through the same service as everything else.
fn source_over<S>(service: S) -> impl clearance::TokenSource
where
    S: Service<Request<Body>, Response = Response<Body>> + Clone + Send + Sync + 'static,
    S::Future: Send,
    S::Error: Into<BoxError> + Send,
{
    let minted = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    token_source_fn(Audience::any(), move || {
        let (service, minted) = (service.clone(), minted.clone());
        async move {
            let request = Request::post("https://login.example.com/token")
                .body(Full::default())
                .unwrap();
            let answer = service
                .oneshot(request)
                .await
                .map_err(|error| TokenError::unavailable(error.into().to_string()))?;
            answer.into_body().collect().await.unwrap();
            let nth = minted.fetch_add(1, std::sync::atomic::Ordering::Relaxed) + 1;
            Ok(Token::bearer(&format!("token-{nth}"))?.with_lifetime(4 * SECOND))
        }
    })
}

/// Revokes one token in three, and limits every tenth call.
fn rough_but_mints(seen: &Seen, before: usize) -> Verdict {
    let revoked = seen.token == "token-2" || seen.token == "token-4";
    match before % 10 {
        _ if seen.head.uri().path() == "/token" => 200.into(),
        _ if revoked => 401.into(),
        9 => Verdict::from(429).with("retry-after", 1),
        _ => 200.into(),
    }
}

async fn source_and_api_share<S>(service: S, api: &Api)
where
    S: Service<Request<Body>, Response = Response<Body>> + Clone + Send + Sync + 'static,
    S::Future: Send,
    S::Error: Into<BoxError> + Send,
{
    let stack = ServiceBuilder::new()
        .layer(Retry401Layer::new())
        .layer(RateLimitBackoffLayer::new())
        .layer(SkewAuthLayer::new(source_over(service.clone())))
        .service(service);
    let calls = support::callers(4, SECOND / 2, 30 * SECOND, &stack);
    let calls = timeout(20 * MINUTE, calls).await.expect("a deadlock");
    assert!(
        calls.iter().all(|call| call.status() == Some(200)),
        "{calls:?}"
    );
    let seen = api.seen();
    let count = |path: &str| {
        seen.iter()
            .filter(|seen| seen.head.uri().path() == path)
            .count()
    };
    assert!(count("/token") > 5, "tokens expired and were refused");
    assert!(
        calls.iter().any(|call| call.took >= SECOND),
        "calls met the limit"
    );
}

#[tokio::test(start_paused = true)]
async fn source_and_api_may_share_one_concurrency_limit_of_one() {
    let api = Api::new(rough_but_mints);
    let limited = GlobalConcurrencyLimitLayer::new(1).layer(api.service());
    source_and_api_share(limited, &api).await;
}

#[tokio::test(start_paused = true)]
async fn source_and_api_may_share_one_buffer_of_one() {
    let api = Api::new(rough_but_mints);
    let buffered = Buffer::new(api.service(), 1);
    source_and_api_share(buffered, &api).await;
}

/// A service that is kept gives its readiness back before it waits: the issuer may be behind the same limit.
#[tokio::test(start_paused = true)]
async fn a_kept_service_holds_no_readiness_while_its_call_waits_for_a_token() {
    let source = ScriptedSource::counting().with_delay(10 * SECOND);
    let probe = Api::new(|_, _| 200).service();
    let handle = probe.handle();
    let mut kept = SkewAuthLayer::new(source).layer(probe);
    let call = tokio::spawn(kept.ready().await.unwrap().call(get()));
    sleep(5 * SECOND).await;
    assert_eq!((handle.held(), handle.calls()), (0, 0));
    assert_eq!(call.await.unwrap().unwrap().status(), 200);
    assert_eq!((handle.held(), handle.calls()), (0, 1));
    drop(kept);
}

#[tokio::test(start_paused = true)]
async fn a_kept_service_holds_no_readiness_after_a_call_that_failed_at_once() {
    let source = ScriptedSource::script([Step::Fail(TokenError::denied("no"))]);
    let probe = Api::new(|_, _| 200).service();
    let handle = probe.handle();
    let mut kept = SkewAuthLayer::new(source.clone()).layer(probe);
    for failed in 1..=2 {
        let error = kept.ready().await.unwrap().call(get()).await.unwrap_err();
        assert!(error.downcast_ref::<TokenError>().is_some(), "{error}");
        assert_eq!(handle.held(), 0, "after call {failed}");
    }
    assert_eq!(source.fetches(), 1, "the second one was held off");
    assert_eq!(handle.calls(), 0);
    drop(kept);
}

#[tokio::test(start_paused = true)]
async fn a_kept_service_holds_no_readiness_while_its_call_waits_out_a_pause() {
    let api = Api::new(|_, before| match before {
        0 => Verdict::from(429).with("retry-after", 10),
        _ => 200.into(),
    });
    let probe = api.service();
    let handle = probe.handle();
    let mut kept = RateLimitBackoffLayer::new().layer(probe);
    let refused = tokio::spawn(kept.ready().await.unwrap().call(get()));
    sleep(SECOND).await;
    // One that is held on its way in, after one that was refused.
    let unsent = tokio::spawn(kept.ready().await.unwrap().call(get()));
    sleep(SECOND).await;
    assert_eq!((handle.held(), handle.calls()), (0, 1));
    for call in [refused, unsent] {
        assert_eq!(call.await.unwrap().unwrap().status(), 200);
    }
    assert_eq!((handle.held(), handle.calls()), (0, 3));
    drop(kept);
}

/// The readiness of a service that takes long to come may outlive the token.
#[tokio::test(start_paused = true)]
async fn a_token_is_judged_after_the_last_wait() {
    let source = ScriptedSource::counting()
        .with_lifetime(10 * SECOND)
        .with_delay(SECOND / 10);
    let api = Api::new(|_, _| 200);
    let limit = GlobalConcurrencyLimitLayer::new(1);
    let limited = limit.layer(api.service());
    let stack = ServiceBuilder::new()
        .layer(SkewAuthLayer::new(source.clone()))
        .service(limited.clone());
    let mut busy = limited;
    let call = tokio::spawn(stack.oneshot(get()));
    sleep(SECOND / 20).await;
    // Takes the one place while the call waits for its token, and keeps it past the token's end.
    busy.ready().await.unwrap();
    sleep(30 * SECOND).await;
    drop(busy);
    assert_eq!(call.await.unwrap().unwrap().status(), 200);
    assert_eq!(api.seen()[0].token, "token-2");
}

/// As before, but the token that is fetched then takes its time, too: the place that was waited for is not kept meanwhile.
#[tokio::test(start_paused = true)]
async fn a_readiness_that_outlived_its_token_is_given_back_for_the_next_fetch() {
    let source = ScriptedSource::script([
        Step::Fresh.after(SECOND / 10),
        Step::Fresh.after(10 * SECOND),
    ])
    .with_lifetime(10 * SECOND);
    let api = Api::new(|_, _| 200);
    let limited = GlobalConcurrencyLimitLayer::new(1).layer(api.service());
    let probe = ReadyProbe::new(limited.clone());
    let handle = probe.handle();
    let mut busy = limited;
    let call = tokio::spawn(
        SkewAuthLayer::new(source.clone())
            .layer(probe)
            .oneshot(get()),
    );
    sleep(SECOND / 20).await;
    busy.ready().await.unwrap();
    sleep(30 * SECOND).await;
    drop(busy);
    sleep(5 * SECOND).await;
    assert_eq!((source.fetches(), handle.held(), handle.calls()), (2, 0, 0));
    assert_eq!(call.await.unwrap().unwrap().status(), 200);
    assert_eq!((handle.held(), handle.most_held()), (0, 1));
    assert_eq!(api.seen()[0].token, "token-2");
}
