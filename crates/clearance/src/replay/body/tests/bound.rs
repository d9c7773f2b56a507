//! How much is kept, and what becomes of a copy where there is more.

use http_body_util::Full;

use super::*;

#[test]
fn a_known_length_beyond_the_bound_is_not_kept() {
    let body = Full::new(Bytes::from_static(b"12345"));
    assert!(ReplayBody::keeping(body.clone(), 4).again().is_none());
    let body = ReplayBody::keeping(body, 5);
    assert!(body.again().is_some());
    assert_eq!(body.size_hint().exact(), Some(5));
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

#[test]
fn what_is_shorter_than_the_bound_is_kept_in_however_many_frames() {
    for most in [40, 100, 1000] {
        let mut body = ReplayBody::keeping(Script(vec![data("0123456789"); 4].into()), most);
        let copy = body.again().unwrap();
        assert_eq!(Sent::all(&mut body).data.len(), 40);
        assert!(copy.again().is_some(), "of at most {most} bytes");
    }
}

#[test]
fn many_small_frames_do_not_outgrow_the_bound() {
    for (most, frames, kept) in [
        (3200, 2048, true),
        (3200, 2049, false),
        (65_536, 2049, false),
        (131_072, 4096, true),
        (131_072, 4097, false),
    ] {
        let mut body = ReplayBody::keeping(Script(vec![data("x"); frames].into()), most);
        let copy = body.again().unwrap();
        assert_eq!(Sent::all(&mut body).data.len(), frames);
        assert_eq!(copy.again().is_some(), kept, "{frames} frames, {most}");
    }
}

#[test]
fn a_copy_that_is_sent_too_late_fails_instead_of_sending_a_part() {
    let mut first = ReplayBody::keeping(Script([data("one"), data("two")].into()), 4);
    let mut kept = first.again().unwrap();
    assert_eq!(Sent::all(&mut first).data, b"onetwo");
    let error = Sent::all(&mut kept).error;
    assert_eq!(error, Some(ReplayBodyError::NotKept.to_string()));
}

#[test]
fn a_copy_of_what_is_not_kept_any_more_does_not_look_empty() {
    let mut first = ReplayBody::keeping(Script([data("one"), data("two")].into()), 4);
    let kept = first.again().unwrap();
    assert_eq!(Sent::all(&mut first).data, b"onetwo");
    assert!(!kept.is_end_stream());
    assert_eq!(kept.size_hint().exact(), None);
}
