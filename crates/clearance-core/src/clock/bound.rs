//! Bounds on an offset, and how they go stale.

use super::OffsetInterval;

/// By how much a clock may gain or lose against ours: 1 000 ppm. Quartz stays below 200, and NTP slews at 500.
const DRIFT_PPM: i128 = 1_000;

/// A bound on `server − local` that held at the local time `at`; in nanoseconds both.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bound {
    pub(super) offset: i128,
    pub(super) at: i128,
}

/// A lower and an upper bound; one may be older than the other.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub(super) lower: Bound,
    pub(super) upper: Bound,
}

impl Bound {
    fn as_lower_at(self, at: i128) -> i128 {
        self.offset - drift(at - self.at)
    }

    fn as_upper_at(self, at: i128) -> i128 {
        self.offset + drift(at - self.at)
    }
}

impl Bounds {
    /// What they leave possible at the local time `at`.
    pub(super) fn at(&self, at: i128) -> OffsetInterval {
        OffsetInterval::new(self.lower.as_lower_at(at), self.upper.as_upper_at(at))
    }

    /// By how much they contradict each other. Zero or less: not at all.
    pub(super) fn gap(&self) -> i128 {
        self.lower.offset - self.upper.as_upper_at(self.lower.at)
    }

    /// By how much any of these contradicts any of `other`.
    pub(super) fn gap_to(&self, other: &Self) -> i128 {
        let below = Self {
            lower: other.lower,
            upper: self.upper,
        };
        let above = Self {
            lower: self.lower,
            upper: other.upper,
        };
        below.gap().max(above.gap())
    }

    /// Keeps the higher lower bound, as it will be from the later of the two on.
    pub(super) fn raise(&mut self, lower: Bound) {
        let at = self.lower.at.max(lower.at);
        if lower.as_lower_at(at) > self.lower.as_lower_at(at) {
            self.lower = lower;
        }
    }

    /// Keeps the lower upper bound, as it will be from the later of the two on.
    pub(super) fn cap(&mut self, upper: Bound) {
        let at = self.upper.at.max(upper.at);
        if upper.as_upper_at(at) < self.upper.as_upper_at(at) {
            self.upper = upper;
        }
    }
}

/// How far two clocks may have drifted apart in that time, rounded up.
fn drift(elapsed: i128) -> i128 {
    (elapsed.abs() * DRIFT_PPM + 999_999) / 1_000_000
}
