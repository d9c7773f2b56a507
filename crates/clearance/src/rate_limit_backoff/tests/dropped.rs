use std::pin::pin;

use clearance_test::ReadyProbe;
use tower::{Layer, limit::ConcurrencyLimit, service_fn};

use super::*;

/// Polls for `time`, and says in which state that ended.
async fn poll_for(time: Duration, future: &mut (impl Future + Unpin + std::fmt::Debug)) -> String {
    assert!(tokio::time::timeout(time, &mut *future).await.is_err());
    format!("{future:?}")
}

#[tokio::test(start_paused = true)]
async fn a_call_dropped_in_any_state_leaves_no_trace() {
    let start = Instant::now();
    let server = service_fn(move |_: Request<Body>| async move {
        sleep(ROUND_TRIP).await;
        let refused = start.elapsed() < 5 * SECOND;
        let reply = reply(if refused {
            (429, Some("5"))
        } else {
            (200, None)
        });
        Ok::<_, Infallible>(reply.map(|_| Endless))
    });
    let probe = ReadyProbe::new(ConcurrencyLimit::new(server, 1));
    let (handle, hog) = (probe.handle(), probe.clone());
    let layer = layer();
    let service = layer.layer(probe);
    let ready = async || service.clone().ready_oneshot().await.unwrap();
    let held = || layer.status().keys.first().map(|key| key.held);

    let mut dropped = Box::pin(ready().await.call(get("/")));
    assert_eq!(
        poll_for(ROUND_TRIP / 2, &mut dropped).await,
        "ResponseFuture(calling)"
    );
    drop(dropped);
    assert_eq!((held(), handle.held()), (None, 0));

    let mut dropped = Box::pin(ready().await.call(get("/")));
    assert_eq!(
        poll_for(SECOND / 2, &mut dropped).await,
        "ResponseFuture(draining)"
    );
    assert_eq!(held(), Some(1));
    drop(dropped);
    assert_eq!((held(), handle.held()), (Some(0), 0));

    // Held after a refusal, and held before it was ever sent.
    let mut refused = Box::pin(ready().await.call(get("/")));
    let mut unsent = Box::pin(ready().await.call(get("/")));
    assert_eq!(
        poll_for(2 * SECOND, &mut refused).await,
        "ResponseFuture(held)"
    );
    assert_eq!(
        poll_for(SECOND / 10, &mut unsent).await,
        "ResponseFuture(held)"
    );
    assert_eq!(held(), Some(2));
    drop(refused);
    assert_eq!(held(), Some(1));

    // The only permit is taken by someone else.
    let mut hog = pin!(hog);
    hog.ready().await.unwrap();
    assert_eq!(
        poll_for(10 * SECOND, &mut unsent).await,
        "ResponseFuture(readying)"
    );
    assert_eq!((held(), handle.held()), (Some(1), 1));
    drop(unsent);
    assert_eq!((held(), handle.held()), (Some(0), 1));
}
