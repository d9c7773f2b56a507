//! What the layer takes from the service within: its errors, and no readiness while a call waits.

use clearance_test::ReadyProbe;
use tower::{Layer, buffer::Buffer};

use super::*;

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

/// Whoever keeps its future keeps nobody out.
#[tokio::test(start_paused = true)]
async fn a_call_that_ended_in_an_error_keeps_no_room() {
    let layer = layer().max_held(1);
    let start = Instant::now();
    let mut service = layer.layer(Failing {
        unready_after: SECOND,
        start,
    });
    let mut kept = service.ready().await.unwrap().call(get("/"));
    assert!((&mut kept).await.is_err() && start.elapsed() > 5 * SECOND);
    let key = layer.status().keys[0].clone();
    assert_eq!((key.held, key.given_up), (0, 0));
    // Nor is it in line: the next one leaves as soon as it may.
    let next = layer.layer(Server::script([])).oneshot(get("/"));
    let next = tokio::time::timeout(SECOND, next).await.unwrap();
    assert_eq!(next.unwrap().status(), 200);
    drop(kept);
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
