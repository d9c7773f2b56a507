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

    /// Nanoseconds from 1970 to `instant`, were the wall clock not touched since.
    pub(crate) fn nanos_at(&self, instant: Instant) -> i128 {
        let since = signed(instant.checked_duration_since(self.instant), || {
            self.instant - instant
        });
        nanos_since_epoch(self.wall).saturating_add(since)
    }
}

impl fmt::Debug for ClockAnchor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClockAnchor")
            .field("wall", &self.wall)
            .finish_non_exhaustive()
    }
}

/// Nanoseconds from 1970; `i128`, since a garbled `Date` may lie anywhere.
pub(crate) fn nanos_since_epoch(time: SystemTime) -> i128 {
    let after = time.duration_since(SystemTime::UNIX_EPOCH);
    signed(after.as_ref().ok().copied(), || {
        after
            .as_ref()
            .map_or_else(|before| before.duration(), |_| Duration::ZERO)
    })
}

/// The time that many nanoseconds after 1970. `None` for what is before, or beyond all calendars.
pub(crate) fn from_nanos(nanos: i128) -> Option<SystemTime> {
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_nanos(u64::try_from(nanos).ok()?))
}

fn signed(forward: Option<Duration>, backward: impl FnOnce() -> Duration) -> i128 {
    forward.map_or_else(|| -nanos(backward()), nanos)
}

pub(crate) fn nanos(duration: Duration) -> i128 {
    i128::try_from(duration.as_nanos()).unwrap_or(i128::MAX / 4)
}
