//! The local clocks: which wall-clock time a monotonic instant stands for.

use std::{
    fmt,
    time::{Duration, Instant, SystemTime},
};

/// The local wall clock. The only clock that is injected: monotonic time is tokio's, which tests pause.
pub trait WallClock: Send + Sync + 'static {
    /// What the wall clock shows now.
    fn now(&self) -> SystemTime;
}

/// The wall clock of this machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl WallClock for SystemClock {
    fn now(&self) -> SystemTime {
        SystemTime::now()
    }
}

/// A monotonic instant and what the wall clock showed then.
#[derive(Clone, Copy)]
pub struct ClockAnchor {
    instant: Instant,
    wall: SystemTime,
}

impl ClockAnchor {
    /// The wall clock showed `wall` at `instant`.
    #[must_use]
    pub fn new(instant: Instant, wall: SystemTime) -> Self {
        Self { instant, wall }
    }

    /// Whether both local clocks went on alike since: `wall` is what the wall clock shows at `instant`, to the second.
    ///
    /// They do not across a suspend, in which the monotonic clock stands still, or a step of the wall clock. Anchored
    /// where an exchange was sent and asked where its reply came, this tells whether the exchange is evidence on a
    /// server's clock at all.
    ///
    /// ```
    /// use std::time::Duration;
    /// use clearance_core::clock::{ClockAnchor, SystemClock, WallClock};
    ///
    /// let (now, wall) = (tokio::time::Instant::now().into_std(), SystemClock.now());
    /// let sent = ClockAnchor::new(now, wall);
    ///
    /// let minute = Duration::from_secs(60);
    /// assert!(sent.kept_pace(now + minute, wall + minute));
    /// assert!(!sent.kept_pace(now + minute, wall + 60 * minute), "suspended for 59 minutes");
    /// ```
    #[must_use]
    pub fn kept_pace(&self, instant: Instant, wall: SystemTime) -> bool {
        (nanos_since_epoch(wall) - self.nanos_at(instant)).abs() <= nanos(Duration::from_secs(1))
    }

    /// Nanoseconds from 1970 to `instant`, were the wall clock not touched since.
    pub(super) fn nanos_at(&self, instant: Instant) -> i128 {
        let since = match instant.checked_duration_since(self.instant) {
            Some(since) => nanos(since),
            None => -nanos(self.instant.saturating_duration_since(instant)),
        };
        nanos_since_epoch(self.wall) + since
    }
}

impl fmt::Debug for ClockAnchor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClockAnchor")
            .field("wall", &self.wall)
            .finish_non_exhaustive()
    }
}

/// Nanoseconds from 1970. In `i128` no sum of such times overflows, however garbled a `Date` is.
pub(super) fn nanos_since_epoch(time: SystemTime) -> i128 {
    match time.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(after) => nanos(after),
        Err(before) => -nanos(before.duration()),
    }
}

/// The time that many nanoseconds after 1970. `None` for what is before, or beyond all calendars.
pub(super) fn from_nanos(nanos: i128) -> Option<SystemTime> {
    (nanos >= 0)
        .then(|| SystemTime::UNIX_EPOCH.checked_add(duration(nanos)))
        .flatten()
}

pub(super) fn nanos(duration: Duration) -> i128 {
    // At most 2⁶⁴ seconds: always fits.
    i128::try_from(duration.as_nanos()).unwrap_or(i128::MAX / 4)
}

/// How long that many nanoseconds are, whatever their sign.
pub(super) fn duration(nanos: i128) -> Duration {
    const SECOND: u128 = 1_000_000_000;
    let nanos = nanos.unsigned_abs();
    let Ok(seconds) = u64::try_from(nanos / SECOND) else {
        return Duration::MAX;
    };
    Duration::from_secs(seconds) + Duration::from_nanos((nanos % SECOND) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const NANO: Duration = Duration::from_nanos(1);

    fn anchor() -> (ClockAnchor, Instant, SystemTime) {
        let now = tokio::time::Instant::now().into_std() + 1000 * SECOND;
        let wall = SystemTime::UNIX_EPOCH + 5000 * SECOND;
        (ClockAnchor::new(now, wall), now, wall)
    }

    #[test]
    fn clocks_kept_pace_to_the_second() {
        let (anchor, now, wall) = anchor();
        let (later, shown) = (now + 60 * SECOND, wall + 60 * SECOND);
        assert!(anchor.kept_pace(later, shown));
        for (alike, parted) in [
            (shown + SECOND, shown + SECOND + NANO),
            (shown - SECOND, shown - SECOND - NANO),
        ] {
            assert!(anchor.kept_pace(later, alike));
            assert!(!anchor.kept_pace(later, parted));
        }
    }

    #[test]
    fn instants_on_either_side_of_the_anchor_stand_for_a_time() {
        let (anchor, now, _) = anchor();
        let seconds = |instant| anchor.nanos_at(instant) as f64 / 1e9;
        assert_eq!(seconds(now), 5000.0);
        assert_eq!(seconds(now + SECOND), 5001.0);
        assert_eq!(seconds(now - SECOND), 4999.0);
    }

    #[test]
    fn times_before_1970_count_backwards() {
        let epoch = SystemTime::UNIX_EPOCH;
        assert_eq!(nanos_since_epoch(epoch - SECOND), -1_000_000_000);
        assert_eq!(nanos_since_epoch(epoch + SECOND), 1_000_000_000);
        assert_eq!(from_nanos(-1), None);
        assert_eq!(from_nanos(0), Some(epoch));
        assert_eq!(from_nanos(1_500_000_000), Some(epoch + SECOND * 3 / 2));
        assert_eq!(from_nanos(i128::MAX), None);
    }

    #[test]
    fn a_duration_has_no_sign_and_an_end() {
        assert_eq!(duration(-1_500_000_000), SECOND * 3 / 2);
        assert_eq!(duration(nanos(Duration::MAX)), Duration::MAX);
        assert_eq!(duration(nanos(Duration::MAX) + 1), Duration::MAX);
    }

    #[test]
    fn an_anchor_shows_its_wall_clock() {
        let (anchor, _, wall) = anchor();
        assert!(format!("{anchor:?}").contains(&format!("{wall:?}")));
    }
}
