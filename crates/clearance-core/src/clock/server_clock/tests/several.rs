//! More clocks than one.

use super::*;

#[test]
fn a_step_is_covered_at_once_believed_soon_and_the_old_clock_forgotten() {
    let mut local = Local::new();
    local.observe(20, Duration::ZERO, 100 * SECOND);
    let stepped = 30 * SECOND;
    local.observe(1, stepped, 220 * SECOND);
    assert!(local.covers(100 * SECOND) && local.covers(220 * SECOND));
    assert_eq!(local.clock.clocks(), 1, "one stamp proves no second clock");
    assert_eq!(local.leads_by(stepped).as_secs_f64().round(), 100.0);

    local.observe(15, stepped + 2 * SECOND, 220 * SECOND);
    assert_eq!(local.clock.clocks(), 2);
    assert_eq!(local.leads_by(stepped).as_secs_f64().round(), 220.0);
    assert!(local.covers(100 * SECOND) && local.covers(220 * SECOND));

    local.observe(48, stepped + 20 * SECOND, 220 * SECOND);
    let skew = local.clock.skew().unwrap();
    assert!(
        skew.covers(220 * SECOND) && skew.error() < SECOND / 5,
        "{skew}"
    );
    assert_eq!(local.clock.clocks(), 1);
}

#[test]
fn a_clock_is_forgotten_after_many_replies_and_not_before_ten_seconds() {
    let mut local = Local::new();
    local.observe(20, Duration::ZERO, 100 * SECOND);
    for nth in 0..200 {
        let after = 22 * SECOND + nth * MILLI * 40;
        local.clock.observe(&local.seen(after, 220 * SECOND));
    }
    assert!(local.covers(100 * SECOND), "gone after 8 s");
    local.observe(1, 33 * SECOND, 220 * SECOND);
    assert!(!local.covers(100 * SECOND), "kept for 12 s");
}

#[test]
fn a_slow_exchange_neither_begins_nor_confirms_a_clock() {
    let slow = 5001 * MILLI;
    let mut local = Local::new();
    local.observe(5, Duration::ZERO, Duration::ZERO);
    local
        .clock
        .observe(&local.seen_within(slow, 9 * SECOND, 60 * SECOND));
    assert!(!local.covers(60 * SECOND));

    local.observe(1, 20 * SECOND, 60 * SECOND);
    local
        .clock
        .observe(&local.seen_within(slow, 21 * SECOND, 60 * SECOND));
    assert_eq!(local.clock.clocks(), 1);
    local.observe(1, 30 * SECOND, 60 * SECOND);
    assert_eq!(local.clock.clocks(), 2);
}

#[test]
fn slow_exchanges_alone_keep_what_is_known() {
    let mut local = Local::new();
    local.observe(5, Duration::ZERO, Duration::ZERO);
    for nth in 1..100 {
        local
            .clock
            .observe(&local.seen_within(6 * SECOND, nth * 10 * SECOND, Duration::ZERO));
    }
    let skew = local.clock.skew().unwrap();
    assert!(
        skew.covers(Duration::ZERO) && skew.error() < 2 * SECOND,
        "{skew}"
    );
}

#[test]
fn replies_with_one_text_do_not_confirm_each_other() {
    let mut local = Local::new();
    local.observe(5, Duration::ZERO, Duration::ZERO);
    for tenth in 0..9 {
        local
            .clock
            .observe(&local.seen(9 * SECOND + tenth * 100 * MILLI, 60 * SECOND));
    }
    assert_eq!(local.clock.clocks(), 1);
}

#[test]
fn one_wrong_stamp_moves_no_time_and_is_forgotten() {
    let mut local = Local::new();
    local.observe(5, Duration::ZERO, Duration::ZERO);
    local.observe(1, 6 * SECOND, 3600 * SECOND);
    let skew = local.clock.skew().unwrap();
    assert!(!skew.is_server_ahead(), "{skew}");
    assert!(local.leads_by(6 * SECOND) < SECOND);

    local.observe(64, 7 * SECOND, Duration::ZERO);
    assert!(!local.covers(3600 * SECOND));
}

#[test]
fn a_first_stamp_that_is_wrong_does_not_lead() {
    let mut local = Local::new();
    local.observe(1, Duration::ZERO, 3600 * SECOND);
    local.observe(2, SECOND, 7 * SECOND);
    assert_eq!(local.leads_by(3 * SECOND).as_secs_f64().round(), 7.0);
}

#[test]
fn no_more_than_four_clocks_are_kept() {
    let mut local = Local::new();
    for nth in 0..20 {
        local.observe(2, nth * 3 * SECOND, nth * 100 * SECOND);
        assert!(local.clock.candidates.len() <= MAX_CLOCKS);
    }
    assert_eq!(local.clock.clocks(), 4);
    assert!(local.covers(1900 * SECOND) && !local.covers(1500 * SECOND));
}

#[test]
fn a_stray_stamp_takes_none_from_the_clock_that_is_known() {
    let mut local = Local::new();
    local.observe(20, Duration::ZERO, Duration::ZERO);
    // Its second is as good as unknown, so that most stamps of the true clock agree with it too.
    local.observe(1, 25_600 * MILLI, SECOND / 2);
    local.observe(30, 27 * SECOND, Duration::ZERO);
    assert_eq!(local.clock.clocks(), 1);
    local.observe(40, 60 * SECOND, Duration::ZERO);
    let skew = local.clock.skew().unwrap();
    assert!(
        skew.covers(Duration::ZERO) && skew.error() < SECOND / 10,
        "{skew}"
    );
}
