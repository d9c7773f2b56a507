//! How long a refused request waits before it is sent again whole, and what its reply tells of that.

use clearance_core::clock::parse_http_date;
use clearance_test::TokioWallClock;
use http::{Method, header::DATE};
use tower::{Layer, service_fn};

use super::*;
use crate::Waited;

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
