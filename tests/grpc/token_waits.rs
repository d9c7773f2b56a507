//! A call with a deadline that needs a token: how long does it wait, and what is sent or told when that is over?

use std::{
    future::Future,
    io,
    time::{Duration, SystemTime},
};

use clearance::{RefusalReason, Retry401Layer, SkewAuthLayer, Token, TokenError};
use clearance_test::{ScriptedSource, Step};
use http::{HeaderValue, Version, header::CONTENT_TYPE};
use tokio::time::{Instant, sleep};
use tower::{Layer, ServiceBuilder, ServiceExt};

use crate::{
    around, call, code, messages, status,
    support::{Api, SECOND, stack},
    timeouts,
};

#[tokio::test(start_paused = true)]
async fn a_call_waits_no_longer_for_a_token_than_for_its_reply() {
    let source = ScriptedSource::script([Step::Fresh.after(3 * SECOND)]);
    let api = Api::new(|_, _| messages());
    let stack = SkewAuthLayer::new(source.clone()).layer(api.service());
    let start = Instant::now();
    let (short, long) = tokio::join!(
        stack.clone().oneshot(call(Some("1S"))),
        stack.clone().oneshot(call(Some("10S")))
    );
    let error = short.unwrap_err();
    assert!(
        error
            .downcast_ref::<TokenError>()
            .unwrap()
            .to_string()
            .contains("grpc-timeout"),
        "{error}"
    );
    long.unwrap();
    assert!(around(start.elapsed(), 3020), "{:?}", start.elapsed());
    let told = timeouts(&api);
    assert!(told.len() == 1 && around(told[0], 7_000), "{told:?}");
    assert_eq!(source.fetches(), 1);
}

#[tokio::test(start_paused = true)]
async fn so_does_a_call_of_grpc_web_over_http_1() {
    let source = ScriptedSource::script([Step::Fresh.after(3 * SECOND)]);
    let api = Api::new(|_, _| messages());
    let stack = SkewAuthLayer::new(source).layer(api.service());
    let web = |timeout| {
        let mut call = call(Some(timeout));
        *call.version_mut() = Version::HTTP_11;
        let kind = HeaderValue::from_static("application/grpc-web+proto");
        call.headers_mut().insert(CONTENT_TYPE, kind);
        call
    };
    let start = Instant::now();
    stack.clone().oneshot(web("1S")).await.unwrap_err();
    assert!(around(start.elapsed(), 1_000), "{:?}", start.elapsed());
    stack.oneshot(web("10S")).await.unwrap();
    let told = timeouts(&api);
    assert!(told.len() == 1 && around(told[0], 8_000), "{told:?}");
}

#[tokio::test(start_paused = true)]
async fn a_deadline_that_passes_while_the_service_is_not_ready_is_not_blamed_on_the_token() {
    let source = ScriptedSource::counting().with_delay(SECOND / 10);
    let api = Api::slow(10 * SECOND, |_, _| messages());
    let stack = ServiceBuilder::new()
        .layer(SkewAuthLayer::new(source.clone()))
        .concurrency_limit(1)
        .service(api.service());
    let start = Instant::now();
    let first = tokio::spawn(stack.clone().oneshot(call(None)));
    let error = stack.oneshot(call(Some("3S"))).await.unwrap_err();
    let took = start.elapsed();
    first.await.unwrap().unwrap();
    assert!(around(took, 3_000), "{took:?}");
    assert_eq!((source.fetches(), api.seen().len()), (1, 1));
    let kind = error.downcast_ref::<io::Error>().unwrap().kind();
    assert_eq!(kind, io::ErrorKind::TimedOut);
    assert!(error.to_string().contains("ready"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_refused_call_waits_no_longer_for_another_token_than_for_its_reply() {
    let api = Api::new(|seen, _| match seen.token.as_str() {
        "token-1" => status(16),
        _ => messages(),
    });
    let source = ScriptedSource::script([Step::Fresh, Step::Fresh.after(3 * SECOND)]);
    let stack = ServiceBuilder::new()
        .layer(Retry401Layer::new())
        .layer(SkewAuthLayer::new(source.clone()))
        .service(api.service());
    let start = Instant::now();
    let (short, long) = tokio::join!(
        stack.clone().oneshot(call(Some("1S"))),
        stack.clone().oneshot(call(Some("10S")))
    );
    let short = short.unwrap();
    assert_eq!(code(&short), "16");
    assert!(matches!(
        short.extensions().get(),
        Some(RefusalReason::Undecided)
    ));
    assert_eq!(code(&long.unwrap()), "");
    assert!(around(start.elapsed(), 3040), "{:?}", start.elapsed());
    let told = timeouts(&api);
    assert!(told.len() == 3 && around(told[2], 7_000), "{told:?}");
}

/// The issuer hangs, and the token has a while to live.
#[tokio::test(start_paused = true)]
async fn a_token_that_still_lives_is_sent_before_nobody_waits_for_the_reply() {
    let source =
        ScriptedSource::script([Step::Fresh, Step::Hang]).with_lifetime(Duration::from_secs(100));
    let api = Api::new(|_, _| messages());
    let stack = SkewAuthLayer::new(source).layer(api.service());
    stack.clone().oneshot(call(Some("3S"))).await.unwrap();
    // Within the hard margin of ten seconds.
    tokio::time::sleep(91 * SECOND).await;
    let start = Instant::now();
    stack.oneshot(call(Some("3S"))).await.unwrap();
    assert!(around(start.elapsed(), 1_520), "{:?}", start.elapsed());
}

/// The token was refused and its successor does not come: it is the one there is.
#[tokio::test(start_paused = true)]
async fn a_call_is_held_for_half_of_its_own_time_where_it_could_be_sent() {
    let source = ScriptedSource::script([Step::Fresh, Step::Hang]);
    let api = Api::new(|_, before| if before == 0 { status(16) } else { status(0) });
    let stack = SkewAuthLayer::new(source).layer(api.service());
    stack.clone().oneshot(call(None)).await.unwrap();
    let start = Instant::now();
    let reply = stack.oneshot(call(Some("4S"))).await.unwrap();
    assert!(
        code(&reply) == "0" && around(start.elapsed(), 2_020),
        "{:?}",
        start.elapsed()
    );
    assert!(api.seen().iter().all(|seen| seen.token == "token-1"));
}

#[test]
fn outside_a_runtime_a_call_that_has_to_wait_is_an_error() {
    let api = Api::new(|_, _| messages());
    let stack = SkewAuthLayer::new(ScriptedSource::counting()).layer(api.service());
    let mut call = Box::pin(stack.oneshot(call(Some("3S"))));
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    let std::task::Poll::Ready(Err(error)) = call.as_mut().poll(&mut cx) else {
        panic!("no error");
    };
    assert!(error.to_string().contains("runtime"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_call_waits_half_its_time_for_a_token_that_its_host_has_not_refused() {
    let start = Instant::now();
    let revoked = 60 * SECOND;
    // Tokens ripen for ten seconds, until the clock is put right.
    let api = Api::new(move |seen, _| {
        let refused = if seen.token == "1" {
            start.elapsed() > revoked
        } else {
            false
        };
        let young = start.elapsed() < 10 * SECOND;
        let date = SystemTime::UNIX_EPOCH + start.elapsed();
        status(if refused || young { 16 } else { 0 }).with("date", httpdate::fmt_http_date(date))
    });
    let tokens = ["1", "2"].map(|text| {
        let token = Token::bearer(text).unwrap().with_lifetime(3600 * SECOND);
        Step::Made(token.with_issued_at(SystemTime::UNIX_EPOCH + 10 * SECOND))
    });
    let (_, stack) = stack(ScriptedSource::script(tokens), api.service());
    let reply = stack.clone().oneshot(call(None)).await.unwrap();
    assert_eq!(code(&reply), "0");
    sleep(2 * revoked - start.elapsed()).await;
    // The one that finds it out has no deadline, and waits on.
    let long = tokio::spawn(stack.clone().oneshot(call(None)));
    sleep(SECOND).await;
    let began = Instant::now();
    let reply = stack.oneshot(call(Some("4S"))).await.unwrap();
    assert_eq!(code(&reply), "0");
    assert!(around(began.elapsed(), 2_020), "{:?}", began.elapsed());
    assert_eq!(code(&long.await.unwrap().unwrap()), "0");
}
