//! When the next held call leaves, at a given rate. Pure arithmetic.

use std::time::Duration;

use tokio::time::Instant;

/// What may be caught up: timers fire late by up to a millisecond, and a slow turn is not a lost one.
const SLACK: Duration = Duration::from_millis(10);
/// Lateness is caught up little by little: two calls are never closer than this share of an interval, as a limit may
/// allow no burst at all.
const CLOSEST: f64 = 0.95;
/// Below this interval a timer is too coarse to keep calls apart.
const COARSE: Duration = Duration::from_millis(10);

/// How fast calls leave from now on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Speed {
    /// Calls a second.
    pub(super) rate: f64,
    /// By what the rate is multiplied in a second while calls are held, 1 or more.
    pub(super) growth: f64,
    /// Until it ends they leave more slowly.
    pub(super) rest: Option<Rest>,
}

/// What is left of a window.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Rest {
    /// Calls a second.
    pub(super) rate: f64,
    /// The window's end.
    pub(super) until: Instant,
}

/// The schedule of departures.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    /// The next call leaves then.
    next: Instant,
    /// But not before.
    earliest: Instant,
    speed: Speed,
    /// So many may leave together after a lull.
    at_once: u32,
}

impl Speed {
    /// How long `calls` take to leave from `from` on. What is no whole call when the rest ends counts as a part of one.
    fn time(&self, from: Instant, calls: f64) -> Duration {
        let Some(rest) = self.rest else {
            return self.time_without_rest(calls);
        };
        let window = rest.until.saturating_duration_since(from);
        let within = rest.rate * window.as_secs_f64();
        if calls < within {
            return duration(calls / rest.rate);
        }
        window.saturating_add(self.time_without_rest(calls - within))
    }

    fn time_without_rest(&self, calls: f64) -> Duration {
        let seconds = if self.growth > 1.0 {
            // `n` calls leave in the time `t` for which the integral of `rate × growth^t` is `n`.
            let ln = self.growth.ln();
            (calls * ln / self.rate).ln_1p() / ln
        } else {
            calls / self.rate
        };
        duration(seconds)
    }
}

impl Pace {
    /// The first call leaves at `from`, the others after it.
    pub(super) fn beginning(from: Instant, speed: Speed, at_once: u32) -> Self {
        Self {
            next: from,
            earliest: from,
            speed,
            at_once,
        }
    }

    /// After a lull: `at_once` calls may leave `now`.
    pub(super) fn full(now: Instant, speed: Speed, at_once: u32) -> Self {
        let mut pace = Self::beginning(now, speed, at_once);
        pace.next = now.checked_sub(pace.slack(now)).unwrap_or(now);
        pace
    }

    /// When the call may leave that has `before` others before it.
    pub(super) fn due(&self, before: usize) -> Instant {
        let time = self.speed.time(self.next, before as f64);
        later(self.next, time).max(self.earliest)
    }

    /// A call left; the others leave at `speed`.
    pub(super) fn left(&mut self, now: Instant, speed: Speed) {
        self.speed = speed;
        let from = self
            .next
            .max(now.checked_sub(self.slack(now)).unwrap_or(now));
        let interval = speed.time(from, 1.0);
        self.next = later(from, interval);
        self.earliest = if self.at_once > 1 || interval < COARSE {
            now
        } else {
            later(now, interval.mul_f64(CLOSEST))
        };
    }

    /// How much of a lull is made up for.
    fn slack(&self, now: Instant) -> Duration {
        let interval = self.speed.time(now, 1.0);
        let credit = interval.saturating_mul(self.at_once - 1);
        credit.max(SLACK)
    }
}

/// So many seconds, however many.
fn duration(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
}

/// `instant` + `wait`, and for an absurd `wait` some day in the far future.
pub(super) fn later(instant: Instant, wait: Duration) -> Instant {
    const FAR: Duration = Duration::from_secs(30 * 365 * 86_400);
    instant + wait.min(FAR)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const TEN: Speed = Speed {
        rate: 10.0,
        growth: 1.0,
        rest: None,
    };
    const TREBLING: Speed = Speed {
        rate: 10.0,
        growth: 3.0,
        rest: None,
    };

    /// `speed`, but one call a second until then.
    fn resting(speed: Speed, until: Instant) -> Speed {
        let rest = Some(Rest { rate: 1.0, until });
        Speed { rest, ..speed }
    }

    #[test]
    fn calls_leave_an_interval_apart() {
        let now = Instant::now();
        let mut pace = Pace::beginning(now, TEN, 1);
        assert_eq!((pace.due(0), pace.due(7)), (now, now + SECOND * 7 / 10));
        pace.left(now, TEN);
        assert_eq!(pace.due(0), now + SECOND / 10);
    }

    #[test]
    fn a_rate_that_trebles_in_a_second() {
        let pace = Pace::beginning(Instant::now(), TREBLING, 1);
        // 10 × (3 − 1) / ln 3 leave in the first second.
        let second = pace.next + SECOND;
        assert!(pace.due(18) < second && pace.due(19) > second);
    }

    #[test]
    fn a_late_call_is_caught_up_with_little_by_little_and_a_lull_not_at_all() {
        let now = Instant::now();
        let mut pace = Pace::beginning(now, TEN, 1);
        let mut at = now + SLACK / 2;
        pace.left(at, TEN);
        // 5 ms late of 100: the next is 95 ms after it, and on time again.
        assert_eq!(pace.due(0), now + SECOND / 10);
        at += SECOND;
        pace.left(at, TEN);
        assert!(pace.due(0) >= at + SECOND * 95 / 1000);
    }

    #[test]
    fn calls_are_kept_apart_from_an_interval_of_ten_milliseconds_on() {
        let ms = |tenths: u64| Duration::from_micros(100 * tenths);
        for (rate, due) in [(100.0, ms(175)), (200.0, ms(80))] {
            let now = Instant::now();
            let speed = Speed { rate, ..TEN };
            let mut pace = Pace::beginning(now, speed, 1);
            pace.left(now + ms(80), speed);
            assert_eq!(pace.due(0) - now, due, "{rate} a second");
        }
    }

    #[test]
    fn what_a_quota_allows_at_once_leaves_at_once() {
        let now = Instant::now();
        let slow = resting(TEN, now + 200 * SECOND);
        for (speed, interval) in [(TEN, SECOND / 10), (slow, SECOND)] {
            let mut pace = Pace::full(now, speed, 5);
            // Later there is room again, and no more for having waited longer.
            for at in [now, now + 100 * SECOND] {
                for _ in 0..5 {
                    assert!(pace.due(0) <= at);
                    pace.left(at, speed);
                }
                assert_eq!(pace.due(0), at + interval);
            }
        }
    }

    #[test]
    fn a_rest_holds_those_only_that_leave_before_it_ends() {
        let now = Instant::now();
        let speed = resting(TEN, now + SECOND * 25 / 10);
        let mut pace = Pace::beginning(now, speed, 1);
        let tenths = |before| (pace.due(before) - now).as_secs_f64() * 10.0;
        for (before, due) in [(0, 0.0), (1, 10.0), (2, 20.0), (3, 25.5), (4, 26.5)] {
            assert!((tenths(before) - due).abs() < 1e-6, "{before}");
        }
        assert!((tenths(400) - 422.5).abs() < 1e-6);
        // And no others when they leave one by one.
        for before in [0, 1, 2, 3, 4] {
            let due = Pace::beginning(now, speed, 1).due(before);
            assert!(pace.due(0).duration_since(due) < SECOND / 1000, "{before}");
            assert!(due.duration_since(pace.due(0)) < SECOND / 1000, "{before}");
            pace.left(due, speed);
        }
    }

    #[test]
    fn a_rest_that_has_ended_holds_none() {
        let now = Instant::now();
        for until in [now, now.checked_sub(SECOND).unwrap()] {
            let pace = Pace::beginning(now, resting(TEN, until), 1);
            assert_eq!(pace.due(7), now + SECOND * 7 / 10);
        }
        // A call may leave in the very moment of its end.
        let pace = Pace::beginning(now, resting(TEN, now + SECOND), 1);
        assert_eq!(pace.due(1), now + SECOND);
    }

    #[test]
    fn a_rate_grows_after_a_rest_and_not_meanwhile() {
        let now = Instant::now();
        let pace = Pace::beginning(now, resting(TREBLING, now + 2 * SECOND), 1);
        assert_eq!(pace.due(2), now + 2 * SECOND);
        let third = now + 3 * SECOND;
        assert!(pace.due(20) < third && pace.due(21) > third);
    }

    #[test]
    fn absurd_rates_do_not_overflow() {
        const RATES: [f64; 5] = [0.0, f64::MIN_POSITIVE, 1e-9, 1e300, f64::INFINITY];
        let now = Instant::now();
        let moment = now + SECOND / 1_000_000_000;
        let rests = [now, moment, later(now, Duration::MAX)]
            .map(|until| RATES.map(|rate| Some(Rest { rate, until })))
            .concat();
        for rest in rests.into_iter().chain([None]) {
            for (rate, growth) in RATES.map(|rate| [(rate, 1.0), (rate, 3.0)]).concat() {
                let speed = Speed { rate, growth, rest };
                let mut pace = Pace::full(now, speed, u32::MAX);
                pace.left(now, speed);
                assert!(pace.due(usize::MAX) >= now, "{speed:?}");
            }
        }
    }

    #[test]
    fn an_absurd_wait_ends_in_thirty_years() {
        let now = Instant::now();
        let year = 365 * 24 * 3600 * SECOND;
        assert_eq!(later(now, Duration::MAX) - now, 30 * year);
        assert_eq!(later(now, SECOND) - now, SECOND);
    }
}
