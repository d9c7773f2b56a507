//! Futures that are dropped where they wait, one await after the other.
#![allow(dead_code, reason = "test code, of which each file uses a part")]

use std::{
    future::{Future, poll_fn},
    task::{Context, Poll},
};

use tower::Service;

/// Polls `future` until it has had to wait so many times, and drops it there. `None`: it was dropped; with 0 it is not
/// even polled once.
pub(crate) async fn dropped_after<F: Future>(waits: usize, future: F) -> Option<F::Output> {
    let mut left = waits;
    let mut future = Box::pin(future);
    poll_fn(|cx| {
        if left == 0 {
            return Poll::Ready(None);
        }
        match future.as_mut().poll(cx) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending => {
                left -= 1;
                if left == 0 {
                    Poll::Ready(None)
                } else {
                    Poll::Pending
                }
            }
        }
    })
    .await
}

/// A service that is never ready when it is asked first.
#[derive(Debug)]
pub(crate) struct Hesitant<S> {
    inner: S,
    asked: bool,
}

impl<S> Hesitant<S> {
    pub(crate) fn new(inner: S) -> Self {
        Self {
            inner,
            asked: false,
        }
    }
}

impl<S: Clone> Clone for Hesitant<S> {
    fn clone(&self) -> Self {
        Self::new(self.inner.clone())
    }
}

impl<S: Service<R>, R> Service<R> for Hesitant<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        if !std::mem::replace(&mut self.asked, true) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: R) -> S::Future {
        self.asked = false;
        self.inner.call(request)
    }
}
