//! Where the limit is taken to be after a refusal, how well it is known, and for how long it is kept.

use super::*;

#[test]
fn what_got_through_and_what_was_refused_bound_the_limit() {
    // 400 every ten seconds: 400 got through, and then nothing for the rest of the ten.
    let mut drive = Drive::new(None);
    drive.learner.rate = 100.0;
    drive.learner.knows = Knows::Roughly;
    drive.pass(4.0, false);
    drive.refused(6 * SECOND);
    assert!((43.3..43.8).contains(&drive.rate()), "{}", drive.rate());
    // After a pause of one second it is anybody's guess.
    let mut drive = Drive::new(None);
    drive.learner.rate = 100.0;
    drive.learner.knows = Knows::Roughly;
    drive.pass(1.0, false);
    assert!((0.65..0.75).contains(&drive.refused(SECOND)));
}

#[test]
fn it_is_surer_each_time() {
    let mut drive = Drive::new(None);
    drive.learner.rate = 40.0;
    drive.learner.knows = Knows::Well;
    let mut holds = vec![];
    for _ in 0..5 {
        let hold = drive.learner.hold;
        drive.pass(hold + 3.0, true);
        let less = drive.refused(SECOND);
        assert!((0.9..0.96).contains(&less), "{less}");
        holds.push(drive.learner.hold);
    }
    assert_eq!(holds, [1.5, 7.5, 30.0, 30.0, 30.0]);
    // Nothing is tried before, nor while no call is held.
    let rate = drive.rate();
    drive.pass(29.0, true);
    drive.pass(100.0, false);
    assert_eq!(drive.rate(), rate);
    drive.pass(3.0, true);
    assert!(drive.rate() > rate);
}

#[test]
fn a_rate_is_kept_longer_after_a_longer_pause() {
    for (pause, hold) in [(1, 1.5), (4, 6.0), (100, 90.0)] {
        let mut drive = Drive::new(None);
        drive.pass(1.0, false);
        drive.refused(pause * SECOND);
        assert_eq!(drive.learner.hold, hold);
    }
}

#[test]
fn a_limit_found_nearby_is_still_known_well() {
    for (refused, knows) in [(40.0, Knows::Well), (50.0, Knows::Roughly)] {
        let mut drive = Drive::new(None);
        (drive.learner.rate, drive.learner.refused) = (40.0, refused);
        drive.learner.knows = Knows::Well;
        // 200 in six seconds: somewhat below 36 is what it makes of that.
        drive.pass(5.0, false);
        drive.refused(SECOND);
        assert_eq!(drive.learner.knows, knows);
    }
}

#[test]
fn two_seconds_are_a_window_and_half_a_second_is_not_soon() {
    let mut drive = Drive::new(None);
    drive.learner.rate = 40.0;
    drive.learner.knows = Knows::Well;
    drive.pass(3.0, true);
    assert!(drive.refused(2 * SECOND) < 0.8);
    drive.learner.accepted();
    drive.now += SECOND / 2;
    assert!(drive.refused(SECOND) < 1.0);
}

#[test]
fn a_pause_that_was_too_short_says_nothing() {
    let mut drive = Drive::new(None);
    drive.learner.rate = 40.0;
    drive.learner.knows = Knows::Well;
    assert_eq!(drive.refused(SECOND), 1.0, "nothing got through");
    drive.pass(5.0, true);
    drive.refused(SECOND);
    drive.pass(0.3, true);
    assert_eq!(drive.refused(SECOND), 1.0, "once");
    drive.pass(0.3, true);
    assert!(drive.refused(SECOND) < 0.8, "but not twice in a row");
}
