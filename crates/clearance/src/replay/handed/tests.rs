//! That a head goes to the layer right below, once, and to nobody else.

use std::{
    error::Error,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::Full;
use tower::{ServiceExt, service_fn, util::BoxCloneSyncService};
use tower_layer::Layer;

use super::*;
use crate::{
    RateLimitBackoff, RateLimitBackoffLayer, ReplayBody, ReplayBodyLayer, Retry401Layer,
    replay::KeptRequest,
};

type Body = Full<Bytes>;
type BoxError = Box<dyn Error + Send + Sync>;

struct Below;
struct Between;

fn kept() -> KeptRequest<Body> {
    let request = Request::get("https://api.example.com").body(Body::default());
    KeptRequest::of(&request.unwrap(), None).unwrap()
}

#[test]
fn it_is_handed_over_once() {
    let handed_over = kept().hand_over::<Below>();
    assert!(handed_to::<Below>().is_some());
    assert!(handed_to::<Below>().is_none());
    drop(handed_over);
}

#[test]
fn it_is_for_the_service_that_is_called_and_for_none_below_it() {
    let handed_over = kept().hand_over::<Between>();
    assert!(handed_to::<Below>().is_none());
    assert!(handed_to::<Between>().is_none());
    drop(handed_over);
}

#[test]
fn it_is_taken_back_when_the_call_is_over_also_by_a_panic() {
    drop(kept().hand_over::<Below>());
    assert!(handed_to::<Below>().is_none());

    let call = || {
        let _handed_over = kept().hand_over::<Below>();
        panic!("in the call");
    };
    assert!(catch_unwind(AssertUnwindSafe(call)).is_err());
    assert!(handed_to::<Below>().is_none());
}

#[test]
fn another_thread_knows_nothing_of_it() {
    let _handed_over = kept().hand_over::<Below>();
    let elsewhere = std::thread::spawn(|| handed_to::<Below>().is_some());
    assert!(!elsewhere.join().unwrap());
}

/// Two layers of one type, of which only the outer one is right below.
#[tokio::test(start_paused = true)]
async fn what_a_layer_in_between_has_changed_is_sent_again_as_it_was_changed() {
    type Boxed = BoxCloneSyncService<Request<ReplayBody<Body>>, Response<Body>, BoxError>;

    let seen = Arc::new(AtomicUsize::new(0));
    let server = {
        let seen = Arc::clone(&seen);
        service_fn(move |request: Request<_>| {
            assert_eq!(request.headers()["x-between"], "1");
            let status = match seen.fetch_add(1, Ordering::Relaxed) {
                0 => StatusCode::TOO_MANY_REQUESTS,
                _ => StatusCode::OK,
            };
            let response = Response::builder().status(status).body(Body::default());
            async { Ok(response.unwrap()) }
        })
    };
    let limited = RateLimitBackoffLayer::new();
    let inner: RateLimitBackoff<Boxed> = limited.layer(BoxCloneSyncService::new(server));
    let between = inner.map_request(|mut request: Request<_>| {
        let own = HeaderValue::from_static("1");
        request.headers_mut().insert("x-between", own);
        request
    });
    let outer: RateLimitBackoff<Boxed> = limited.layer(BoxCloneSyncService::new(between));
    let client = ReplayBodyLayer::new().layer(Retry401Layer::new().layer(outer));

    let request = Request::get("https://api.example.com").body(Body::default());
    let response = client.oneshot(request.unwrap()).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(seen.load(Ordering::Relaxed), 2);
}
