mod several;

use std::time::{Duration, SystemTime};

use super::*;
use crate::clock::parse_http_date;

const SECOND: Duration = Duration::from_secs(1);
const MILLI: Duration = Duration::from_millis(1);

/// A model and the moment at which both local clocks are anchored.
struct Local {
    clock: ServerClock,
    now: Instant,
    wall: SystemTime,
}

impl Local {
    fn new() -> Self {
        let now = tokio::time::Instant::now().into_std() + 1000 * SECOND;
        let wall = SystemTime::UNIX_EPOCH + 5000 * SECOND;
        Self {
            clock: ServerClock::new(ClockAnchor::new(now, wall)),
            now,
            wall,
        }
    }

    /// A reply at once, `after` the start, from a server that is `ahead`.
    fn seen(&self, after: Duration, ahead: Duration) -> Observation {
        self.seen_within(Duration::ZERO, after, ahead)
    }

    fn seen_within(&self, round_trip: Duration, after: Duration, ahead: Duration) -> Observation {
        let shown = self.wall + after + ahead;
        let floored = shown
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap()
            .as_secs();
        let stamp = SystemTime::UNIX_EPOCH + Duration::from_secs(floored);
        let sent = self.now + after;
        Observation::new(stamp, SECOND, sent, sent + round_trip)
    }

    /// So many replies, 1.1 s apart from one another.
    fn observe(&mut self, replies: u32, after: Duration, ahead: Duration) {
        for nth in 0..replies {
            self.clock
                .observe(&self.seen(after + nth * 1100 * MILLI, ahead));
        }
    }

    fn covers(&self, ahead: Duration) -> bool {
        self.clock.skew().unwrap().covers(ahead)
    }

    /// By how much the server is ahead, as far as it tells the time.
    fn leads_by(&self, after: Duration) -> Duration {
        let told = self.clock.time_at(self.now + after).unwrap();
        told.duration_since(self.wall + after).unwrap()
    }
}

#[test]
fn several_replies_narrow_the_interval() {
    let mut local = Local::new();
    local.observe(10, Duration::ZERO, 7 * SECOND);
    let skew = local.clock.skew().unwrap();
    assert!(
        skew.covers(7 * SECOND) && skew.error() < SECOND / 10,
        "{skew}"
    );
}

#[test]
fn with_time_the_interval_widens_by_what_a_clock_may_drift() {
    let mut local = Local::new();
    local.observe(10, Duration::ZERO, 7 * SECOND);
    let error = |after| {
        local
            .clock
            .offset_at(local.now + after)
            .unwrap()
            .skew()
            .error()
    };
    let grown = error(1020 * SECOND) - error(20 * SECOND);
    assert_eq!(grown.as_millis(), 1000);
}

#[test]
fn a_step_of_the_local_clock_changes_what_people_are_told() {
    let mut local = Local::new();
    local.observe(1, Duration::ZERO, Duration::ZERO);
    let stepped = local.wall + 3601 * SECOND;
    let skew = local.clock.skew_at(local.now + SECOND, stepped).unwrap();
    assert_eq!(skew.to_string(), "−3599.50 s ± 0.50 s, server behind");
}

#[test]
fn it_tells_the_time() {
    let mut local = Local::new();
    assert_eq!(
        (local.clock.time_at(local.now), local.clock.clocks()),
        (None, 0)
    );
    let stamp = local.wall + 7 * SECOND;
    let exact = Observation::new(stamp, Duration::ZERO, local.now, local.now);
    local.clock.observe(&exact);
    let (later, shown) = (local.now + 5 * SECOND, local.wall + 12 * SECOND);
    assert_eq!(local.clock.time_at(later), Some(shown));
    assert_eq!(local.clock.earliest_at(later), Some(shown - 5 * MILLI));
    assert_eq!(local.clock.latest_at(later), Some(shown + 5 * MILLI));
}

// ===== the end of a second =====

#[test]
fn the_last_reply_with_the_old_text_bounds_from_above() {
    let mut local = Local::new();
    // Of the server's seconds only two stamps are seen, each as soon as it begins; in the first, requests go on.
    local
        .clock
        .observe_change(None, &local.seen(Duration::ZERO, Duration::ZERO));
    let last_sent = local.now + 990 * MILLI;
    let mut told_early = local.clock.clone();
    told_early.observe_unchanged(last_sent);

    local
        .clock
        .observe_change(Some(last_sent), &local.seen(SECOND, Duration::ZERO));
    for clock in [told_early, local.clock] {
        let skew = clock.skew().unwrap();
        assert!(
            skew.covers(Duration::ZERO) && skew.error() < 7 * MILLI,
            "{skew}"
        );
    }
}

#[test]
fn an_old_text_that_comes_late_breaks_nothing() {
    let mut local = Local::new();
    let old = local.seen(990 * MILLI, Duration::ZERO);
    let new = local.seen(1900 * MILLI, Duration::ZERO);
    local.clock.observe_change(None, &new);
    local
        .clock
        .observe_change(Some(local.now + 1900 * MILLI), &old);
    assert!(local.covers(Duration::ZERO));
    // A reply with the new text, taken for one with the old, would prolong the old second by half.
    local.clock.observe_unchanged(local.now + 1500 * MILLI);
    assert!(local.covers(Duration::ZERO));
}

#[test]
fn a_text_that_a_cache_repeats_bounds_nothing() {
    let mut local = Local::new();
    local.observe(10, Duration::ZERO, Duration::ZERO);
    let known = local.clock.skew().unwrap();
    local
        .clock
        .observe_change(None, &local.seen(11 * SECOND, Duration::ZERO));
    local.clock.observe_unchanged(local.now + 40 * SECOND);
    // Nor does one that is repeated after others.
    for nth in 0..5 {
        let (stamp, late) = (local.wall + 11 * SECOND, local.now + SECOND * (60 + nth));
        local
            .clock
            .observe(&Observation::new(stamp, SECOND, late, late));
    }
    let skew = local
        .clock
        .offset_at(local.now + 11 * SECOND)
        .unwrap()
        .skew();
    assert!(
        skew.covers(Duration::ZERO) && skew.error() <= known.error(),
        "{skew}"
    );
}

#[test]
fn a_text_that_is_told_twice_is_watched_on() {
    let mut local = Local::new();
    for after in [Duration::ZERO, 100 * MILLI] {
        let seen = local.seen(after, Duration::ZERO);
        local.clock.observe_change(None, &seen);
    }
    local.clock.observe_unchanged(local.now + 990 * MILLI);
    let skew = local.clock.skew().unwrap();
    assert!(
        skew.covers(Duration::ZERO) && skew.error() < 7 * MILLI,
        "{skew}"
    );
}

// ===== absurdities =====

#[test]
fn a_date_at_the_end_of_time_does_not_overflow() {
    let mut local = Local::new();
    let end = parse_http_date("Fri, 31 Dec 9999 23:59:59 GMT").unwrap();
    let before_1970 = SystemTime::UNIX_EPOCH - 1_000_000 * SECOND;
    local
        .clock
        .observe(&Observation::new(end, SECOND, local.now, local.now));
    assert!(local.clock.skew().unwrap().is_server_ahead());
    assert!(local.clock.time_at(local.now).unwrap() >= end);

    let absurd = Observation::new(before_1970, Duration::MAX, local.now + SECOND, local.now);
    local.clock.observe(&absurd);
    let long_ago = local.now - 1000 * SECOND;
    let _ = (
        local.clock.time_at(long_ago),
        local.clock.latest_at(long_ago),
    );
    assert!(local.clock.skew_at(long_ago, before_1970).is_some());
    assert!(!local.clock.skew().unwrap().to_string().is_empty());
}
