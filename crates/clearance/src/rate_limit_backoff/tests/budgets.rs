//! Calls that may not wait for ever: what cannot be in time is told so at once.

use tower::{Layer, service_fn};

use super::{field::Field, limiter::Limiter, *};

fn within(path: &str, wait: Duration) -> Request<Body> {
    let mut request = get(path);
    request.extensions_mut().insert(MaxWait(wait));
    request
}

#[tokio::test(start_paused = true)]
async fn a_request_says_how_long_it_may_wait() {
    let server = Server::script([(429, Some("10")), (429, Some("10"))]);
    let layer = layer();
    let service = layer.layer(server.clone());
    // Its own refusal is returned.
    let reply = send(&service, within("/", 5 * SECOND)).await;
    assert_eq!(reply.extensions().get(), Some(&RetryAfter(10 * SECOND)));
    // The next one has none.
    let start = Instant::now();
    let error = service
        .clone()
        .oneshot(within("/", 5 * SECOND))
        .await
        .unwrap_err();
    assert!(error.is::<RateLimited>());
    assert_eq!(start.elapsed(), Duration::ZERO);
    let key = layer.status().keys[0].clone();
    assert_eq!((key.held, key.refused, key.given_up), (0, 1, 2));
    // And a longer wish than the layer's is a wish, too.
    let patient = layer.clone().max_wait(SECOND).layer(server.clone());
    assert_eq!(send(&patient, within("/", 60 * SECOND)).await.status(), 200);
    assert!(about(start.elapsed(), 20.0), "{:?}", start.elapsed());
    assert_eq!(server.sent().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn without_patience_everything_fails_fast() {
    let server = Server::script([(429, Some("10"))]);
    let service = layer().max_wait(Duration::ZERO).layer(server.clone());
    let start = Instant::now();
    assert_eq!(send(&service, get("/")).await.status(), 429);
    assert!(
        service
            .clone()
            .oneshot(get("/"))
            .await
            .unwrap_err()
            .is::<RateLimited>()
    );
    assert_eq!(start.elapsed(), ROUND_TRIP);
    sleep(11 * SECOND).await;
    assert_eq!(send(&service, get("/")).await.status(), 200);
    assert_eq!(server.sent().len(), 2);
}

/// The pause became longer while the call was held.
#[tokio::test(start_paused = true)]
async fn what_turns_out_to_be_too_long_is_told_within_a_second() {
    let server = Server::script([(429, Some("2"))]).route("/long", (429, Some("30")));
    let service = layer().layer(server.clone());
    let _refused = spawn(&service, get("/")).await;
    let _long = spawn(&service, get("/long")).await;
    sleep(ROUND_TRIP / 2).await;
    // Both are on their way: this one is let pass by, and comes back when the pause is already longer.
    let held = spawn(&service, within("/held", 5 * SECOND)).await;
    sleep(SECOND).await;
    assert_eq!(server.count("/held"), 1, "nothing held it then");
    drop(held);

    let start = Instant::now();
    let error = service
        .clone()
        .oneshot(within("/late", 5 * SECOND))
        .await
        .unwrap_err();
    assert!(error.is::<RateLimited>());
    assert_eq!(start.elapsed(), Duration::ZERO);
}

/// 200 calls a second for 20 s over a bucket of 40/s, burst 10, and each of use for 30 s only.
#[test]
fn of_too_many_calls_as_many_succeed_as_can_and_the_others_are_told_early() {
    for seed in 0..4 {
        let field = Field {
            // In 30 s more calls can leave than the 1024 that are held by default.
            layer: layer().max_held(4096),
            ..Field::new(Limiter::bucket(40.0, 10.0))
        };
        let (done, refused, latest) = field.open_loop(seed, 200.0, 20, 30 * SECOND);
        assert_eq!(done + refused, 4000);
        // 2020 are possible. Learning what the limit is takes as many as five seconds do.
        assert!(done >= 1800, "{done} of 4000");
        assert!(latest <= 31.0, "{latest}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_fails_for_its_deadline_leaves_its_place_to_others() {
    let server =
        service_fn(|_: Request<Body>| async { Ok::<_, Infallible>(reply((429, Some("20")))) });
    let layer = layer();
    let service = layer.layer(server);
    let first = spawn(&service, get("/")).await;
    sleep(SECOND).await;
    for _ in 0..10 {
        service
            .clone()
            .oneshot(within("/", SECOND))
            .await
            .unwrap_err();
    }
    assert_eq!(layer.status().keys[0].held, 1);
    drop(first);
}

/// It was read for a second, though the call may wait for little more than half of that.
#[tokio::test(start_paused = true)]
async fn reading_a_refused_reply_is_bounded_by_what_the_call_may_wait() {
    let start = Instant::now();
    let server = service_fn(move |_: Request<Body>| async move {
        let refused = start.elapsed() < SECOND / 10;
        let reply = reply((if refused { 429 } else { 200 }, Some("0.1")));
        Ok::<_, Infallible>(reply.map(|_| Endless))
    });
    let call = layer().layer(server).oneshot(within("/", SECOND * 6 / 10));
    assert_eq!(call.await.unwrap().status(), 200);
    let took = start.elapsed();
    assert!(about(took, 0.3), "waited for {took:?}");
}
