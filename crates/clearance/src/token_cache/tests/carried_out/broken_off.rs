//! What callers get where a refresh ends without an answer: a panic, or a runtime that is gone or was never there.

use std::{
    future::Future,
    pin::pin,
    task::{Context, Poll, Waker},
};

use super::*;

#[tokio::test(start_paused = true)]
async fn a_panic_of_the_source_is_told_at_once_and_the_first_one_is_forgiven() {
    let (shared, source) = shared([Panics, Panics, Gives(token("a-token"))]);
    let start = Instant::now();
    for nth in 1..=2 {
        let error = grant(&shared).await.unwrap_err();
        assert!(error.to_string().contains("panicked"), "{error}");
        assert_eq!(source.asked().len(), nth);
    }
    assert!(grant(&shared).await.is_err(), "held off after the second");
    assert_eq!((start.elapsed(), source.asked().len()), (Duration::ZERO, 2));
    advance(2 * SECOND).await;
    assert!(grant(&shared).await.is_ok());
}

#[test]
fn a_refresh_whose_runtime_is_gone_is_begun_anew_at_once() {
    let runtime = || {
        tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap()
    };
    let (shared, source) = runtime().block_on(async { shared([]) });
    runtime().block_on(async {
        assert!(try_grant(&shared).is_none());
        tokio::task::yield_now().await;
    });
    assert_eq!(source.asked().len(), 1, "and its runtime is gone");
    source
        .steps
        .lock()
        .unwrap()
        .push_back(Gives(token("a-token")));
    runtime().block_on(async {
        assert!(try_grant(&shared).is_none());
        tokio::task::yield_now().await;
        assert!(matches!(try_grant(&shared), Some(Ok(_))));
    });
}

#[test]
fn without_a_runtime_there_is_a_clear_error() {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let (shared, _) = runtime.unwrap().block_on(async { shared([]) });
    let mut waiting = Waiting::default();
    assert!(shared.try_grant(Duration::ZERO, &mut waiting).is_none());
    let failed = shared.try_grant(Duration::ZERO, &mut waiting);
    let error = failed.unwrap().unwrap_err();
    assert!(
        error.to_string().contains("within a tokio runtime"),
        "{error}"
    );

    // There is a refresh in flight, but no timer to wait for it by.
    let ticket = shared.with(|cache, now| {
        cache.failure = None;
        let ticket = cache.start(now, Cause::First);
        cache.take_order();
        ticket
    });
    let mut waiting = pin!(
        shared
            .clone()
            .grant(Duration::ZERO, Waiting::on(Some(ticket), None))
    );
    let polled = waiting
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()));
    let Poll::Ready((Err(error), _)) = polled else {
        panic!("it waits")
    };
    assert!(error.to_string().contains("needs a timer"), "{error}");
}
