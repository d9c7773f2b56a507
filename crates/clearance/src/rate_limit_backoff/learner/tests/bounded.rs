//! What a rate never exceeds or falls below, whatever was learned.

use super::*;

/// A server that refuses every call once, however slowly they come.
#[test]
fn it_never_falls_below_what_a_pause_promises() {
    let mut drive = Drive::new(None);
    for _ in 0..100 {
        drive.pass(0.6, true);
        drive.refused(SECOND / 10);
    }
    assert!(drive.rate() >= 10.0, "{}", drive.rate());
}

#[test]
fn a_known_limit_is_never_exceeded() {
    let mut drive = Drive::new(Some(40.0));
    assert_eq!(drive.learner.learned(), Some(40.0));
    drive.pass(100.0, true);
    assert_eq!(drive.rate(), 40.0);
    drive.refused(SECOND);
    assert!(drive.rate() < 40.0);
    drive.pass(60.0, true);
    assert_eq!(drive.rate(), 40.0);
}

#[test]
fn what_the_server_tells_bounds_what_was_learned() {
    let mut drive = Drive::new(None);
    drive.learner.told(25.0);
    assert_eq!(drive.learner.learned(), Some(25.0));
    drive.pass(60.0, true);
    assert_eq!(drive.rate(), 25.0);
    drive.learner.told(1e300);
    assert!(drive.rate().is_finite());
}

#[test]
fn what_is_left_of_a_window_bounds_the_rate_until_it_ends() {
    let mut drive = Drive::new(None);
    drive.learner.told(25.0);
    let (start, until) = (drive.now, drive.now + 10 * SECOND);
    drive.learner.told_of_the_rest(25.0, until);
    assert_eq!(drive.learner.speed().rest, None);
    drive.learner.told_of_the_rest(5.0, until);
    drive.learner.left(start, true);
    let rest = Some(Rest { rate: 5.0, until });
    assert_eq!(drive.learner.speed().rest, rest);
    assert_eq!((drive.rate(), drive.learner.learned()), (25.0, Some(5.0)));
    drive.learner.left(until, true);
    assert_eq!(drive.learner.speed().rest, None);
    assert_eq!(drive.learner.learned(), Some(25.0));
}
