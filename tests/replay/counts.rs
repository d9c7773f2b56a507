//! How often a call is sent: refused and limited in turn, without our auth layer, or if only what is idempotent may repeat.

use clearance::{Retry401Layer, SkewAuthLayer, Waited};
use clearance_test::ScriptedSource;
use http::{HeaderValue, Method, Request};
use http_body_util::Full;
use tower::{ServiceBuilder, ServiceExt};

use crate::{
    recommended,
    support::{Api, URL, Verdict, get},
};

#[tokio::test(start_paused = true)]
async fn a_call_that_meets_401_and_429_in_turn_is_sent_three_or_four_times() {
    // A 401 that came without a wait is not counted by the rate layer.
    for (first, sends, counted) in [(401, 3, 2), (429, 4, 4)] {
        let api = Api::new(move |_, before| {
            if (before % 2 == 0) == (first == 401) {
                401
            } else {
                429
            }
        });
        let source = ScriptedSource::counting();
        let stack = recommended(source.clone(), api.service());
        let response = stack.oneshot(get()).await.unwrap();
        assert_eq!(response.status(), 401);
        let waited = response.extensions().get::<Waited>().unwrap();
        assert_eq!((api.seen().len(), waited.attempts), (sends, counted));
        assert_eq!(source.fetches(), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn idempotent_only_leaves_a_post_alone_unless_it_has_a_key() {
    for (method, key, sends) in [
        (Method::POST, false, 1),
        (Method::POST, true, 2),
        (Method::PUT, false, 2),
    ] {
        let api = Api::new(|seen, _| if seen.token == "fresh" { 200 } else { 401 });
        let stack = ServiceBuilder::new()
            .layer(Retry401Layer::new().idempotent_only())
            .layer(SkewAuthLayer::new(ScriptedSource::new(["stale", "fresh"])))
            .service(api.service());
        let mut request = Request::builder()
            .method(method)
            .uri(URL)
            .body(Full::default())
            .unwrap();
        if key {
            request
                .headers_mut()
                .insert("idempotency-key", HeaderValue::from_static("8e03978e"));
        }
        stack.oneshot(request).await.unwrap();
        assert_eq!(api.seen().len(), sends);
    }
}

/// The auth layer of somebody else.
#[tokio::test(start_paused = true)]
async fn a_401_of_which_nothing_is_said_is_replayed_once() {
    let api = Api::new(|_, before| Verdict::from(if before == 0 { 401 } else { 200 }));
    let stack = ServiceBuilder::new()
        .layer(Retry401Layer::new())
        .service(api.service());
    assert_eq!(stack.oneshot(get()).await.unwrap().status(), 200);
    let api = Api::new(|_, _| 401);
    let stack = ServiceBuilder::new()
        .layer(Retry401Layer::new())
        .service(api.service());
    assert_eq!(stack.oneshot(get()).await.unwrap().status(), 401);
    assert_eq!(api.seen().len(), 2);
}
