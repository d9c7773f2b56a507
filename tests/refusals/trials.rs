//! A new token that no server has taken yet: one call tries it for all, and what if that call is dropped or hangs?

use std::{
    future::{Future, ready},
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    task::{Context, Poll},
};

use clearance::{SkewAuthLayer, TokenError, TokenRefused};
use clearance_test::{ScriptedSource, Step};
use http::{Request, Response, StatusCode, header::AUTHORIZATION};
use tokio::time::{Instant, sleep};
use tower::{Layer, Service, ServiceExt, service_fn};

use crate::support::{Api, Body, BoxError, MINUTE, SECOND, calls_at, get, stack};

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
async fn the_successor_of_a_refused_token_that_is_past_its_end_is_everybodys_at_once() {
    let down = Step::Fail(TokenError::unavailable("down"));
    let mut steps = vec![down; 3];
    steps.insert(0, Step::Fresh);
    steps.push(Step::Fresh);
    let source = ScriptedSource::script(steps).with_lifetime(MINUTE);
    let api = Api::slow(
        12 * SECOND,
        |seen, _| if seen.token == "token-1" { 401 } else { 200 },
    );
    let (_, stack) = stack(source.clone(), api.service());
    assert_eq!(stack.clone().oneshot(get()).await.unwrap().status(), 401);
    sleep(3 * MINUTE).await;
    let tasks: Vec<_> = (0..4)
        .map(|_| tokio::spawn(stack.clone().oneshot(get())))
        .collect();
    for task in tasks {
        assert_eq!(task.await.unwrap().unwrap().status(), 200);
    }
    let seen = api.seen();
    let old = seen.iter().filter(|seen| seen.token == "token-1");
    assert_eq!((old.count(), source.fetches()), (1, 5));
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

fn reply(status: StatusCode) -> Response<Body> {
    let mut reply = Response::default();
    *reply.status_mut() = status;
    reply
}

/// Its caller may keep the future of a call that has ended.
#[tokio::test(start_paused = true)]
async fn a_trial_whose_call_ended_in_an_error_passes_to_the_next_call_at_once() {
    let nth = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&nth);
    let api = service_fn(move |request: Request<Body>| {
        let is_stale = request.headers()[AUTHORIZATION] == "Bearer stale";
        ready(match counted.fetch_add(1, Relaxed) {
            _ if is_stale => Ok(reply(StatusCode::UNAUTHORIZED)),
            1 => Err(io::Error::other("reset")),
            _ => Ok(reply(StatusCode::OK)),
        })
    });
    let mut stack = SkewAuthLayer::new(ScriptedSource::new(["stale", "fresh"])).layer(api);
    let first = stack.clone().oneshot(get()).await.unwrap();
    let refused = first.extensions().get::<TokenRefused>().unwrap();
    refused.settled().await.unwrap();
    let mut trying = stack.ready().await.unwrap().call(get());
    (&mut trying).await.unwrap_err();
    let start = Instant::now();
    let next = stack.clone().oneshot(get()).await.unwrap();
    assert_eq!(
        (next.status().as_u16(), start.elapsed().as_secs()),
        (200, 0)
    );
    assert_eq!(nth.load(Relaxed), 3);
    drop(trying);
}

/// A call that was held finds the service broken when it comes to its turn.
#[tokio::test(start_paused = true)]
async fn a_trial_whose_call_finds_the_service_broken_passes_to_the_next_call_at_once() {
    let source = ScriptedSource::script([Step::Fresh, Step::Fresh.after(SECOND)]);
    let api = Api::new(|seen, _| if seen.token == "token-1" { 401 } else { 200 });
    let broken = Arc::new(AtomicBool::new(false));
    let mut stack = SkewAuthLayer::new(source).layer(Breaking(api.clone(), Arc::clone(&broken)));
    stack.clone().oneshot(get()).await.unwrap();
    let mut held = stack.ready().await.unwrap().call(get());
    broken.store(true, Relaxed);
    (&mut held).await.unwrap_err();
    assert_eq!(api.seen().len(), 1);
    let start = Instant::now();
    let next = stack.clone().oneshot(get()).await.unwrap();
    assert_eq!(
        (next.status().as_u16(), start.elapsed().as_secs()),
        (200, 0)
    );
    drop(held);
}

/// Its readiness fails once when it is told to.
#[derive(Clone)]
struct Breaking(Api, Arc<AtomicBool>);

impl Service<Request<Body>> for Breaking {
    type Response = Response<Body>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(match self.1.swap(false, Relaxed) {
            true => Err("broken".into()),
            false => Ok(()),
        })
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let call = self.0.clone().oneshot(request);
        Box::pin(async move { Ok(call.await?) })
    }
}
