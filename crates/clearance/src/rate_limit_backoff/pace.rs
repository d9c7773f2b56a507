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
    /// How long `calls` take to leave.
    fn time(&self, calls: f64) -> Duration {
        let seconds = if self.growth > 1.0 {
            // `n` calls leave in the time `t` for which the integral of `rate × growth^t` is `n`.
            let ln = self.growth.ln();
            (calls * ln / self.rate).ln_1p() / ln
        } else {
            calls / self.rate
        };
        Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
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
        pace.next = now.checked_sub(pace.slack()).unwrap_or(now);
        pace
    }

    /// When the call may leave that has `before` others before it.
    pub(super) fn due(&self, before: usize) -> Instant {
        let time = self.speed.time(before as f64);
        later(self.next, time).max(self.earliest)
    }

    /// A call left; the others leave at `speed`.
    pub(super) fn left(&mut self, now: Instant, speed: Speed) {
        self.speed = speed;
        let from = self.next.max(now.checked_sub(self.slack()).unwrap_or(now));
        let interval = speed.time(1.0);
        self.next = later(from, interval);
        self.earliest = if self.at_once > 1 || interval < COARSE {
            now
        } else {
            later(now, interval.mul_f64(CLOSEST))
        };
    }

    /// How much of a lull is made up for.
    fn slack(&self) -> Duration {
        let credit = self.speed.time(1.0).saturating_mul(self.at_once - 1);
        credit.max(SLACK)
    }
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
    };
    const TREBLING: Speed = Speed {
        rate: 10.0,
        growth: 3.0,
    };

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
            let speed = Speed { rate, growth: 1.0 };
            let mut pace = Pace::beginning(now, speed, 1);
            pace.left(now + ms(80), speed);
            assert_eq!(pace.due(0) - now, due, "{rate} a second");
        }
    }

    #[test]
    fn what_a_quota_allows_at_once_leaves_at_once() {
        let now = Instant::now();
        let mut pace = Pace::full(now, TEN, 5);
        for _ in 0..5 {
            assert!(pace.due(0) <= now);
            pace.left(now, TEN);
        }
        assert_eq!(pace.due(0), now + SECOND / 10);
        // Half a second later there is room again, and no more for having waited longer.
        let later = now + 100 * SECOND;
        for _ in 0..5 {
            assert!(pace.due(0) <= later);
            pace.left(later, TEN);
        }
        assert_eq!(pace.due(0), later + SECOND / 10);
    }

    #[test]
    fn absurd_rates_do_not_overflow() {
        let now = Instant::now();
        for rate in [f64::MIN_POSITIVE, 1e-9, 1e300] {
            let speed = Speed { rate, growth: 1.0 };
            let mut pace = Pace::full(now, speed, u32::MAX);
            pace.left(now, speed);
            assert!(pace.due(usize::MAX) >= now);
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
