//! Offsets with their error bar.

use std::{fmt, time::Duration};

/// Bounds on `server − local`, in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OffsetInterval {
    lower: i128,
    upper: i128,
}

/// How far a server's clock is from the local wall clock: an offset and half the width of what is possible.
///
/// Positive = the server is ahead. `Display` says so: `+127.00 s ± 0.50 s, server ahead`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Skew {
    offset: i128,
    error: i128,
}

// ===== impl OffsetInterval =====

impl OffsetInterval {
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

    /// The same bounds, `by` nanoseconds later.
    pub(super) fn shifted(self, by: i128) -> Self {
        Self {
            lower: self.lower + by,
            upper: self.upper + by,
        }
    }

    /// The middle and the distance to either end.
    #[must_use]
    pub fn skew(self) -> Skew {
        Skew {
            offset: self.middle(),
            error: (self.upper - self.lower) / 2,
        }
    }

    pub(super) fn middle(self) -> i128 {
        self.lower + (self.upper - self.lower) / 2
    }
}

// ===== impl Skew =====

impl Skew {
    /// How far the clocks are apart, whichever is ahead.
    #[must_use]
    pub fn magnitude(&self) -> Duration {
        duration(self.offset.abs())
    }

    /// By how much the true offset may differ from the stated one.
    #[must_use]
    pub fn error(&self) -> Duration {
        duration(self.error)
    }

    /// Whether the server is ahead of the local clock, beyond doubt.
    #[must_use]
    pub fn is_server_ahead(&self) -> bool {
        self.offset > self.error
    }

    /// Whether the server is behind the local clock, beyond doubt.
    #[must_use]
    pub fn is_server_behind(&self) -> bool {
        -self.offset > self.error
    }

    /// Whether the server may be ahead by exactly this much.
    #[must_use]
    pub fn covers(&self, ahead: Duration) -> bool {
        (super::anchor::nanos(ahead) - self.offset).abs() <= self.error
    }
}

impl fmt::Display for Skew {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sign, verdict) = match (self.offset >= 0, self.offset.abs() > self.error) {
            (true, true) => ('+', "server ahead"),
            (false, true) => ('−', "server behind"),
            (true, false) => ('+', "in step"),
            (false, false) => ('−', "in step"),
        };
        let (offset, error) = (self.magnitude().as_secs_f64(), self.error().as_secs_f64());
        write!(f, "{sign}{offset:.2} s ± {error:.2} s, {verdict}")
    }
}

fn duration(nanos: i128) -> Duration {
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}
