//! What a copy sends: the data, trailers and error of the body itself, shared and not copied.

use std::fmt::Debug;

use http_body_util::{BodyExt, Full};

use super::*;

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
