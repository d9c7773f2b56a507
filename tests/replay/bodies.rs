//! What a replay sends: the same request to the byte, or none where the body can be sent once.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use clearance::Replay;
use clearance_test::ScriptedSource;
use http::{HeaderValue, Request, Version};
use http_body::{Frame, SizeHint};
use http_body_util::Full;
use tower::ServiceExt;

use crate::{
    recommended,
    support::{Api, Body, Seen, URL},
};

fn same_request(first: &Seen, again: &Seen) {
    let (a, b) = (&first.head, &again.head);
    assert_eq!(
        (a.method(), a.uri(), a.version(), &first.body),
        (b.method(), b.uri(), b.version(), &again.body)
    );
    let fields = |seen: &Seen| {
        let mut headers = seen.head.headers().clone();
        headers.remove("authorization");
        headers
    };
    assert_eq!(fields(first), fields(again));
    assert_eq!(a.extensions().get::<&str>(), b.extensions().get::<&str>());
}

#[tokio::test(start_paused = true)]
async fn a_post_is_byte_exact_after_a_401_and_after_a_429() {
    let body: Bytes = (0..100_000_u32).flat_map(u32::to_le_bytes).collect();
    for status in [401, 429] {
        let api = Api::new(move |_, before| if before == 0 { status } else { 200 });
        let stack = recommended(ScriptedSource::new(["stale", "fresh"]), api.service());
        let mut request = Request::post(URL)
            .version(Version::HTTP_2)
            .body(Full::from(body.clone()))
            .unwrap();
        request
            .headers_mut()
            .append("x-twice", HeaderValue::from_static("1"));
        request
            .headers_mut()
            .append("x-twice", HeaderValue::from_static("2"));
        request.extensions_mut().insert("kept");
        let response = stack.oneshot(request).await.unwrap();
        assert_eq!(response.status(), 200);
        let seen = api.seen();
        assert_eq!(seen.len(), 2);
        assert_eq!(seen[0].body, body);
        assert_eq!(seen[1].head.extensions().get(), Some(&"kept"));
        same_request(&seen[0], &seen[1]);
    }
}

/// A body that can be sent once.
struct Once(Body);

impl Replay for Once {
    fn again(&self) -> Option<Self> {
        None
    }
}

impl http_body::Body for Once {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        Pin::new(&mut self.0).poll_frame(cx)
    }

    fn size_hint(&self) -> SizeHint {
        self.0.size_hint()
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_can_be_sent_once_is_never_replayed_empty() {
    for status in [401, 429] {
        let api = Api::new(move |_, _| status);
        let inner = api
            .service()
            .map_request(|request: Request<Once>| request.map(|body| body.0));
        let stack = recommended(ScriptedSource::counting(), inner);
        let request = Request::post(URL)
            .body(Once(Full::from("only once")))
            .unwrap();
        let response = stack.oneshot(request).await.unwrap();
        assert_eq!(response.status(), status);
        let seen = api.seen();
        assert_eq!(seen.len(), 1);
        assert_eq!(seen[0].body, "only once");
    }
}
