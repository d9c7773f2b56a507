//! How fast held calls leave once a pause is over. Pure arithmetic.

use std::time::Duration;

use tokio::time::Instant;

/// Calls a second to begin with where nothing is proven: the lowest limit in wide use is 300 a minute.
pub(super) const START: f64 = 5.0;
/// By what the rate grows in a second while calls are held.
const GROWTH: f64 = 3.0;
/// Beyond this a rate is no restriction; it also keeps the powers finite.
const TOP: f64 = 1e6;
/// What may be caught up: timers fire late by up to a millisecond, and a slow turn is not a lost one.
const SLACK: Duration = Duration::from_millis(10);
/// What happened longer ago proves nothing any more.
const STALE: Duration = Duration::from_secs(10);

/// A rate that grows from `from` on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    from: Instant,
    rate: f64,
    /// 0: the next call may leave at `from`; 1: one interval later.
    owed: f64,
}

/// What got through since the last pause: the rate that is proven.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Proven {
    accepted: u32,
    span: Option<(Instant, Instant)>,
}

impl Pace {
    /// The first call leaves at `from`, the others after it at `rate` a second and growing.
    pub(super) fn beginning(from: Instant, rate: f64) -> Self {
        Self {
            from,
            rate,
            owed: 0.0,
        }
    }

    /// When the call may leave that has `before` others before it.
    pub(super) fn due(&self, before: usize) -> Instant {
        // `n` calls leave in the time `t` for which the integral of `rate × GROWTH^t` is `n`.
        let calls = self.owed + before as f64;
        let seconds = (calls * GROWTH.ln() / self.rate).ln_1p() / GROWTH.ln();
        later(self.from, Duration::from_secs_f64(seconds))
    }

    /// A call left.
    pub(super) fn left(&mut self, now: Instant) {
        let earliest = now.checked_sub(SLACK).unwrap_or(now);
        let from = self.due(0).max(earliest);
        let grown = GROWTH.powf((from - self.from).as_secs_f64());
        *self = Self {
            from,
            rate: (self.rate * grown).min(TOP),
            owed: 1.0,
        };
    }
}

impl Proven {
    /// Counts anew, from `from` on.
    pub(super) fn since(from: Instant) -> Self {
        Self {
            accepted: 0,
            span: Some((from, from)),
        }
    }

    pub(super) fn accepted(&mut self, now: Instant) {
        self.accepted = self.accepted.saturating_add(1);
        let from = self.span.map_or(now, |(from, _)| from);
        self.span = Some((from, now));
    }

    /// Calls accepted a second, over a second at least; [`START`] where there is no recent proof.
    pub(super) fn rate(&self, now: Instant) -> f64 {
        match self.span {
            Some((from, last)) if self.accepted > 0 && !self.is_stale(now) => {
                f64::from(self.accepted) / last.duration_since(from).as_secs_f64().max(1.0)
            }
            _ => START,
        }
    }

    /// Whether neither a pause ended nor a call was accepted lately.
    pub(super) fn is_stale(&self, now: Instant) -> bool {
        self.span
            .is_none_or(|(_, last)| now.duration_since(last) > STALE)
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

    #[test]
    fn the_first_leaves_at_once_and_the_rate_trebles_in_a_second() {
        let now = Instant::now();
        let mut pace = Pace::beginning(now, 10.0);
        assert_eq!(pace.due(0), now);
        // 10 × (3 − 1) / ln 3 leave in the first second.
        assert!(pace.due(18) < now + SECOND && pace.due(19) > now + SECOND);
        let (mut at, mut sent) = (now, 0);
        while at < now + SECOND {
            pace.left(at);
            sent += 1;
            at = pace.due(0);
        }
        assert!((18..=20).contains(&sent), "{sent}");
        assert!((pace.rate - 30.0).abs() < 2.0, "{pace:?}");
    }

    #[test]
    fn a_lull_is_not_made_up_for() {
        let now = Instant::now();
        let mut pace = Pace::beginning(now, 10.0);
        pace.left(now + SECOND);
        pace.left(now + SECOND);
        assert!(pace.due(0) > now + SECOND);
    }

    #[test]
    fn a_pace_stays_finite() {
        let now = Instant::now();
        let mut pace = Pace::beginning(now, START);
        for hour in 1..100 {
            pace.left(now + 3600 * SECOND * hour);
        }
        assert!(pace.rate <= TOP && pace.due(usize::MAX) > now);
    }

    #[test]
    fn what_is_proven_is_accepted_over_time() {
        let now = Instant::now();
        assert_eq!(Proven::default().rate(now), START);
        let mut proven = Proven::since(now);
        assert_eq!(proven.rate(now), START);
        for tenth in 1..=20 {
            proven.accepted(now + SECOND / 10 * tenth);
        }
        assert_eq!(proven.rate(now + 3 * SECOND), 10.0);
        assert_eq!(proven.rate(now + 13 * SECOND), START, "long ago");

        let mut burst = Proven::since(now);
        burst.accepted(now);
        assert_eq!(burst.rate(now), 1.0, "a second at least");
    }
}
