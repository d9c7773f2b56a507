//! A wall clock on tokio's time.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, SystemTime},
};

use clearance_core::clock::WallClock;
use tokio::time::Instant;

/// A wall clock that follows tokio's `Instant`, so that it stands still and jumps together with paused time. Its clones
/// are the same clock.
///
/// Under paused time the machine's own clock hardly moves, which looks to a client like a clock that was set back.
/// Make it within the runtime whose time it is to follow.
///
/// Its steps and drift come to 292 years at most; beyond that it stays.
///
/// ```
/// use std::time::{Duration, SystemTime};
/// use clearance_core::clock::WallClock;
/// use clearance_test::TokioWallClock;
/// # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(async {
///
/// let clock = TokioWallClock::starting_at(SystemTime::UNIX_EPOCH);
/// tokio::time::sleep(Duration::from_secs(60)).await;
/// clock.step(-20.0);
///
/// let shown = clock.now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
/// assert_eq!(shown.as_secs(), 40);
/// # });
/// ```
#[derive(Clone)]
#[must_use]
pub struct TokioWallClock {
    start: SystemTime,
    origin: Instant,
    /// How much too fast it runs, in millionths.
    drift: f64,
    /// The sum of all steps, in nanoseconds.
    stepped: Arc<AtomicI64>,
}

impl TokioWallClock {
    /// A clock that shows `start` now.
    pub fn starting_at(start: SystemTime) -> Self {
        Self {
            start,
            origin: Instant::now(),
            drift: 0.0,
            stepped: Arc::new(AtomicI64::new(0)),
        }
    }

    /// Lets it run too fast by `ppm` millionths, or too slow where negative. Clones made before keep their pace.
    pub fn with_drift(mut self, ppm: f64) -> Self {
        self.drift = ppm;
        self
    }

    /// Sets it forward by this many seconds, or back where negative.
    pub fn step(&self, seconds: f64) {
        let step = nanos_of(seconds);
        let add = |stepped: i64| Some(stepped.saturating_add(step));
        let _ = self
            .stepped
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, add);
    }
}

impl WallClock for TokioWallClock {
    fn now(&self) -> SystemTime {
        let elapsed = self.origin.elapsed();
        let drifted = nanos_of(elapsed.as_secs_f64() * self.drift / 1e6);
        let shift = self.stepped.load(Ordering::Relaxed).saturating_add(drifted);
        let distance = Duration::from_nanos(shift.unsigned_abs());
        if shift < 0 {
            self.start + elapsed - distance
        } else {
            self.start + elapsed + distance
        }
    }
}

impl fmt::Debug for TokioWallClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TokioWallClock").field(&self.now()).finish()
    }
}

/// As many as there can be, where there would be more.
fn nanos_of(seconds: f64) -> i64 {
    (seconds * 1e9).round() as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(clock: &TokioWallClock) -> Duration {
        clock.now().duration_since(SystemTime::UNIX_EPOCH).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn drift_and_steps_add_up() {
        let start = SystemTime::UNIX_EPOCH + Duration::from_secs(10_000);
        let clock = TokioWallClock::starting_at(start).with_drift(-100.0);
        let same = clock.clone();
        tokio::time::advance(Duration::from_secs(1_000)).await;
        same.step(0.25);
        assert_eq!(shown(&clock), Duration::from_millis(11_000_150));
        same.step(-3_600.0);
        assert_eq!(shown(&clock), Duration::from_millis(7_400_150));
    }

    #[tokio::test(start_paused = true)]
    async fn steps_do_not_wrap() {
        for (steps, is_later) in [([1e10, 1.0], true), ([-1e10, -1.0], false)] {
            let start = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
            let clock = TokioWallClock::starting_at(start);
            for step in steps {
                clock.step(step);
                assert_eq!(clock.now() > start, is_later, "{clock:?}");
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_step_and_a_drift_do_not_panic() {
        let start = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        let clock = TokioWallClock::starting_at(start).with_drift(1000.0);
        clock.step(1e10);
        tokio::time::advance(Duration::from_secs(10)).await;
        assert!(clock.now() > start);
    }
}
