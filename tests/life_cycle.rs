//! The life of a token: fetched once for all, renewed before anybody notices, sent to its end where that fails.

mod support;

use std::time::Duration;

use clearance::{SkewAuthLayer, TokenError, skew_auth::TokenState};
use clearance_test::{ScriptedSource, Step};
use support::{Api, MINUTE, SECOND, callers, calls_at, get, stack};
use tower::{Layer, ServiceExt};

#[tokio::test(start_paused = true)]
async fn a_thousand_tasks_on_an_empty_cache_make_one_token_request() {
    let source = ScriptedSource::counting().with_delay(SECOND);
    let api = Api::new(|seen, _| if seen.token == "token-1" { 200 } else { 401 });
    let (_, stack) = stack(source.clone(), api.service());
    let tasks: Vec<_> = (0..1000)
        .map(|_| tokio::spawn(stack.clone().oneshot(get())))
        .collect();
    for task in tasks {
        assert_eq!(task.await.unwrap().unwrap().status(), 200);
    }
    assert_eq!(source.fetches(), 1);
    assert_eq!(api.seen().len(), 1000);
}

#[tokio::test(start_paused = true)]
async fn a_slow_refresh_of_an_ageing_token_makes_nobody_wait() {
    let source = ScriptedSource::counting().with_lifetime(300 * SECOND);
    let api = Api::new(|_, _| 200);
    let (auth, stack) = stack(source.clone(), api.service());
    stack.clone().oneshot(get()).await.unwrap();
    // From now on a fetch takes 10 s.
    source.set([Step::Fresh.after(10 * SECOND)]);
    let calls = calls_at(20, 290 * SECOND, &stack).await;
    assert!(calls.iter().all(|call| call.status() == Some(200)));
    let longest = calls.iter().map(|call| call.took).max().unwrap();
    assert!(
        longest <= Duration::from_millis(25),
        "a call took {longest:?}"
    );
    assert_eq!(source.fetches(), 2);
    assert_eq!(auth.status().refreshes.ageing, 1);
}

#[tokio::test(start_paused = true)]
async fn when_the_refresh_fails_the_old_token_is_served_to_its_own_deadline() {
    let source = ScriptedSource::counting().with_lifetime(300 * SECOND);
    let api = Api::new(|_, _| 200);
    let (auth, stack) = stack(source.clone(), api.service());
    stack.clone().oneshot(get()).await.unwrap();
    source.set([Step::Fail(TokenError::unavailable("issuer down"))]);
    let calls = calls_at(10, 310 * SECOND, &stack).await;
    for call in &calls {
        let end = call.began + call.took;
        if end < 299 * SECOND {
            assert_eq!(call.status(), Some(200), "{call:?}");
        } else if call.began > 301 * SECOND {
            let error = call.result.as_ref().unwrap_err().to_string();
            assert!(error.contains("issuer down"), "{error}");
        }
    }
    assert!(
        calls.iter().any(|call| call.result.is_err()),
        "past its end there is no token"
    );
    assert_eq!(auth.status().token, TokenState::Expired);
}

#[tokio::test(start_paused = true)]
async fn every_lifetime_is_used_well() {
    for lifetime in [2, 5, 20, 35, 300, 86_400, 172_800_u64] {
        let source = ScriptedSource::counting()
            .with_lifetime(Duration::from_secs(lifetime))
            .with_delay(SECOND / 100);
        let born = std::sync::Mutex::new(std::collections::HashMap::new());
        let api = Api::new(move |seen, _| {
            let mut born = born.lock().unwrap();
            let born = born.entry(seen.token.clone()).or_insert(seen.at);
            // A token is first seen within an instant of its birth here.
            if seen.at.duration_since(*born) < Duration::from_secs(lifetime) {
                200
            } else {
                401
            }
        });
        let (_, stack) = stack(source.clone(), api.service());
        stack.clone().oneshot(get()).await.unwrap();
        let run = Duration::from_secs(lifetime * 10);
        // Seldom calls may miss the window in which a token ages: these come twice in it at least.
        let pause = Duration::from_secs_f64(lifetime as f64 / 100.0).min(2 * MINUTE);
        let calls = callers(1, pause, run, &stack).await;
        assert!(
            calls.iter().all(|call| call.status() == Some(200)),
            "a 401 at lifetime {lifetime}"
        );
        let longest = calls.iter().map(|call| call.took).max().unwrap();
        assert!(
            longest <= Duration::from_millis(25),
            "a call took {longest:?} at lifetime {lifetime}"
        );
        let bound = (10.0_f64 / 0.78).ceil() as usize + 1;
        assert!(
            source.fetches() <= bound,
            "{} requests at lifetime {lifetime}, {bound} allowed",
            source.fetches()
        );
    }
}

#[tokio::test(start_paused = true)]
async fn an_issuer_that_repeats_a_token_to_its_end_is_not_hammered() {
    // One token text for each five minutes, with the rest of its life, as caching issuers do.
    let start = tokio::time::Instant::now();
    let asked = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counter = asked.clone();
    let source = clearance::token_source_fn(clearance::Audience::any(), move || {
        counter.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let age = start.elapsed().as_secs_f64();
        let (nth, rest) = ((age / 300.0) as u64, 300.0 - age % 300.0);
        let token = clearance::Token::bearer(&format!("token-{nth}"));
        async move { Ok(token?.with_lifetime(Duration::from_secs_f64(rest))) }
    });
    let api = Api::new(|_, _| 200);
    let (_, stack) = stack(source, api.service());
    let calls = calls_at(5, 20 * MINUTE, &stack).await;
    assert!(calls.iter().all(|call| call.status() == Some(200)));
    let asked = asked.load(std::sync::atomic::Ordering::Relaxed);
    assert!(asked <= 4 * 9, "{asked} token requests in four lives");
}

#[tokio::test(start_paused = true)]
async fn the_caller_that_started_a_refresh_is_dropped_and_the_others_get_the_token() {
    let source = ScriptedSource::counting().with_delay(SECOND);
    let api = Api::new(|_, _| 200);
    let (_, stack) = stack(source.clone(), api.service());
    let first = tokio::spawn(stack.clone().oneshot(get()));
    tokio::time::sleep(SECOND / 10).await;
    let others: Vec<_> = (0..10)
        .map(|_| tokio::spawn(stack.clone().oneshot(get())))
        .collect();
    tokio::time::sleep(SECOND / 10).await;
    first.abort();
    for other in others {
        assert_eq!(other.await.unwrap().unwrap().status(), 200);
    }
    assert_eq!(source.fetches(), 1);
}

#[test]
fn a_refresh_whose_runtime_is_gone_does_not_leave_its_seat_taken() {
    let runtime = || {
        tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap()
    };
    let source = ScriptedSource::script([Step::Hang, Step::token("fresh")]);
    let api = Api::new(|_, _| 200);
    let auth = SkewAuthLayer::new(source.clone());
    let first = runtime();
    let service = auth.layer(api.service());
    let call = first.spawn(service.oneshot(get()));
    first.block_on(async { tokio::time::sleep(SECOND).await });
    assert_eq!(source.fetches(), 1);
    drop(first);
    drop(call);
    let response = runtime()
        .block_on(auth.layer(api.service()).oneshot(get()))
        .unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(api.seen()[0].token, "fresh");
}

#[tokio::test(start_paused = true)]
async fn a_source_that_panics_fails_its_waiters_and_the_next_call_works() {
    let source = ScriptedSource::script([Step::Panic.after(SECOND), Step::token("fresh")]);
    let api = Api::new(|_, _| 200);
    let (_, stack) = stack(source.clone(), api.service());
    let waiters: Vec<_> = (0..10)
        .map(|_| tokio::spawn(stack.clone().oneshot(get())))
        .collect();
    for waiter in waiters {
        let error = waiter.await.unwrap().unwrap_err();
        assert!(error.downcast_ref::<TokenError>().is_some());
        assert!(error.to_string().contains("panicked"), "{error}");
    }
    assert_eq!(stack.oneshot(get()).await.unwrap().status(), 200);
    assert_eq!(source.fetches(), 2);
}

#[test]
fn outside_a_runtime_the_error_says_so() {
    let source = ScriptedSource::new(["t0k3n"]);
    let auth = SkewAuthLayer::new(source);
    let mut service = auth.layer(Api::new(|_, _| 200).service());
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    let mut call = std::pin::pin!(async {
        let service = service.ready().await?;
        tower::Service::call(service, get()).await
    });
    let std::task::Poll::Ready(Err(error)) = std::future::Future::poll(call.as_mut(), &mut cx)
    else {
        panic!("it waits for ever");
    };
    assert!(error.to_string().contains("tokio runtime"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_source_that_never_answers_fails_its_waiters_in_time() {
    let source = ScriptedSource::script([Step::Hang]);
    let (_, stack) = stack(source, Api::new(|_, _| 200).service());
    let start = tokio::time::Instant::now();
    let error = stack.oneshot(get()).await.unwrap_err();
    assert!(error.to_string().contains("15 s"), "{error}");
    assert!(start.elapsed() <= 15 * SECOND + SECOND / 10);
}
