//! What a body and its copies tell of their lengths and ends, which HTTP frames them by.

use std::convert::Infallible;

use http_body_util::{BodyExt, Empty, Full};

use super::*;

/// A body that may tell how much of it is left.
struct Told(Script, bool);

impl Body for Told {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        Pin::new(&mut self.0).poll_frame(cx)
    }

    fn size_hint(&self) -> SizeHint {
        let length = |step: &Step| match step {
            Step::Data(data) => data.len() as u64,
            _ => 0,
        };
        match self.1 {
            true => SizeHint::with_exact(self.0.0.iter().map(length).sum()),
            false => SizeHint::default(),
        }
    }
}

proptest! {
    /// What a body tells of its length and its end, at any point of its sending, of a copy's and before either, is what
    /// then comes.
    #[test]
    fn the_length_that_is_told_is_the_length_that_comes(
        steps in steps(),
        is_told in any::<bool>(),
        most in 0_usize..3000,
    ) {
        let fails = steps.iter().any(|step| matches!(step, Step::Fail));
        let mut sending = ReplayBody::keeping(Told(Script(steps.into()), is_told), most);
        let mut bodies = vec![];
        let kept = sending.again();
        // Of the copy that is kept all is still to come, however far the sending is.
        let mut told_by_copy = Vec::new();
        for nth in 0..2 {
            let (mut told, mut bytes, mut trailers) = (Vec::new(), 0_u64, false);
            loop {
                told.push((bytes, sending.size_hint(), sending.is_end_stream()));
                told_by_copy.extend(kept.iter().map(|kept| (kept.size_hint(), kept.is_end_stream())));
                match poll(&mut sending) {
                    Poll::Pending => {}
                    Poll::Ready(Some(Ok(frame))) => {
                        prop_assert!(!told.last().unwrap().2, "a frame after the end");
                        bytes += frame.data_ref().map_or(0, |data| data.len() as u64);
                        trailers |= frame.is_trailers();
                    }
                    Poll::Ready(end) => {
                        prop_assert!(end.is_none() || fails);
                        break;
                    }
                }
            }
            bodies.push((told, bytes, trailers));
            let Some(again) = kept.as_ref().and_then(Replay::again) else { break };
            prop_assert!(nth == 1 || !fails, "sent again after it failed");
            sending = again;
        }
        let whole = bodies[0].1;
        for (told, bytes, _) in &bodies {
            prop_assert_eq!(*bytes, whole);
            for (sent, hint, _) in told.iter().filter(|_| !fails) {
                let left = whole - sent;
                prop_assert!(hint.lower() <= left && hint.upper().is_none_or(|upper| upper >= left), "{hint:?}, not {left}");
            }
        }
        let empty = whole == 0 && !bodies[0].2;
        for (hint, is_end) in told_by_copy.iter().filter(|_| !fails) {
            prop_assert!(hint.lower() <= whole && hint.upper().is_none_or(|upper| upper >= whole), "{hint:?}, not {whole}");
            prop_assert!(!is_end || empty, "nothing to come");
        }
    }
}

/// A body that ends before the length that it told.
#[test]
fn a_body_that_is_not_as_long_as_it_said_is_not_sent_again() {
    struct Short(Full<Bytes>);
    impl Body for Short {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            Pin::new(&mut self.0).poll_frame(cx)
        }

        fn size_hint(&self) -> SizeHint {
            SizeHint::with_exact(5)
        }
    }

    let mut first = ReplayBody::new(Short(Full::from("four")));
    let kept = first.again().unwrap();
    assert!(matches!(poll(&mut first), Poll::Ready(Some(Ok(_)))));
    assert!(matches!(poll(&mut first), Poll::Ready(None)));
    assert!(kept.again().is_none());
}

#[tokio::test]
async fn ends_and_lengths_are_told_before_and_after() {
    let empty = ReplayBody::<Empty<Bytes>>::default();
    assert!(empty.is_end_stream() && empty.again().is_some_and(|again| again.is_end_stream()));

    let mut body = ReplayBody::new(Full::new(Bytes::from_static(b"12345")));
    let again = body.again().unwrap();
    assert!(!body.is_end_stream());
    body.frame().await.unwrap().unwrap();
    // Before `None` is asked for: so an HTTP/2 stream ends with its last frame.
    assert!(body.is_end_stream());
    assert_eq!(
        (body.size_hint().exact(), again.size_hint().exact()),
        (Some(0), Some(5))
    );
    assert!(!again.is_end_stream());
}

#[test]
fn the_length_of_what_was_read_to_its_end_is_known() {
    let mut first = body([data("one "), data("two")]);
    let kept = first.again().unwrap();
    assert_eq!(first.size_hint().exact(), None);
    assert_eq!(Sent::all(&mut first).data, b"one two");
    let mut again = kept.again().unwrap();
    assert_eq!(again.size_hint().exact(), Some(7));
    assert!(poll(&mut again).is_ready());
    assert_eq!(again.size_hint().exact(), Some(3));
}

#[test]
fn what_is_still_to_be_sent_of_the_kept_is_part_of_the_length() {
    let steps = [data("one "), data("two "), data("three")];
    let mut first = ReplayBody::new(Told(Script(steps.into()), true));
    let kept = first.again().unwrap();
    assert!(!Sent::default().poll(&mut first, 2));
    let mut second = kept.again().unwrap();
    for left in [13, 9, 5, 0] {
        assert_eq!(second.size_hint().exact(), Some(left));
        assert!(poll(&mut second).is_ready());
    }
}

/// HTTP/1.1 sends trailers only after a body of unknown length.
#[test]
fn trailers_are_kept_and_leave_the_length_untold() {
    let sum = HeaderMap::from_iter([(
        http::HeaderName::from_static("x-sum"),
        HeaderValue::from_static("7"),
    )]);
    let mut first = body([data("hello"), Step::Trailers(sum.clone())]);
    let kept = first.again().unwrap();
    Sent::all(&mut first);
    let mut again = kept.again().unwrap();
    assert_eq!(again.size_hint().exact(), None);
    let sent = Sent::all(&mut again);
    assert_eq!((&sent.data[..], sent.trailers), (&b"hello"[..], Some(sum)));
}
