//! Offsets as intervals.

use super::{Skew, anchor::nanos, skew::STAMP_LAG};

/// Bounds on how far one clock is ahead of another. Of a server's clock against the local one they are relative to a
/// [`ClockAnchor`](super::ClockAnchor), and only such as share one may be compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OffsetInterval {
    lower: i128,
    upper: i128,
}

impl OffsetInterval {
    /// From the lower to the upper bound, in nanoseconds.
    pub(super) fn new(lower: i128, upper: i128) -> Self {
        Self {
            lower,
            upper: upper.max(lower),
        }
    }

    /// What both allow; `None` if they contradict each other.
    #[must_use]
    pub fn intersect(self, other: Self) -> Option<Self> {
        let (lower, upper) = (self.lower.max(other.lower), self.upper.min(other.upper));
        (lower <= upper).then_some(Self { lower, upper })
    }

    /// The narrowest interval with both in it.
    #[must_use]
    pub fn span(self, other: Self) -> Self {
        Self {
            lower: self.lower.min(other.lower),
            upper: self.upper.max(other.upper),
        }
    }

    /// How far this clock is ahead of the `other` one, where both are given against the same local clock.
    ///
    /// ```
    /// use std::time::{Duration, SystemTime};
    /// use clearance_core::clock::{ClockAnchor, Observation};
    /// # let now = tokio::time::Instant::now().into_std();
    ///
    /// let wall = SystemTime::now();
    /// let local = ClockAnchor::new(now, wall);
    /// let second = Duration::from_secs(1);
    /// let offset = |stamp| Observation::new(stamp, second, now, now).offset(&local);
    ///
    /// let (issuer, api) = (offset(wall + 2 * second), offset(wall - 8 * second));
    /// assert_eq!(issuer.minus(api).skew().to_string(), "+10.00 s ± 1.00 s, server ahead");
    /// ```
    #[must_use]
    pub fn minus(self, other: Self) -> Self {
        Self {
            lower: self.lower - other.upper,
            upper: self.upper - other.lower,
        }
    }

    /// The bounds on the clock itself, where these are on its stamps: it may be ahead of them by up to [`STAMP_LAG`].
    #[must_use]
    pub fn with_lag(self) -> Self {
        Self {
            upper: self.upper + nanos(STAMP_LAG),
            ..self
        }
    }

    /// The middle and the distance to either end.
    #[must_use]
    pub fn skew(self) -> Skew {
        let middle = self.middle();
        Skew {
            offset: middle,
            error: self.upper - middle,
        }
    }

    /// The same bounds, `by` nanoseconds later.
    pub(super) fn shifted(self, by: i128) -> Self {
        Self {
            lower: self.lower + by,
            upper: self.upper + by,
        }
    }

    /// Further by as many nanoseconds at both ends.
    pub(super) fn widened(self, by: i128) -> Self {
        Self {
            lower: self.lower - by,
            upper: self.upper + by,
        }
    }

    pub(super) fn lower(self) -> i128 {
        self.lower
    }

    pub(super) fn upper(self) -> i128 {
        self.upper
    }

    pub(super) fn middle(self) -> i128 {
        self.lower + (self.upper - self.lower) / 2
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from_to(lower: i128, upper: i128) -> OffsetInterval {
        OffsetInterval::new(lower, upper)
    }

    #[test]
    fn intervals_meet_if_only_in_a_point() {
        assert_eq!(
            from_to(0, 10).intersect(from_to(4, 20)),
            Some(from_to(4, 10))
        );
        assert_eq!(
            from_to(0, 10).intersect(from_to(-5, 7)),
            Some(from_to(0, 7))
        );
        assert_eq!(
            from_to(0, 10).intersect(from_to(10, 20)),
            Some(from_to(10, 10))
        );
        assert_eq!(from_to(0, 10).intersect(from_to(11, 20)), None);
    }

    #[test]
    fn a_span_holds_both_and_what_is_between() {
        assert_eq!(from_to(0, 10).span(from_to(15, 20)), from_to(0, 20));
        assert_eq!(from_to(5, 10).span(from_to(-1, 7)), from_to(-1, 10));
    }

    #[test]
    fn a_difference_is_as_uncertain_as_both_together() {
        assert_eq!(from_to(100, 110).minus(from_to(20, 50)), from_to(50, 90));
    }

    #[test]
    fn bounds_are_moved_and_widened_by_as_much_as_is_said() {
        assert_eq!(from_to(-2, 9).shifted(5), from_to(3, 14));
        assert_eq!(from_to(-2, 9).shifted(-5), from_to(-7, 4));
        assert_eq!(from_to(-2, 9).widened(5), from_to(-7, 14));
        let lagging = from_to(-2, 9).with_lag();
        assert_eq!(lagging, from_to(-2, 9 + 1_000_000_000));
    }

    #[test]
    fn the_error_reaches_the_farther_end_from_the_middle() {
        let skew = from_to(-3, 8).skew();
        assert_eq!((skew.offset, skew.error), (2, 6));
        assert_eq!(from_to(5, 1), from_to(5, 5), "never upside down");
    }
}
