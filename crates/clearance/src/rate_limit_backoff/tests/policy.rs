use clearance_core::clock::parse_http_date;
use clearance_test::{ReadyProbe, TokioWallClock};
use http::{Method, header::DATE};
use tower::{Layer, buffer::Buffer, service_fn};

use super::*;
use crate::{Replay, Waited};

#[tokio::test(start_paused = true)]
async fn a_429_is_waited_out_and_its_request_sent_again_whole() {
    let server = Server::script([(429, Some("10"))]);
    let service = layer().layer(server.clone());
    let mut request = get("/users?page=2");
    *request.method_mut() = Method::POST;
    *request.body_mut() = Full::from("all of it");

    let reply = send(&service, request).await;
    assert_eq!(reply.status(), 200);
    let sent = server.sent();
    assert_eq!(sent.len(), 2);
    // Counted from the receipt of the refusal, and 0.1 % more.
    let not_before = ROUND_TRIP + Duration::from_millis(10_010);
    assert!(sent[1].at >= not_before && sent[1].at < not_before + Duration::from_millis(5));
    let bodies = sent.iter().map(|sent| format!("{:?}", sent.body));
    assert!(
        bodies.clone().all(|body| body.contains("all of it")),
        "{sent:?}"
    );

    let waited = reply.extensions().get::<Waited>().unwrap();
    assert_eq!(waited.attempts, 2);
    assert!(about(waited.total, 10.01), "{waited:?}");
}

#[tokio::test(start_paused = true)]
async fn a_reply_that_did_not_wait_carries_nothing() {
    let server = Server::script([]);
    let reply = send(&layer().layer(server.clone()), get("/")).await;
    assert!(reply.extensions().is_empty());
    assert_eq!(server.sent().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn without_a_header_the_wait_is_our_own() {
    let server = Server::script([(429, None), (429, Some("soon")), (429, Some("0"))]);
    let reply = send(&layer().layer(server.clone()), get("/")).await;
    let sent = server.sent();
    assert_eq!((reply.status().as_u16(), sent.len()), (200, 4));
    for (at, step) in [1.0, 2.0, 4.0].into_iter().enumerate() {
        let wait = (sent[at + 1].at - sent[at].at - ROUND_TRIP).as_secs_f64();
        assert!(
            wait >= step / 2.0 && wait <= step + 0.01,
            "{wait} of {step}"
        );
    }
}

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

#[tokio::test(start_paused = true)]
async fn a_date_is_read_by_the_servers_clock() {
    let noon = parse_http_date("Sun, 06 Nov 1994 12:00:00 GMT").unwrap();
    let hour = 3600 * SECOND;
    for local in [noon - hour, noon + hour] {
        let start = Instant::now();
        let service = layer()
            .wall_clock(TokioWallClock::starting_at(local))
            .layer(service_fn(move |_: Request<Body>| async move {
                let early = start.elapsed() < 30 * SECOND;
                let mut reply = reply((if early { 429 } else { 200 }, None));
                let date = "Sun, 06 Nov 1994 12:00:00 GMT".parse().unwrap();
                let until = "Sun, 06 Nov 1994 12:00:30 GMT".parse().unwrap();
                reply.headers_mut().insert(DATE, date);
                reply.headers_mut().insert(RETRY_AFTER, until);
                Ok::<_, Infallible>(reply)
            }));
        let reply = send(&service, get("/")).await;
        let waited = reply.extensions().get::<Waited>().unwrap();
        assert_eq!((reply.status().as_u16(), waited.attempts), (200, 2));
        assert!(about(waited.total, 30.03));
    }
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
async fn a_pause_is_its_keys_own() {
    let server = Server::script([(429, Some("5"))]);
    let layer = layer();
    let service = layer.layer(server.clone());
    let refused = spawn(&service, get("/")).await;
    sleep(SECOND).await;
    let at = Instant::now();
    let elsewhere = Request::get("https://other.example.com/");
    send(&service, elsewhere.body(Full::default()).unwrap()).await;
    assert_eq!(
        at.elapsed().as_millis(),
        ROUND_TRIP.as_millis(),
        "another origin"
    );

    let status = layer.status();
    assert_eq!(status.keys.len(), 1);
    let text = "https://api.example.com: 1 held, pause 4.0 s, 1 refused, 0 given up";
    assert_eq!(status.to_string(), text);
    refused.await.unwrap();
    assert_eq!(
        (layer.status().keys[0].held, layer.status().keys[0].pause),
        (0, None)
    );
}

#[tokio::test(start_paused = true)]
async fn keys_can_be_tenants() {
    let tenant = |head: &http::request::Parts| {
        let tenant = head
            .headers
            .get("tenant")
            .and_then(|value| value.to_str().ok());
        tenant.unwrap_or("none").to_owned()
    };
    let server = Server::script([(429, Some("5"))]);
    let layer = layer().keyed_by(tenant);
    let service = layer.layer(server.clone());
    let request = |tenant: &'static str| {
        let mut request = get("/");
        request
            .headers_mut()
            .insert("tenant", tenant.parse().unwrap());
        request
    };
    let refused = spawn(&service, request("one")).await;
    sleep(SECOND).await;
    send(&service, request("two")).await;
    assert!(about(server.sent()[1].at, 1.0));
    send(&service, request("one")).await;
    assert!(server.sent()[2].at > 5 * SECOND);
    refused.await.unwrap();
    assert_eq!(layer.status().keys[0].key, "one");
}

#[tokio::test(start_paused = true)]
async fn a_buffer_of_one_is_no_trap() {
    let server = Server::script([(429, Some("5"))]);
    let service = layer().layer(Buffer::new(server.clone(), 1));
    let calls = (0..10).map(|_| tokio::spawn(service.clone().oneshot(get("/"))));
    for call in calls.collect::<Vec<_>>() {
        assert_eq!(call.await.unwrap().unwrap().status(), 200);
    }
    assert!(
        server
            .sent()
            .iter()
            .all(|sent| sent.at < SECOND || sent.at > 5 * SECOND)
    );
}

/// Fails where and when it is told to.
#[derive(Clone)]
struct Failing {
    unready_after: Duration,
    start: Instant,
}

impl Service<Request<Body>> for Failing {
    type Response = Reply;
    type Error = &'static str;
    type Future = std::future::Ready<Result<Reply, &'static str>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), &'static str>> {
        let failed = self.start.elapsed() > self.unready_after;
        Poll::Ready(if failed { Err("not ready") } else { Ok(()) })
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        std::future::ready(match request.uri().path() {
            "/broken" => Err("broken"),
            _ => Ok(reply((429, Some("5")))),
        })
    }
}

#[tokio::test(start_paused = true)]
async fn errors_are_the_inner_services() {
    let layer = layer();
    let service = layer.layer(Failing {
        unready_after: SECOND,
        start: Instant::now(),
    });
    let broken = service.clone().oneshot(get("/broken")).await;
    assert_eq!(broken.unwrap_err().to_string(), "broken");
    let unready = service.oneshot(get("/")).await;
    assert_eq!(unready.unwrap_err().to_string(), "not ready");
    assert_eq!(layer.status().keys[0].held, 0);
}

#[tokio::test(start_paused = true)]
async fn a_waiting_call_holds_no_readiness() {
    let server = Server::script([(429, Some("5"))]);
    let probe = ReadyProbe::new(tower::limit::ConcurrencyLimit::new(server.clone(), 1));
    let handle = probe.handle();
    let other = probe.clone();
    let service = layer().layer(probe);
    let mut tasks = vec![];
    for _ in 0..10 {
        tasks.push(spawn(&service, get("/")).await);
    }
    sleep(SECOND).await;
    let mut kept = service.clone();
    let unsent = tokio::spawn(kept.ready().await.unwrap().call(get("/")));
    sleep(SECOND).await;
    assert_eq!(handle.held(), 0);
    // Someone else who shares the limit, a token source, say, is not shut out.
    let at = Instant::now();
    other.oneshot(get("/token")).await.unwrap();
    assert_eq!(at.elapsed().as_millis(), ROUND_TRIP.as_millis());
    for task in tasks {
        assert_eq!(task.await.unwrap().status(), 200);
    }
    assert_eq!(unsent.await.unwrap().unwrap().status(), 200);
    assert_eq!((handle.held(), handle.calls()), (0, server.sent().len()));
    assert_eq!(server.count("/"), 12);
}

#[tokio::test(start_paused = true)]
async fn what_a_server_says_of_its_limit_is_kept_to() {
    let start = Instant::now();
    let sent = Arc::new(Mutex::new(vec![]));
    let seen = Arc::clone(&sent);
    let layer = layer();
    let service = layer.layer(service_fn(move |_: Request<Body>| {
        seen.lock().unwrap().push(start.elapsed());
        let refused = start.elapsed() < SECOND;
        async move {
            let mut reply = reply(if refused {
                (429, Some("1"))
            } else {
                (200, None)
            });
            let policy = r#""default";q=20;w=10"#.parse().unwrap();
            reply.headers_mut().insert("ratelimit-policy", policy);
            Ok::<_, Infallible>(reply)
        }
    }));
    let mut tasks = vec![];
    for _ in 0..10 {
        tasks.push(spawn(&service, get("/")).await);
    }
    for task in tasks {
        assert_eq!(task.await.unwrap().status(), 200);
    }
    // Two a second, and not ten and growing.
    let sent = sent.lock().unwrap();
    let took = (sent[sent.len() - 1] - SECOND).as_secs_f64();
    assert!((4.4..4.7).contains(&took), "{took}");
    assert_eq!(layer.status().keys[0].rate, Some(2.0));
}
