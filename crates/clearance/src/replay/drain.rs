//! Reading the rest of a reply that nobody wants, so that its connection can be used again.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Buf;
use http_body::Body;
use pin_project_lite::pin_project;
use tokio::time::{Sleep, sleep};

/// More than this is cheaper to give up with the connection.
const LONGEST: usize = 64 * 1024;
const PATIENCE: Duration = Duration::from_secs(1);

pin_project! {
    /// Reads a body to its end, but at most 64 KiB of it and for at most a second. Dropping a body unread costs an
    /// HTTP/1.1 client its connection.
    #[derive(Debug)]
    pub(crate) struct Drain<B> {
        #[pin]
        body: B,
        #[pin]
        patience: Sleep,
        left: usize,
    }
}

impl<B: Body> Drain<B> {
    pub(crate) fn new(body: B) -> Self {
        Self {
            body,
            patience: sleep(PATIENCE),
            left: LONGEST,
        }
    }
}

impl<B: Body> Future for Drain<B> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut this = self.project();
        loop {
            if this.body.is_end_stream() || this.patience.as_mut().poll(cx).is_ready() {
                return Poll::Ready(());
            }
            let Some(Ok(frame)) = ready!(this.body.as_mut().poll_frame(cx)) else {
                return Poll::Ready(());
            };
            let read = frame.data_ref().map_or(0, Buf::remaining);
            match this.left.checked_sub(read) {
                Some(left) => *this.left = left,
                None => return Poll::Ready(()),
            }
        }
    }
}
