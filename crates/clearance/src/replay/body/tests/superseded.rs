//! What an earlier sending does once a copy has begun: it ends, and does not disturb the copy.

use std::{
    convert::Infallible,
    sync::atomic::{AtomicUsize, Ordering},
    task::Wake,
};

use super::*;

/// A body without a frame or an end.
struct Never;

impl Body for Never {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Pending
    }
}

/// A task that counts how often it is woken.
#[derive(Default)]
struct Wakes(AtomicUsize);

impl Wakes {
    fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn a_sending_that_is_taken_over_from_is_cut_off_and_its_frames_are_kept() {
    let mut first = body([data("one "), data("two "), data("three")]);
    let kept = first.again().unwrap();
    let mut sent = Sent::default();
    assert!(!sent.poll(&mut first, 2));
    let mut second = kept.again().unwrap();
    assert_eq!(Sent::all(&mut second).data, b"one two three");
    // It may still send what is kept: all of it, by now.
    sent.poll(&mut first, 9);
    assert_eq!(
        (sent.data.as_slice(), sent.error),
        (&b"one two three"[..], None)
    );

    let mut third = kept.again().unwrap();
    assert_eq!(Sent::all(&mut third).data, b"one two three");
}

#[test]
fn a_stale_copy_that_begins_late_does_not_cut_off_the_newest() {
    let mut first = body([data("one "), data("two "), data("three")]);
    let kept = first.again().unwrap();
    let mut second = kept.again().unwrap();
    let mut sent = Sent::default();
    assert!(!sent.poll(&mut second, 1));
    let mut late = Sent::default();
    late.poll(&mut first, 9);
    assert_eq!(late.error, Some(ReplayBodyError::Superseded.to_string()));
    assert!(sent.poll(&mut second, 9));
    assert_eq!(
        (sent.data.as_slice(), sent.error),
        (&b"one two three"[..], None)
    );
}

#[test]
fn a_sending_that_waits_is_woken_to_learn_that_it_is_over() {
    let mut first = ReplayBody::new(Never);
    let kept = first.again().unwrap();
    let wakes = Arc::new(Wakes::default());
    let waker = Arc::clone(&wakes).into();
    let poll =
        |body: &mut ReplayBody<_>| Pin::new(body).poll_frame(&mut Context::from_waker(&waker));
    assert!(poll(&mut first).is_pending());
    let _second = kept.again().unwrap();
    assert!(wakes.count() > 0);
    let Poll::Ready(Some(Err(error))) = poll(&mut first) else {
        panic!("not cut off");
    };
    assert_eq!(error.downcast_ref(), Some(&ReplayBodyError::Superseded));
}

#[test]
fn a_sending_that_is_itself_asked_reads_on_until_the_copy_begins() {
    let wakes = Arc::new(Wakes::default());
    let waker = Arc::clone(&wakes).into();
    let mut first = ReplayBody::new(Never);
    let mut cx = Context::from_waker(&waker);
    assert!(Pin::new(&mut first).poll_frame(&mut cx).is_pending());
    let mut second = first.again().unwrap();
    assert_eq!(wakes.count(), 0);
    assert!(Pin::new(&mut first).poll_frame(&mut cx).is_pending());
    assert!(poll(&mut second).is_pending());
    assert_eq!(wakes.count(), 1);
    let Poll::Ready(Some(Err(error))) = Pin::new(&mut first).poll_frame(&mut cx) else {
        panic!("not cut off");
    };
    assert_eq!(error.downcast_ref(), Some(&ReplayBodyError::Superseded));
}
