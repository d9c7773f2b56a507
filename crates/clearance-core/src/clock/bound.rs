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

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i128 = 1_000_000_000;

    fn bounds(lower: i128, upper: i128) -> Bounds {
        Bounds {
            lower: Bound {
                offset: lower,
                at: 0,
            },
            upper: Bound {
                offset: upper,
                at: 0,
            },
        }
    }

    #[test]
    fn bounds_widen_by_a_thousandth_of_the_time_before_and_after() {
        let bounds = bounds(-5, 7);
        for at in [1000 * SECOND, -1000 * SECOND] {
            assert_eq!(
                bounds.at(at),
                OffsetInterval::new(-5 - SECOND, 7 + SECOND),
                "at {at}"
            );
        }
        assert_eq!(bounds.at(1), OffsetInterval::new(-6, 8), "rounded up");
        assert_eq!(bounds.at(0), OffsetInterval::new(-5, 7));
    }

    #[test]
    fn the_tighter_bound_stays_as_it_will_be_from_the_later_one_on() {
        // 1 s later the old bounds have widened by 1 ms.
        let ms = SECOND / 1000;
        let later = |offset| Bound { offset, at: SECOND };
        for (offset, lower, upper) in [
            (-ms - 1, (0, 0), (-ms - 1, SECOND)),
            (-ms + 1, (-ms + 1, SECOND), (-ms + 1, SECOND)),
            (ms - 1, (ms - 1, SECOND), (ms - 1, SECOND)),
            (ms + 1, (ms + 1, SECOND), (0, 0)),
        ] {
            let mut both = bounds(0, 0);
            both.raise(later(offset));
            both.cap(later(offset));
            assert_eq!((both.lower.offset, both.lower.at), lower, "{offset}");
            assert_eq!((both.upper.offset, both.upper.at), upper, "{offset}");
        }
    }

    #[test]
    fn a_gap_is_how_far_bounds_contradict_each_other() {
        assert_eq!(bounds(3, 10).gap(), -7);
        assert_eq!(bounds(10, 3).gap(), 7);
        let (one, other) = (bounds(0, 10), bounds(15, 20));
        assert_eq!((one.gap_to(&other), other.gap_to(&one)), (5, 5));
        assert_eq!(one.gap_to(&bounds(10, 20)), 0);
    }
}
