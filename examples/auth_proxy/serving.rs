//! Connections: how many, how long each may idle, and how they end.

use std::{pin::pin, sync::Arc};

use axum::{Router, serve::Listener};
use hyper::{server::conn::http1, service::service_fn};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
};
use tokio::{
    select,
    sync::{OwnedSemaphorePermit, Semaphore},
    task::JoinSet,
    time::timeout,
};
use tower::ServiceExt;

use crate::{client::READ_AHEAD, configuration::Bounds};

/// In bytes, with the request line. Many servers take less.
const LONGEST_HEAD: usize = 32 * 1024;

/// Serves until `stop` ends; then it takes no more, and finishes what is under way within the grace, or until `at_once`
/// ends. What is not finished then is cut off.
pub(crate) async fn serve<L: Listener>(
    mut listener: L,
    router: Router,
    bounds: Bounds,
    stop: impl Future<Output = ()>,
    at_once: impl Future<Output = ()>,
) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(bounds.head)
        .max_header_size(LONGEST_HEAD)
        .max_buf_size(READ_AHEAD);

    // Twice as many connections as requests: some idle between two. Further ones wait to be accepted.
    let seats = Arc::new(Semaphore::new(2 * bounds.requests));
    let graceful = GracefulShutdown::new();
    let mut connections = JoinSet::new();
    let mut stop = pin!(stop);
    loop {
        let (stream, seat) = select! {
            next = next(&mut listener, &seats) => next,
            () = &mut stop => break,
        };
        let router = router.clone();
        let answer = service_fn(move |request| router.clone().oneshot(request));
        let connection = graceful.watch(http.serve_connection(TokioIo::new(stream), answer));
        connections.spawn(async move {
            // Whoever broke off knows it.
            let _ = connection.await;
            drop(seat);
        });
        while connections.try_join_next().is_some() {}
    }
    drop(listener);
    select! {
        _ = timeout(bounds.grace, graceful.shutdown()) => {}
        () = at_once => {}
    }
    connections.shutdown().await;
}

async fn next<L: Listener>(
    listener: &mut L,
    seats: &Arc<Semaphore>,
) -> (L::Io, Option<OwnedSemaphorePermit>) {
    // It is never closed.
    let seat = Arc::clone(seats).acquire_owned().await.ok();
    let (stream, _) = listener.accept().await;
    (stream, seat)
}
