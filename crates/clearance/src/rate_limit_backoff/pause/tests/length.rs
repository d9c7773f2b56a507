//! For how long nothing is sent after a refusal, and until when it is remembered.

use super::*;

#[test]
fn open_until_a_refusal_and_again_after_its_pause() {
    let mut bench = Bench::new();
    assert!(bench.pause.is_open());
    let mut place = Place::default();
    assert_eq!(bench.ask(&mut place), None);
    assert!(!place.is_taken());

    let wait = bench.refused(0, Some(10 * SECOND));
    assert!(
        wait > 10 * SECOND && wait < 10 * SECOND + 11 * MILLI,
        "0.1 % more: {wait:?}"
    );
    let until = bench.now + wait;
    assert_eq!(bench.ask(&mut place), Some(until));
    bench.now = until - MILLI;
    assert_eq!(bench.ask(&mut place), Some(until));
    bench.now = until;
    assert_eq!(bench.ask(&mut place), None);
    bench.pause.sent(bench.now, &place);
    // What was learned is of use for longer than the pause.
    bench.pass(FORGET_AFTER - SECOND);
    bench.pause.settle(bench.now);
    assert!(!bench.pause.is_open());
    bench.pass(SECOND);
    bench.pause.settle(bench.now);
    assert!(bench.pause.is_open());
}

#[test]
fn one_herd_is_one_piece_of_evidence() {
    let mut bench = Bench::new();
    assert_eq!(bench.refused(0, None), SECOND);
    for _ in 0..63 {
        bench.pass(MILLI);
        bench.refused(0, None);
    }
    assert_eq!(bench.pause.until(bench.now), Some(bench.start + SECOND));
    assert_eq!(bench.pause.fruitless, 1);

    // But a time that is stated may lengthen it, never shorten it.
    let wait = bench.refused(0, Some(5 * SECOND));
    assert!(wait > 5 * SECOND);
    assert_eq!(bench.refused(0, Some(2 * SECOND)), wait);
    assert_eq!((bench.pause.fruitless, bench.pause.round), (1, 1));
}

#[test]
fn own_waits_double_to_a_minute_while_nothing_gets_through() {
    let mut bench = Bench::new();
    let mut sent = 0;
    for step in [1, 2, 4, 8, 16, 32, 60, 60, 60] {
        let wait = bench.refused(sent, None);
        assert_eq!(wait, step * SECOND);
        sent = bench.round;
        bench.pass(wait);
    }
    bench.pause.accepted(bench.now, sent - 1);
    assert_eq!(
        bench.refused(sent, None),
        60 * SECOND,
        "sent before the round began"
    );
    sent = bench.round;
    bench.pass(60 * SECOND);
    bench.pause.accepted(bench.now, sent);
    assert_eq!(bench.refused(sent, None), SECOND);

    bench.pass(SECOND);
    assert_eq!(bench.refused(bench.round, None), 2 * SECOND);
    bench.pass(13 * SECOND);
    let on = bench.refused(bench.round, None);
    assert_eq!(on, 4 * SECOND, "whatever is sent so soon after is counted");
    bench.pass(on + FORGET_AFTER);
    let anew = bench.refused(bench.round, None);
    assert_eq!(anew, SECOND, "forgotten");
}

#[test]
fn own_waits_are_spread_over_the_upper_half() {
    for (dice, millis) in [(0.0, 500), (0.5, 750), (1.0, 1000), (7.0, 1000)] {
        assert_eq!(step(1, dice), millis * MILLI);
    }
    assert_eq!(step(u32::MAX, 1.0), 60 * SECOND);
    assert_eq!(with_drift(Duration::MAX), Duration::MAX);
}

#[test]
fn a_late_refusal_of_an_old_call_pauses_again_only_for_a_stated_time() {
    let mut bench = Bench::new();
    bench.refused(0, Some(SECOND));
    let _held = [bench.arrive(), bench.arrive()];
    bench.pass(2 * SECOND);
    bench.refused(0, None);
    assert_eq!(bench.pause.until(bench.now), None);
    bench.refused(0, Some(SECOND));
    assert!(bench.pause.until(bench.now).is_some());
    assert_eq!(bench.pause.fruitless, 1);
}

#[test]
fn a_pause_is_over_at_its_end() {
    let mut bench = Bench::new();
    let wait = bench.refused(0, Some(SECOND));
    let until = bench.now + wait;
    let before = until - Duration::from_nanos(1);
    assert_eq!(bench.pause.until(before), Some(until));
    assert_eq!(bench.pause.until(until), None);
}

#[test]
fn a_short_wait_is_kept_to_where_it_is_stated_first() {
    let mut bench = Bench::new();
    assert_eq!(bench.refused(0, Some(10 * MILLI)), with_drift(10 * MILLI));
}

#[test]
fn absurd_times_do_not_overflow() {
    let mut bench = Bench::new();
    assert!(bench.refused(0, Some(Duration::MAX)) > 86_400 * SECOND);
    let mut place = bench.arrive();
    assert!(bench.ask(&mut place).is_some());
}

#[test]
fn what_was_asked_for_lately_is_not_quiet() {
    let mut bench = Bench::new();
    assert!(bench.pause.is_quiet(bench.now, SECOND));
    bench.pause.accepted(bench.now, 0);
    bench.pass(SECOND - MILLI);
    assert!(!bench.pause.is_quiet(bench.now, SECOND));
    bench.pass(MILLI);
    assert!(bench.pause.is_quiet(bench.now, SECOND));
}

#[test]
fn with_a_quota_own_waits_begin_anew_after_five_minutes_too() {
    let mut bench = Bench::new();
    bench.pause = Pause::new(Some(Quota::new(300, 60 * SECOND)));
    for step in [1, 2, 4] {
        bench.pass(60 * SECOND);
        assert_eq!(bench.refused(bench.round, None), step * SECOND);
    }
    bench.pass(4 * SECOND + FORGET_AFTER);
    assert_eq!(bench.refused(bench.round, None), SECOND);
}
