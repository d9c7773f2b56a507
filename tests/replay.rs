//! What a replay sends is what was sent, and it is sent no more often than promised.

#![allow(clippy::unwrap_used, reason = "test code")]

mod support;

use std::{
    pin::Pin,
    sync::Mutex,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use clearance::{
    RateLimitBackoffLayer, RefusalReason, Replay, Retry401Layer, SkewAuthLayer, TokenRefused,
    Waited, rate_limit_backoff::RetryAfter,
};
use clearance_test::ScriptedSource;
use http::{HeaderValue, Method, Request, Response, Version};
use http_body::{Frame, SizeHint};
use http_body_util::Full;
use support::{Api, Body, BoxError, SECOND, Seen, URL, Verdict, get};
use tokio::time::{Instant, sleep};
use tower::{Layer, Service, ServiceBuilder, ServiceExt};

/// The recommended stack.
macro_rules! recommended {
    ($source:expr, $service:expr) => {
        ServiceBuilder::new()
            .layer(Retry401Layer::new())
            .layer(RateLimitBackoffLayer::new())
            .layer(SkewAuthLayer::new($source))
            .service($service)
    };
}

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
        let stack = recommended!(ScriptedSource::new(["stale", "fresh"]), api.service());
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
        let stack = recommended!(source.clone(), api.service());
        let response = stack.oneshot(get()).await.unwrap();
        assert_eq!(response.status(), 401);
        let waited = response.extensions().get::<Waited>().unwrap();
        assert_eq!((api.seen().len(), waited.attempts), (sends, counted));
        assert_eq!(source.fetches(), 2);
    }
}

/// The replay of a call that waited begins no new budget.
#[tokio::test(start_paused = true)]
async fn what_a_call_waited_before_its_401_counts_for_the_replay() {
    let api = Api::new(|_, before| match before {
        3 => 401.into(),
        _ => Verdict::from(429).with("retry-after", 50),
    });
    let stack = recommended!(ScriptedSource::counting(), api.service());
    let start = Instant::now();
    let response = stack.oneshot(get()).await.unwrap();
    // The fourth wait of 50 s would not fit into the 180 s.
    assert_eq!(response.status(), 429);
    assert_eq!(response.extensions().get(), Some(&RetryAfter(50 * SECOND)));
    assert_eq!(api.seen().len(), 5);
    let waited = response.extensions().get::<Waited>().unwrap();
    assert_eq!((waited.attempts, waited.total.as_secs()), (5, 150));
    assert_eq!(start.elapsed().as_secs(), 150);
}

/// An auth layer that never learns whether another token would do.
#[tokio::test(start_paused = true)]
async fn an_undecided_refusal_is_returned_after_half_a_minute() {
    let api = Api::new(|_, _| Verdict::from(401).with("x-original", "yes"));
    let undecided = api.service().map_response(|mut response: Response<Body>| {
        response
            .extensions_mut()
            .insert(TokenRefused::when("", std::future::pending));
        response
    });
    let stack = Retry401Layer::new().layer(undecided);
    let start = Instant::now();
    let response = stack.oneshot(get()).await.unwrap();
    let latency = api.seen()[0].at.elapsed() - 30 * SECOND;
    assert_eq!(latency.as_millis(), 20, "{:?}", start.elapsed());
    assert_eq!(response.status(), 401);
    assert_eq!(response.headers()["x-original"], "yes");
    assert!(matches!(
        response.extensions().get(),
        Some(RefusalReason::Undecided)
    ));
    assert_eq!(api.seen().len(), 1);
}

/// What becomes of call A in one order of the layers.
#[derive(Debug, PartialEq)]
struct Fate {
    /// The status that A's caller gets.
    status: u16,
    /// How often A was sent, and how often of that into the pause of call B.
    sends: (usize, usize),
    /// The tokens it was sent with.
    tokens: Vec<String>,
    /// Whether a `TokenRefused` is left on its reply.
    told: bool,
}

/// The token is revoked; call B meets a 429 with a pause of 30 s, and while that lasts call A meets the 401.
#[tokio::test(start_paused = true)]
async fn what_each_order_of_the_layers_makes_of_a_401_within_a_pause() {
    let auth = || SkewAuthLayer::new(ScriptedSource::new(["stale", "fresh"]));
    let (retry, rate) = (Retry401Layer::new, RateLimitBackoffLayer::new);
    macro_rules! fate {
        ($($layer:expr),*) => {{
            let api = revoked_and_limited();
            fate(&api, &ServiceBuilder::new()$(.layer($layer))*.service(api.service().map_err(BoxError::from))).await
        }};
    }
    let fated = |status, sends, tokens: &[&str], told| Fate {
        status,
        sends,
        tokens: tokens.iter().map(ToString::to_string).collect(),
        told,
    };
    let cured = |sends, tokens| fated(200, sends, tokens, false);
    let refused = |sends, tokens| fated(401, sends, tokens, true);
    // Recommended: the replay is held by the gate, and given its token after the wait.
    assert_eq!(
        fate!(retry(), rate(), auth()),
        cured((2, 0), &["stale", "fresh"])
    );
    // The gate holds the replay here, too, but with a token that was chosen before the wait.
    assert_eq!(
        fate!(retry(), auth(), rate()),
        cured((2, 0), &["stale", "fresh"])
    );
    // The replay does not meet the gate: it slips into the pause, is refused and sent once more.
    assert_eq!(
        fate!(rate(), retry(), auth()),
        cured((3, 1), &["stale", "fresh", "fresh"])
    );
    // With the replay layer below the auth layer a 401 says nothing of a new token: the replay is sent at once and with
    // the same one, for nothing. The auth layer hands the 401 up, with what it does about it.
    assert_eq!(
        fate!(auth(), rate(), retry()),
        refused((4, 1), &["stale"; 4])
    );
    assert_eq!(
        fate!(auth(), retry(), rate()),
        refused((2, 0), &["stale"; 2])
    );
    assert_eq!(
        fate!(rate(), auth(), retry()),
        refused((4, 1), &["stale"; 4])
    );
}

/// How long the 429 of call B holds.
const PAUSE: Duration = Duration::from_secs(30);

/// A server that takes 4 s for each call: half of that to judge it.
fn revoked_and_limited() -> Api {
    let paused = Mutex::new(None);
    Api::slow(4 * SECOND, move |seen, _| {
        let mut paused = paused.lock().unwrap();
        match (seen.head.uri().path(), *paused) {
            ("/warm", _) => Verdict::from(200),
            ("/b", None) => {
                // From the receipt of the answer on.
                *paused = Some(Instant::now() + 2 * SECOND);
                Verdict::from(429).with("retry-after", PAUSE.as_secs())
            }
            (_, Some(from)) if (from..from + PAUSE).contains(&seen.at) => {
                Verdict::from(429).with("retry-after", PAUSE.as_secs())
            }
            ("/a", _) if seen.token == "stale" => Verdict::from(401),
            _ => Verdict::from(200),
        }
    })
}

async fn fate<S>(api: &Api, stack: &S) -> Fate
where
    S: Service<Request<Body>, Response = Response<Body>, Error = BoxError> + Clone + Send + 'static,
    S::Future: Send,
{
    let send = |path: &str| {
        let uri = format!("https://api.example.com{path}");
        let request = Request::get(uri).body(Full::default()).unwrap();
        tokio::spawn(stack.clone().oneshot(request))
    };
    send("/warm").await.unwrap().unwrap();
    let limited = send("/b");
    sleep(SECOND).await;
    let pause = Instant::now() + 3 * SECOND;
    let response = send("/a").await.unwrap().unwrap();
    limited.await.unwrap().unwrap();
    let seen = api.seen();
    let sent: Vec<_> = seen
        .iter()
        .filter(|seen| seen.head.uri().path() == "/a")
        .collect();
    let inside = sent
        .iter()
        .filter(|seen| (pause..pause + PAUSE).contains(&seen.at));
    Fate {
        status: response.status().as_u16(),
        sends: (sent.len(), inside.count()),
        tokens: sent.iter().map(|seen| seen.token.clone()).collect(),
        told: response.extensions().get::<TokenRefused>().is_some(),
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
        let stack = recommended!(ScriptedSource::counting(), inner);
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

/// By default a new token is no way around a limit; where a server counts by token, it is.
#[tokio::test(start_paused = true)]
async fn a_refresh_ends_a_pause_only_where_that_is_asked_for() {
    for (per_generation, seconds) in [(false, 30), (true, 20)] {
        let api = Api::new(|seen, before| match seen.token.as_str() {
            "token-1" if before > 0 => Verdict::from(429).with("retry-after", 30),
            _ => 200.into(),
        });
        let auth = SkewAuthLayer::new(ScriptedSource::counting().with_lifetime(20 * SECOND));
        let number = auth.clone();
        let limits = match per_generation {
            true => RateLimitBackoffLayer::new().per_generation(move || number.generation()),
            false => RateLimitBackoffLayer::new(),
        };
        assert_eq!(auth.generation(), 0);
        let authorised = auth.layer(api.service());
        let stack = limits.layer(authorised.clone());
        stack.clone().oneshot(get()).await.unwrap();
        assert_eq!(auth.generation(), 1);

        let start = Instant::now();
        let held = tokio::spawn(stack.oneshot(get()));
        // Renewed by a call that does not pass the limits.
        sleep(19 * SECOND).await;
        authorised.oneshot(get()).await.unwrap();
        assert_eq!(auth.generation(), 2);
        assert_eq!(held.await.unwrap().unwrap().status(), 200);
        let took = start.elapsed().as_secs();
        assert!(took.abs_diff(seconds) <= 1, "{took} s");
    }
}
