//! A new token that no server has taken yet: one call tries it for all, and what if that call is dropped or hangs?

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering::Relaxed},
};

use clearance_test::ScriptedSource;
use http::{Request, header::AUTHORIZATION};
use tokio::time::sleep;
use tower::{ServiceExt, service_fn};

use crate::support::{Api, Body, MINUTE, SECOND, calls_at, get, stack};

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
