//! Limits that belong to one token: whose 429 holds whom?

use std::sync::atomic::{AtomicU64, Ordering};

use tower::{Layer, service_fn};

use super::*;

/// The number of the present token, and a layer that asks for it.
fn numbered() -> (Arc<AtomicU64>, RateLimitBackoffLayer) {
    let number = Arc::new(AtomicU64::new(1));
    let told = Arc::clone(&number);
    let layer = layer().per_generation(move || told.load(Ordering::Relaxed));
    (number, layer)
}

#[tokio::test(start_paused = true)]
async fn a_pause_ends_with_its_generation_where_that_is_asked_for() {
    for (per_generation, waited) in [(false, 30.0), (true, 2.0)] {
        let server = Server::script([(429, Some("30"))]);
        let (number, numbered) = numbered();
        let layer = if per_generation { numbered } else { layer() };
        let service = layer.layer(server.clone());
        let start = Instant::now();
        let refused = spawn(&service, get("/")).await;
        sleep(SECOND).await;
        let held = spawn(&service, get("/")).await;
        sleep(SECOND / 2).await;
        number.store(2, Ordering::Relaxed);
        assert_eq!(refused.await.unwrap().status(), 200);
        assert_eq!(held.await.unwrap().status(), 200);
        let took = start.elapsed().as_secs_f64();
        assert!((took - waited).abs() < 0.8, "{per_generation}: {took}");
    }
}

/// Refuses what takes a second on its way, and says so in these fields.
fn late(
    fields: &'static [(&'static str, &'static str)],
) -> impl Service<Request<Body>, Response = Reply, Error = Infallible, Future: Send> + Clone {
    let start = Instant::now();
    service_fn(move |request: Request<Body>| async move {
        let is_late = request.uri().path() == "/late" && start.elapsed() < SECOND;
        if is_late {
            sleep(SECOND).await;
        }
        let mut reply = Response::builder().status(if is_late { 429 } else { 200 });
        for (name, value) in fields.iter().filter(|_| is_late) {
            reply = reply.header(*name, *value);
        }
        Ok(reply.body(Full::default()).unwrap())
    })
}

#[tokio::test(start_paused = true)]
async fn a_refusal_of_an_earlier_generation_holds_nobody() {
    let told: [(&[_], _); 3] = [
        (&[("retry-after", "30")], 31.03),
        (&[("ratelimit", r#""a";r=0;t=30"#)], 2.0),
        (&[], 2.0),
    ];
    for (fields, waited) in told {
        let (number, layer) = numbered();
        let service = layer.layer(late(fields));
        let start = Instant::now();
        let late = spawn(&service, get("/late")).await;
        sleep(SECOND / 2).await;
        number.store(2, Ordering::Relaxed);
        sleep(SECOND).await;
        assert_eq!(layer.status().keys[0].held, 1);
        for _ in 0..10 {
            assert_eq!(send(&service, get("/")).await.status(), 200);
        }
        assert_eq!(start.elapsed().as_millis(), 1500, "{fields:?}");
        assert_eq!(late.await.unwrap().status(), 200);
        assert!(
            about(start.elapsed(), waited),
            "{fields:?}: {:?}",
            start.elapsed()
        );
    }
}

/// What leaves with the new token is refused with that.
#[tokio::test(start_paused = true)]
async fn a_call_that_waited_for_its_token_below_is_of_that_ones_generation() {
    let server = Server::script([(429, Some("30"))]);
    let (number, layer) = numbered();
    let minting = service_fn(move |request: Request<Body>| {
        let (number, server) = (Arc::clone(&number), server.clone());
        async move {
            if number.load(Ordering::Relaxed) == 1 {
                sleep(SECOND).await;
                number.store(2, Ordering::Relaxed);
            }
            server.oneshot(request).await
        }
    });
    let service = layer.layer(minting);
    let start = Instant::now();
    let refused = spawn(&service, get("/")).await;
    sleep(2 * SECOND).await;
    assert_eq!(send(&service, get("/")).await.status(), 200);
    assert!(about(start.elapsed(), 31.1), "{:?}", start.elapsed());
    assert_eq!(refused.await.unwrap().status(), 200);
}
