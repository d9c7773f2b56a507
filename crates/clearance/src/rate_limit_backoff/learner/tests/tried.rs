//! How much more is tried, and when.

use super::*;

#[test]
fn it_rises_while_calls_are_held() {
    let mut drive = Drive::new(None);
    drive.pass(1.0, false);
    assert_eq!(drive.rate(), START);
    drive.pass(1.0, true);
    let risen = drive.rate() / START;
    assert!((1.9..=2.2).contains(&risen), "{risen}");
    assert_eq!(drive.learner.learned(), None);
    drive.refused(SECOND);
    assert!(drive.learner.learned().is_some());
}

#[test]
fn the_longer_a_rate_was_kept_and_the_farther_it_is_the_more_is_tried() {
    let (guess, far) = (GUESS * 100.0, 1.1 * 100.0);
    for (knows, rate, trying, pause, is) in [
        (Knows::Well, 90.0, -0.1, 1.0, 0.0),
        (Knows::Well, 90.0, 0.0, 1.0, 0.005),
        (Knows::Well, 90.0, 1.9, 1.0, 0.005),
        (Knows::Well, 90.0, 2.0, 1.0, 0.01),
        (Knows::Well, 90.0, 4.0, 1.0, 0.015),
        (Knows::Roughly, 90.0, 0.0, 1.0, 0.015),
        (Knows::Roughly, 90.0, 4.0, 1.0, 0.015),
        // The pause was three times as long.
        (Knows::Well, 90.0, 5.9, 3.0, 0.005),
        (Knows::Well, 90.0, 6.0, 3.0, 0.01),
        // Far below what was refused, and beyond it.
        (Knows::Well, guess - 1.0, 0.0, 1.0, 0.015),
        (Knows::Well, guess - 1.0, 99.0, 1.0, 0.08),
        (Knows::Well, guess, 0.0, 1.0, 0.005),
        (Knows::Well, far - 1.0, 99.0, 1.0, 0.015),
        (Knows::Well, far, 4.0, 1.0, 0.02),
        (Knows::Well, far, 99.0, 1.0, 0.16),
    ] {
        let learner = Learner {
            rate,
            refused: 100.0,
            knows,
            hold: 10.0,
            kept: 10.0 + trying,
            pause,
            ..Learner::new(None)
        };
        let probe = learner.probe();
        assert!((probe - is).abs() < 1e-9, "{learner:?}: {probe}, not {is}");
    }
}
