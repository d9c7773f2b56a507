//! A limit that is known beforehand.

use std::time::Duration;

/// What is used of a known rate: the rest makes up for calls that reach the server closer together than they left.
const USED: f64 = 0.985;

/// So many calls in so long a time, as a contract or a manual says: what
/// [`RateLimitBackoffLayer::quota`](super::RateLimitBackoffLayer::quota) paces by.
///
/// ```
/// use std::time::Duration;
/// use clearance::rate_limit_backoff::Quota;
///
/// // 300 in any minute.
/// let window = Quota::new(300, Duration::from_secs(60));
/// // A bucket that holds 10 and is filled with 40 a second.
/// let bucket = Quota::new(40, Duration::from_secs(1)).burst(10);
/// # let _ = (window, bucket);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[must_use]
pub struct Quota {
    rate: f64,
    burst: u32,
}

impl Quota {
    /// `calls` in any time as long as `per`, spread evenly, as far as timers are fine enough: to about 10 ms. 0 calls
    /// count as 1, and no time as a nanosecond.
    pub fn new(calls: u32, per: Duration) -> Self {
        let per = per.max(Duration::from_nanos(1));
        Self {
            rate: f64::from(calls.max(1)) / per.as_secs_f64(),
            burst: 1,
        }
    }

    /// For a bucket: after a lull so many calls may leave at once (1), and the rate comes on top. What is counted in windows
    /// of time wants none. One is kept back, for calls that overtake each other.
    pub fn burst(mut self, calls: u32) -> Self {
        self.burst = calls;
        self
    }

    /// Calls a second.
    pub(super) fn rate(&self) -> f64 {
        self.rate * USED
    }

    pub(super) fn at_once(&self) -> u32 {
        self.burst.saturating_sub(1).max(1)
    }

    /// After so long without a call it is as if there had been none.
    pub(super) fn whole_after(&self) -> Duration {
        let seconds = f64::from(self.at_once()) / self.rate();
        Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
    }
}
