//! Which replies are refusals, for whom, and which requests may be sent again after one.

use http::Method;
use tower::{Layer, service_fn};

use super::*;
use crate::{Replay, Waited};

#[tokio::test(start_paused = true)]
async fn a_503_is_waited_out_alone_and_only_if_that_is_safe() {
    let busy = (503, Some("5"));
    for (method, key, retry_after, sends) in [
        (Method::GET, false, busy, 2),
        (Method::DELETE, false, busy, 2),
        (Method::POST, false, busy, 1),
        (Method::POST, true, busy, 2),
        (Method::GET, false, (503, None), 1),
        (Method::GET, false, (503, Some("soon")), 1),
        (Method::GET, false, (502, Some("5")), 1),
    ] {
        let server = Server::script([retry_after]);
        let service = layer().layer(server.clone());
        let mut request = get("/");
        *request.method_mut() = method;
        if key {
            request
                .headers_mut()
                .insert("idempotency-key", "7".parse().unwrap());
        }
        let task = spawn(&service, request).await;
        sleep(SECOND).await;
        let other = Instant::now();
        assert_eq!(send(&service, get("/other")).await.status(), 200);
        assert_eq!(
            other.elapsed().as_millis(),
            ROUND_TRIP.as_millis(),
            "not held"
        );
        let reply = task.await.unwrap();
        assert_eq!(server.count("/"), sends, "{retry_after:?}");
        assert_eq!(reply.status() == 200, sends == 2);
    }
}

#[tokio::test(start_paused = true)]
async fn retry_after_on_401_and_3xx_is_about_something_else() {
    for status in [401, 302, 307] {
        let server = Server::script([(status, Some("5"))]);
        let eager = layer().classify_with(|_, _| Some(Refusal::Limited));
        let reply = send(&eager.layer(server.clone()), get("/")).await;
        assert_eq!((reply.status().as_u16(), server.sent().len()), (status, 1));
        assert!(reply.extensions().is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn a_classifier_names_further_refusals() {
    let layer = layer().classify_with(|status, headers| {
        (status == 403 && headers.contains_key(RETRY_AFTER)).then_some(Refusal::Limited)
    });
    let server = Server::script([(403, Some("5")), (403, None)]);
    let service = layer.layer(server.clone());
    let task = spawn(&service, get("/")).await;
    sleep(SECOND).await;
    assert_eq!(send(&service, get("/held")).await.status(), 200);
    assert!(
        server.sent().last().unwrap().at > 5 * SECOND,
        "the others are held as well"
    );
    assert_eq!(task.await.unwrap().status(), 403);
    assert_eq!(server.sent().len(), 3);
}

/// A body that can be sent once.
#[derive(Debug)]
struct Once;

impl Replay for Once {
    fn again(&self) -> Option<Self> {
        None
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_cannot_be_sent_twice_is_not_but_its_refusal_counts() {
    let server = Server::script([(429, Some("5"))]);
    let inner = server.clone();
    let layer = layer();
    let once = layer.layer(service_fn(move |request: Request<Once>| {
        inner.clone().oneshot(request.map(|Once| Full::default()))
    }));
    let request = get("/once").map(|_| Once);
    let reply = once.oneshot(request).await.unwrap();
    assert_eq!(reply.status(), 429);
    assert_eq!(reply.extensions().get(), Some(&RetryAfter(5 * SECOND)));
    assert!(reply.extensions().get::<Waited>().is_none());

    // Another service of the same layer is held, and says that it was.
    let reply = send(&layer.layer(server.clone()), get("/held")).await;
    let waited = reply.extensions().get::<Waited>().unwrap();
    assert_eq!(waited.attempts, 1);
    assert!(about(waited.total, 5.005));
    assert_eq!((server.count("/once"), server.count("/held")), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_503_for_an_upload_that_cannot_be_sent_twice_says_how_long_to_wait() {
    // As with a body that can be, only where the wait would make sense.
    let told = Some(&RetryAfter(5 * SECOND));
    for (method, told) in [(Method::PUT, told), (Method::POST, None)] {
        let layer = layer();
        let once = layer.layer(service_fn(|_: Request<Once>| async {
            Ok::<_, Infallible>(reply((503, Some("5"))))
        }));
        let mut request = get("/once").map(|_| Once);
        *request.method_mut() = method;
        let reply = once.oneshot(request).await.unwrap();
        assert_eq!(reply.status(), 503);
        assert_eq!(reply.extensions().get(), told);
        let given_up = layer
            .status()
            .keys
            .first()
            .map(|key| (key.held, key.given_up));
        assert_eq!(given_up, told.map(|_| (0, 1)));
    }
}
