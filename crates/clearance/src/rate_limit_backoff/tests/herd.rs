use tower::{Layer, limit::ConcurrencyLimit, service_fn};

use super::*;

/// What a server saw.
#[derive(Default)]
struct Windows {
    /// When each refusal was received, and until when it asked to wait.
    pauses: Vec<(Duration, Duration)>,
    sent: Vec<Duration>,
}

/// 64 callers of `inner`; how long did it take?
async fn herd<S>(service: S) -> Duration
where
    S: Service<Request<Body>, Response = Reply, Error: Debug> + Clone + Send + 'static,
    S::Future: Send,
{
    let start = Instant::now();
    let mut tasks = vec![];
    for call in 0..64 {
        tasks.push(spawn(&service, get(&format!("/{call}"))).await);
    }
    for task in tasks {
        assert_eq!(task.await.unwrap().status(), 200);
    }
    start.elapsed()
}

/// A server that refuses the requests of these numbers at once, with 2 s to wait; the others take their time.
fn limited(
    refused: &'static [usize],
    takes: Duration,
) -> (
    Arc<Mutex<Windows>>,
    impl Service<Request<Body>, Response = Reply, Error = Infallible, Future: Send> + Clone,
) {
    let windows = Arc::new(Mutex::new(Windows::default()));
    let (seen, start) = (Arc::clone(&windows), Instant::now());
    let service = service_fn(move |_: Request<Body>| {
        let seen = Arc::clone(&seen);
        let at = {
            let mut seen = seen.lock().unwrap();
            seen.sent.push(start.elapsed());
            seen.sent.len() - 1
        };
        async move {
            if !refused.contains(&at) {
                sleep(takes).await;
                return Ok(reply((200, None)));
            }
            sleep(ROUND_TRIP).await;
            let now = start.elapsed();
            seen.lock().unwrap().pauses.push((now, now + 2 * SECOND));
            Ok(reply((429, Some("2"))))
        }
    });
    (windows, service)
}

fn sent_inside_pauses(windows: &Windows) -> usize {
    let inside = |at: &&Duration| {
        windows
            .pauses
            .iter()
            .any(|(from, to)| *at > from && *at < to)
    };
    windows.sent.iter().filter(inside).count()
}

#[tokio::test(start_paused = true)]
async fn one_429_and_64_callers_over_a_limit_of_2() {
    let (windows, server) = limited(&[0], ROUND_TRIP);
    let took = herd(layer().layer(ConcurrencyLimit::new(server, 2))).await;
    let windows = windows.lock().unwrap();
    assert_eq!((windows.sent.len(), sent_inside_pauses(&windows)), (65, 0));
    assert!(took < 6 * SECOND, "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_second_429_right_after_the_release() {
    for refused in [&[0, 2][..], &[0, 1, 2, 3, 4, 5], &[0, 10, 20]] {
        let refused: &'static [usize] = Vec::leak(refused.to_vec());
        let (windows, server) = limited(refused, ROUND_TRIP);
        let took = herd(layer().layer(ConcurrencyLimit::new(server, 2))).await;
        let windows = windows.lock().unwrap();
        assert_eq!(windows.sent.len(), 64 + refused.len());
        assert_eq!(sent_inside_pauses(&windows), 0, "{:?}", windows.pauses);
        // Ten get through, and two seconds of nothing: that is learned to be a limit of a few a second.
        assert!(took < 25 * SECOND, "{took:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn those_who_queue_for_readiness_when_a_pause_begins_are_held() {
    // A call takes a second: long after the pace has let all of them pass, they queue for the two permits.
    let (windows, server) = limited(&[0, 10, 40], SECOND);
    let layer = layer();
    herd(layer.layer(ConcurrencyLimit::new(server, 2))).await;
    let windows = windows.lock().unwrap();
    assert_eq!((windows.sent.len(), sent_inside_pauses(&windows)), (67, 0));
    assert_eq!(layer.status().keys[0].held, 0);
}

#[tokio::test(start_paused = true)]
async fn a_herd_in_flight_waits_once() {
    let server = Server::script((0..64).map(|_| (429, None)));
    let layer = layer();
    let took = herd(layer.layer(server.clone())).await;
    assert_eq!(server.sent().len(), 128);
    // One pause of at most a second: 64 refusals are one piece of evidence.
    assert!(took < 4 * SECOND, "{took:?}");
    let status = layer.status();
    assert_eq!((status.keys[0].refused, status.keys[0].given_up), (64, 0));
}
