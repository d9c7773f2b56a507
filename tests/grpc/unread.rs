//! A refused reply that does not end: for how long is it read, of a call with a deadline? And what is sent after that?

use std::{
    convert::Infallible,
    future::ready,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use clearance::{
    RateLimitBackoffLayer, RefusalReason, Retry401Layer, SkewAuthLayer, TokenRefused,
    rate_limit_backoff::RateLimited,
};
use clearance_test::ScriptedSource;
use http::{Request, Response, header::RETRY_AFTER};
use http_body::Frame;
use tokio::time::{Instant, sleep, sleep_until};
use tower::{Layer, Service, ServiceBuilder, ServiceExt, limit::ConcurrencyLimit, service_fn};

use crate::{
    around, call, status,
    support::{Api, Body, SECOND},
};

#[derive(Debug)]
struct Endless;

impl http_body::Body for Endless {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Pending
    }
}

/// When each call was sent, and what it told of its deadline.
type Sent = Arc<Mutex<Vec<(Duration, String)>>>;

/// Refuses its first call.
fn refusing(
    refusal: u16,
) -> (
    impl Service<Request<Body>, Response = Response<Endless>, Error = Infallible, Future: Send> + Clone,
    Sent,
) {
    let (start, sent) = (Instant::now(), Sent::default());
    let all = Arc::clone(&sent);
    let server = service_fn(move |request: Request<Body>| {
        let told = request.headers()["grpc-timeout"].to_str().unwrap();
        let mut all = all.lock().unwrap();
        all.push((start.elapsed(), told.to_owned()));
        let reply = Response::builder().status(if all.len() == 1 { refusal } else { 200 });
        ready(Ok(reply.header(RETRY_AFTER, "0.1").body(Endless).unwrap()))
    });
    (server, sent)
}

#[tokio::test(start_paused = true)]
async fn reading_a_refusal_is_bounded_by_the_grpc_timeout() {
    // Half of the time, so that some is left, though a turn may come sooner.
    for refusal in [401, 429] {
        let (server, sent) = refusing(refusal);
        let stack = ServiceBuilder::new()
            .layer(Retry401Layer::new())
            .layer(RateLimitBackoffLayer::new())
            .layer(SkewAuthLayer::new(ScriptedSource::new(["stale", "fresh"])))
            .service(server);
        assert_eq!(
            stack.oneshot(call(Some("600m"))).await.unwrap().status(),
            200
        );
        let sent = sent.lock().unwrap();
        let (at, told) = &sent[1];
        let told: u64 = told.strip_suffix('u').unwrap().parse().unwrap();
        assert!(around(*at, 300), "{refusal}: {sent:?}");
        assert!(
            around(Duration::from_micros(told), 300),
            "{refusal}: {sent:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_that_comes_with_the_end_of_the_deadline_is_not_sent() {
    let api = Api::new(|_, _| status(16));
    let end = Instant::now() + SECOND;
    let refused = api
        .service()
        .map_response(move |mut reply: Response<Body>| {
            let settled = move || async move {
                sleep_until(end).await;
                Ok(())
            };
            reply
                .extensions_mut()
                .insert(TokenRefused::when("", settled));
            reply
        });
    let reply = Retry401Layer::new()
        .layer(refused)
        .oneshot(call(Some("1S")))
        .await
        .unwrap();
    assert!(matches!(
        reply.extensions().get(),
        Some(RefusalReason::Undecided)
    ));
    assert_eq!((Instant::now(), api.seen().len()), (end, 1));
}

/// Its turn came in time, but the service within was not ready.
#[tokio::test(start_paused = true)]
async fn a_call_that_nobody_waits_for_is_not_sent_again() {
    let (server, sent) = refusing(429);
    let mut limited = ConcurrencyLimit::new(server, 1);
    let stack = RateLimitBackoffLayer::new().layer(limited.clone());
    let held = tokio::spawn(stack.oneshot(call(Some("2S"))));
    sleep(SECOND / 20).await;
    limited.ready().await.unwrap();
    sleep(3 * SECOND).await;
    drop(limited);
    let error = held.await.unwrap().unwrap_err();
    assert!(error.is::<RateLimited>(), "{error}");
    assert_eq!(sent.lock().unwrap().len(), 1);
}
