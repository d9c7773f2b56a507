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

/// It took 13 refusals, since the rate had grown to a million behind what was told.
#[test]
fn a_refusal_at_what_is_told_slows_down() {
    let mut drive = Drive::new(None);
    drive.learner.told(10.0);
    drive.pass(120.0, true);
    let less = drive.refused(SECOND);
    assert!((0.9..0.96).contains(&less), "{less}");
}

#[test]
fn what_was_learned_above_what_is_told_is_no_rate_that_was_refused() {
    let mut drive = Drive::new(None);
    (drive.learner.rate, drive.learner.knows) = (100.0, Knows::Roughly);
    drive.learner.told(10.0);
    drive.pass(1.0, true);
    let less = drive.refused(4 * SECOND);
    assert!(less < 0.5, "{less}");
}

#[test]
fn nothing_is_tried_while_what_is_left_of_a_window_holds_calls_back() {
    let mut drive = Drive::new(None);
    let until = drive.now + 20 * SECOND;
    drive.learner.told_of_the_rest(5.0, until);
    drive.pass(20.0, true);
    // The last of these seconds is part of the window as well.
    drive.learner.left(until, true);
    assert_eq!(drive.learner.speed().rest, None);
    assert_eq!(drive.rate(), START);
    drive.pass(1.0, true);
    assert!(drive.rate() > 1.9 * START, "{}", drive.rate());
}

#[test]
fn no_more_is_tried_than_is_left_of_a_window() {
    let mut drive = Drive::new(None);
    let until = drive.now + 60 * SECOND;
    drive.learner.told_of_the_rest(100.0, until);
    drive.pass(60.0, true);
    assert!((100.0..102.0).contains(&drive.rate()), "{}", drive.rate());
}

#[test]
fn what_is_told_may_be_slower_than_anything_that_is_learned() {
    let minute = 1.0 / 60.0;
    let mut drive = Drive::new(None);
    let until = drive.now + 60 * SECOND;
    drive.learner.told_of_the_rest(minute, until);
    let rest = drive.learner.speed().rest.unwrap();
    assert_eq!((rest.rate, drive.rate()), (minute, START));
    drive.learner.told(minute);
    assert_eq!(drive.learner.learned(), Some(minute));
    drive.pass(600.0, true);
    drive.refused(60 * SECOND);
    assert_eq!(drive.rate(), minute);
}
