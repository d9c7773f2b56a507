//! An offset with its error bar, for people.

use std::{fmt, time::Duration};

use super::anchor::{duration, nanos};

/// By how much a server's stamps may lag behind its clock: 1 s. Many servers write the `Date` of a reply once a second
/// and not once a reply, and no stamp tells which ones do.
pub const STAMP_LAG: Duration = Duration::from_secs(1);

/// How far a server's stamps are from the local wall clock: an offset and half the width of what is possible.
///
/// Positive = the server is ahead. `Display` says so: `+127.00 s ± 0.50 s, server ahead`; `in step` where the two
/// cannot be told apart, and `either may be ahead` where the error bar is too wide (above 1 s) to call that a result.
///
/// It is the *stamps* that are measured. The clock behind them may be further ahead by up to [`STAMP_LAG`]:
/// [`with_lag`](Self::with_lag).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Skew {
    pub(super) offset: i128,
    pub(super) error: i128,
}

impl Skew {
    /// How far the clocks are apart, whichever is ahead.
    #[must_use]
    pub fn magnitude(&self) -> Duration {
        duration(self.offset)
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
        (nanos(ahead) - self.offset).abs() <= self.error
    }

    /// How far this server's clock is from that of another one, whichever is ahead.
    #[must_use]
    pub fn apart(&self, other: &Self) -> Duration {
        duration(self.offset - other.offset)
    }

    /// The skew of the clock itself: its stamps may lag behind it by up to [`STAMP_LAG`].
    #[must_use]
    pub fn with_lag(self) -> Self {
        let half = nanos(STAMP_LAG) / 2;
        Self {
            offset: self.offset + half,
            error: self.error + half,
        }
    }
}

impl fmt::Display for Skew {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = if self.is_server_ahead() {
            "server ahead"
        } else if self.is_server_behind() {
            "server behind"
        } else if self.error <= nanos(Duration::from_secs(1)) {
            "in step"
        } else {
            "either may be ahead"
        };
        let sign = if self.offset < 0 { '−' } else { '+' };
        let (offset, error) = (self.magnitude().as_secs_f64(), self.error().as_secs_f64());
        // What is known to the millisecond is not rounded to "± 0.00 s".
        let digits = if error < 0.01 { 3 } else { 2 };
        write!(
            f,
            "{sign}{offset:.digits$} s ± {error:.digits$} s, {verdict}"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_reads_well() {
        let shown = |offset_ms: i128, error_ms: i128| {
            let skew = Skew {
                offset: offset_ms * 1_000_000,
                error: error_ms * 1_000_000,
            };
            skew.to_string()
        };
        assert_eq!(shown(127_000, 500), "+127.00 s ± 0.50 s, server ahead");
        assert_eq!(shown(-59_500, 500), "−59.50 s ± 0.50 s, server behind");
        assert_eq!(shown(-200, 500), "−0.20 s ± 0.50 s, in step");
        assert_eq!(shown(5_000, 5_020), "+5.00 s ± 5.02 s, either may be ahead");
        assert_eq!(shown(21, 2), "+0.021 s ± 0.002 s, server ahead");
        assert_eq!(shown(21, 10), "+0.02 s ± 0.01 s, server ahead");
        assert_eq!(shown(0, 1_000), "+0.00 s ± 1.00 s, in step");
        assert_eq!(shown(0, 1_001), "+0.00 s ± 1.00 s, either may be ahead");
    }

    #[test]
    fn a_lagging_stamp_puts_the_clock_further_ahead() {
        let skew = Skew {
            offset: 0,
            error: 20_000_000,
        }
        .with_lag();
        assert_eq!(skew.to_string(), "+0.50 s ± 0.52 s, in step");
    }

    #[test]
    fn what_may_be_nothing_is_not_beyond_doubt() {
        for (offset, ahead, behind) in [
            (501, true, false),
            (500, false, false),
            (-500, false, false),
            (-501, false, true),
        ] {
            let skew = Skew { offset, error: 500 };
            assert_eq!(skew.is_server_ahead(), ahead, "{offset}");
            assert_eq!(skew.is_server_behind(), behind, "{offset}");
            assert!(skew.magnitude() <= Duration::from_nanos(501));
        }
    }

    #[test]
    fn the_ends_of_the_error_bar_are_covered() {
        let skew = Skew {
            offset: 1000,
            error: 500,
        };
        for (ahead, covered) in [(499, false), (500, true), (1500, true), (1501, false)] {
            assert_eq!(skew.covers(Duration::from_nanos(ahead)), covered, "{ahead}");
        }
    }

    #[test]
    fn two_servers_on_different_sides_are_as_far_apart_as_both_skews_together() {
        let skew = |offset| Skew { offset, error: 9 };
        for (one, other, apart) in [(500, 700, 200), (700, -500, 1200), (-500, -700, 200)] {
            let apart = Duration::from_nanos(apart);
            assert_eq!(skew(one).apart(&skew(other)), apart);
            assert_eq!(skew(other).apart(&skew(one)), apart);
        }
    }
}
