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
use clearance_test::{ScriptedSource, Step};
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use support::{Api, Body, BoxError, MINUTE, SECOND, Seen, Verdict, get};
use tokio::time::{sleep, timeout};
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
