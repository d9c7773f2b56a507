//! What is sent again is the same, or it is not sent.

use std::{collections::VecDeque, convert::Infallible, fmt::Debug};

use http::{HeaderMap, HeaderValue};
use http_body_util::{BodyExt, Empty, Full};
use proptest::prelude::*;

use super::{super::ReplayBodyError, *};

/// Frames, waits and an end, by script.
#[derive(Debug, Default)]
struct Script(VecDeque<Step>);

#[derive(Clone, Debug)]
enum Step {
    Data(Bytes),
    Trailers(HeaderMap),
    Wait,
    Fail,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Broken;

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("broken")
    }
}

impl Error for Broken {}

impl Body for Script {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        Poll::Ready(match self.0.pop_front() {
            Some(Step::Data(data)) => Some(Ok(Frame::data(data))),
            Some(Step::Trailers(trailers)) => Some(Ok(Frame::trailers(trailers))),
            Some(Step::Fail) => Some(Err(Broken)),
            Some(Step::Wait) => {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            None => None,
        })
    }
}

fn data(text: &'static str) -> Step {
    Step::Data(Bytes::from_static(text.as_bytes()))
}

fn body<const N: usize>(steps: [Step; N]) -> ReplayBody<Script> {
    ReplayBody::new(Script(steps.into()))
}

fn poll<B>(body: &mut B) -> Poll<Option<Result<Frame<Bytes>, BoxError>>>
where
    B: Body<Data = Bytes, Error: Into<BoxError>> + Unpin,
{
    let next = Pin::new(body).poll_frame(&mut Context::from_waker(std::task::Waker::noop()));
    next.map_err(Into::into)
}

/// What a sending has sent: data, trailers, and how it ended.
#[derive(Debug, Default, PartialEq)]
struct Sent {
    data: Vec<u8>,
    trailers: Option<HeaderMap>,
    error: Option<String>,
}

impl Sent {
    /// Polls up to `polls` times; whether it came to an end.
    fn poll<B>(&mut self, body: &mut B, polls: usize) -> bool
    where
        B: Body<Data = Bytes, Error: Into<BoxError>> + Unpin,
    {
        for _ in 0..polls {
            match poll(body) {
                Poll::Pending => {}
                Poll::Ready(None) => return true,
                Poll::Ready(Some(Err(error))) => {
                    self.error = Some(error.to_string());
                    return true;
                }
                Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                    Ok(data) => self.data.extend(data),
                    Err(frame) => self.trailers = frame.into_trailers().ok(),
                },
            }
        }
        false
    }

    fn all<B>(body: &mut B) -> Self
    where
        B: Body<Data = Bytes, Error: Into<BoxError>> + Unpin,
    {
        let mut sent = Self::default();
        assert!(sent.poll(body, 10_000), "it has no end");
        sent
    }
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => proptest::collection::vec(any::<u8>(), 0..200).prop_map(|data| Step::Data(data.into())),
        1 => Just(Step::Wait),
    ];
    let trailers = proptest::option::of(Just(Step::Trailers(HeaderMap::from_iter([(
        http::HeaderName::from_static("x-sum"),
        HeaderValue::from_static("7"),
    )]))));
    let fail = proptest::option::weighted(0.2, Just(Step::Fail));
    (proptest::collection::vec(step, 0..20), trailers, fail).prop_map(
        |(mut steps, trailers, fail)| {
            steps.extend(trailers);
            steps.extend(fail);
            steps
        },
    )
}

proptest! {
    /// Any split into frames, any points at which replies come, any bound; each retrying layer keeps a copy of its own.
    #[test]
    fn a_replay_is_exact_or_refused(
        steps in steps(),
        replies in proptest::collection::vec((0_usize..30, any::<bool>(), 0_usize..5), 0..4),
        most in 0_usize..1500,
    ) {
        let whole = Sent::all(&mut Script(steps.clone().into()));
        let mut sending = ReplayBody::keeping(Script(steps.into()), most);
        let kept = [sending.keep().unwrap(), sending.keep().unwrap()];
        let mut sent = Sent::default();
        let mut over = false;
        let mut earlier = Vec::new();
        for (polls, layer, late) in replies {
            over = over || sent.poll(&mut sending, polls);
            let Some(again) = kept[usize::from(layer)].again() else { break };
            let (mut old, mut old_sent) = (std::mem::replace(&mut sending, again), std::mem::take(&mut sent));
            // What is still to be sent of the old one may be asked for at any time.
            if !std::mem::take(&mut over) {
                old_sent.poll(&mut old, late);
                earlier.push((old, old_sent));
            }
        }
        if !over {
            prop_assert!(sent.poll(&mut sending, 10_000));
        }
        prop_assert_eq!(&sent, &whole);
        for (mut old, mut old_sent) in earlier {
            if old_sent.error.is_none() {
                prop_assert!(old_sent.poll(&mut old, 10_000));
            }
            let cut_off = old_sent.error.is_some();
            prop_assert!(cut_off || old_sent == whole, "neither whole nor cut off: {:?}", old_sent);
            prop_assert!(whole.data.starts_with(&old_sent.data));
        }
        // Whether it can be sent again is told by its length.
        let lost = kept[0].again().is_none();
        prop_assert_eq!(lost, whole.error.is_some() || whole.data.len() > most || (lost && most < 20 * 32));
    }
}

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
fn a_sending_that_waits_is_woken_to_learn_that_it_is_over() {
    struct Flag(std::sync::atomic::AtomicBool);
    impl std::task::Wake for Flag {
        fn wake(self: Arc<Self>) {
            self.0.store(true, std::sync::atomic::Ordering::SeqCst);
        }
    }
    let mut first = ReplayBody::new(Never);
    let kept = first.again().unwrap();
    let flag = Arc::new(Flag(false.into()));
    let waker = Arc::clone(&flag).into();
    let poll =
        |body: &mut ReplayBody<_>| Pin::new(body).poll_frame(&mut Context::from_waker(&waker));
    assert!(poll(&mut first).is_pending());
    let _second = kept.again().unwrap();
    assert!(flag.0.load(std::sync::atomic::Ordering::SeqCst));
    let Poll::Ready(Some(Err(error))) = poll(&mut first) else {
        panic!("not cut off");
    };
    assert_eq!(error.downcast_ref(), Some(&ReplayBodyError::Superseded));
}

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

#[test]
fn the_error_of_the_body_is_passed_on_unchanged_and_ends_it() {
    let mut first = body([data("one"), Step::Fail, data("two")]);
    let kept = first.again().unwrap();
    assert!(matches!(poll(&mut first), Poll::Ready(Some(Ok(_)))));
    let Poll::Ready(Some(Err(error))) = poll(&mut first) else {
        panic!("no error");
    };
    assert_eq!(error.downcast_ref(), Some(&Broken));
    assert!(kept.again().is_none());
}

#[test]
fn a_copy_that_is_sent_too_late_fails_instead_of_sending_a_part() {
    let mut first = ReplayBody::keeping(Script([data("one"), data("two")].into()), 4);
    let mut kept = first.again().unwrap();
    assert_eq!(Sent::all(&mut first).data, b"onetwo");
    let error = Sent::all(&mut kept).error;
    assert_eq!(error, Some(ReplayBodyError::NotKept.to_string()));
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

#[test]
fn a_known_length_beyond_the_bound_is_not_kept() {
    let body = Full::new(Bytes::from_static(b"12345"));
    assert!(ReplayBody::keeping(body.clone(), 4).again().is_none());
    let body = ReplayBody::keeping(body, 5);
    assert!(body.again().is_some());
    assert_eq!(body.size_hint().exact(), Some(5));
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

#[test]
fn many_small_frames_do_not_outgrow_the_bound() {
    let frames = |count| ReplayBody::keeping(Script((0..count).map(|_| data("x")).collect()), 3200);
    for (count, kept) in [(100, true), (101, false)] {
        let mut body = frames(count);
        let copy = body.again().unwrap();
        assert_eq!(Sent::all(&mut body).data.len(), count);
        assert_eq!(copy.again().is_some(), kept, "{count} frames");
    }
}

#[test]
fn frames_are_shared_and_not_copied() {
    let text = Bytes::from(vec![7; 1000]);
    let mut first = ReplayBody::new(Full::new(text.clone()));
    let mut second = first.again().unwrap();
    for body in [&mut first, &mut second] {
        let Poll::Ready(Some(Ok(frame))) = poll(body) else {
            panic!("no frame");
        };
        assert_eq!(frame.data_ref().unwrap().as_ptr(), text.as_ptr());
    }
}

fn assert_debug_and_sync<T: Debug + Send + Sync + Unpin>(_: &T) {}

#[test]
fn it_can_be_shared_where_its_body_cannot() {
    let body = ReplayBody::new(Full::new(Bytes::new()).boxed_unsync());
    assert_debug_and_sync(&body);
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
fn a_sending_that_is_itself_asked_reads_on_until_the_copy_begins() {
    struct Count(std::sync::atomic::AtomicUsize);
    impl std::task::Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        }
    }
    let count = Arc::new(Count(0.into()));
    let waker = Arc::clone(&count).into();
    let woken = || count.0.load(std::sync::atomic::Ordering::SeqCst);
    let mut first = ReplayBody::new(Never);
    let mut cx = Context::from_waker(&waker);
    assert!(Pin::new(&mut first).poll_frame(&mut cx).is_pending());
    let mut second = first.again().unwrap();
    assert_eq!(woken(), 0);
    assert!(Pin::new(&mut first).poll_frame(&mut cx).is_pending());
    assert!(poll(&mut second).is_pending());
    assert_eq!(woken(), 1);
    let Poll::Ready(Some(Err(error))) = Pin::new(&mut first).poll_frame(&mut cx) else {
        panic!("not cut off");
    };
    assert_eq!(error.downcast_ref(), Some(&ReplayBodyError::Superseded));
}

#[test]
fn a_copy_of_what_is_not_kept_any_more_does_not_look_empty() {
    let mut first = ReplayBody::keeping(Script([data("one"), data("two")].into()), 4);
    let kept = first.again().unwrap();
    assert_eq!(Sent::all(&mut first).data, b"onetwo");
    assert!(!kept.is_end_stream());
    assert_eq!(kept.size_hint().exact(), None);
}

#[test]
fn the_bound_itself_is_kept_and_so_is_one_frame_of_a_small_bound() {
    for (most, kept) in [(3, false), (4, true)] {
        let mut first = ReplayBody::keeping(Script([data("four")].into()), most);
        let copy = first.again().unwrap();
        Sent::all(&mut first);
        assert_eq!(copy.again().is_some(), kept, "{most}");
    }
    struct AtMost(Script);
    impl Body for AtMost {
        type Data = Bytes;
        type Error = Broken;
        fn poll_frame(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
            Pin::new(&mut self.0).poll_frame(cx)
        }
        fn size_hint(&self) -> SizeHint {
            let mut hint = SizeHint::new();
            hint.set_upper(100);
            hint
        }
    }
    let body = ReplayBody::keeping(AtMost(Script([data("four")].into())), 10);
    assert!(body.again().is_some());
    assert_eq!(body.size_hint().upper(), Some(100));
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
