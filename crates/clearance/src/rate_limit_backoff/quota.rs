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
/// // 300 a minute, of which 10 may come at once.
/// let quota = Quota::new(300, Duration::from_secs(60)).burst(10);
/// # let _ = quota;
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[must_use]
pub struct Quota {
    rate: f64,
    burst: u32,
}

impl Quota {
    /// `calls` in any time as long as `per`, spread evenly: no two at once. 0 calls count as 1, and no time as a
    /// nanosecond.
    pub fn new(calls: u32, per: Duration) -> Self {
        let per = per.max(Duration::from_nanos(1));
        Self {
            rate: f64::from(calls.max(1)) / per.as_secs_f64(),
            burst: 1,
        }
    }

    /// So many calls may leave at once after a lull (1). One is kept back, for calls that overtake each other.
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
}
