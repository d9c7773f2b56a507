//! Reading the rest of a reply that nobody wants, so that its connection can be used again.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
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
    /// Reads a body to its end, but at most 64 KiB of it, and waits for more of it a second at most. Dropping a body
    /// unread costs an HTTP/1.1 client its connection.
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
    /// Waits no longer than `most`. What is there is read all the same.
    pub(crate) fn new(body: B, most: Duration) -> Self {
        Self {
            body,
            patience: sleep(most.min(PATIENCE)),
            left: LONGEST,
        }
    }
}

impl<B: Body> Future for Drain<B> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut this = self.project();
        loop {
            if this.body.is_end_stream() {
                return Poll::Ready(());
            }
            let Poll::Ready(frame) = this.body.as_mut().poll_frame(cx) else {
                return this.patience.as_mut().poll(cx);
            };
            let Some(Ok(frame)) = frame else {
                return Poll::Ready(());
            };
            // An empty frame counts too, or a body of nothing else would be read for ever.
            let read = frame.data_ref().map_or(0, Buf::remaining).max(1);
            match this.left.checked_sub(read) {
                Some(left) => *this.left = left,
                None => return Poll::Ready(()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{convert::Infallible, task::ready};

    use bytes::Bytes;
    use http_body::Frame;
    use tokio::time::Instant;

    use super::*;

    /// A kibibyte at a time, each after a wait, and no end.
    struct Endless {
        wait: Duration,
        next: Pin<Box<Sleep>>,
        read: usize,
    }

    impl Endless {
        fn every(wait: Duration) -> Self {
            let next = Box::pin(sleep(wait));
            Self {
                wait,
                next,
                read: 0,
            }
        }
    }

    impl Body for Endless {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            if !self.wait.is_zero() {
                ready!(self.next.as_mut().poll(cx));
                self.next = Box::pin(sleep(self.wait));
            }
            self.read += 1024;
            Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(&[0; 1024])))))
        }
    }

    /// How much is read of a body, and for how long.
    async fn drained(body: Endless) -> (usize, Duration) {
        drained_within(Duration::MAX, body).await
    }

    async fn drained_within(most: Duration, body: Endless) -> (usize, Duration) {
        let start = Instant::now();
        let mut drain = Box::pin(Drain::new(body, most));
        drain.as_mut().await;
        (drain.body.read, start.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn no_more_than_64_kib_are_read() {
        let (read, took) = drained(Endless::every(Duration::ZERO)).await;
        // And the frame that is too much.
        assert_eq!((read, took), (65 * 1024, Duration::ZERO));
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_is_read_for_longer_than_a_second() {
        let (read, took) = drained(Endless::every(Duration::from_millis(300))).await;
        assert_eq!((read, took.as_millis()), (3 * 1024, 1000));
        let (read, took) = drained(Endless::every(Duration::MAX)).await;
        assert_eq!((read, took.as_millis()), (0, 1000));
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_there_is_read_however_short_the_time_and_nothing_is_waited_for_then() {
        let half = Duration::from_millis(500);
        let (read, took) = drained_within(half, Endless::every(Duration::from_millis(300))).await;
        assert_eq!((read, took), (1024, half));
        let (read, took) = drained_within(Duration::ZERO, Endless::every(Duration::ZERO)).await;
        assert_eq!((read, took), (65 * 1024, Duration::ZERO));
    }
}
