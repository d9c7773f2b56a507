//! What is known of one server's clock.

use std::time::SystemTime;

use super::{ClockAnchor, Observation, OffsetInterval, Skew, anchor};

/// A first estimate of one server's clock: what all observations allow, begun anew when one contradicts the rest.
#[derive(Clone, Copy, Debug)]
pub struct ServerClock {
    local: ClockAnchor,
    offset: Option<OffsetInterval>,
}

impl ServerClock {
    /// Nothing is known yet; offsets are counted from `local`.
    #[must_use]
    pub fn new(local: ClockAnchor) -> Self {
        Self {
            local,
            offset: None,
        }
    }

    /// Takes one more observation into account.
    pub fn observe(&mut self, observation: &Observation) {
        let seen = observation.offset(&self.local);
        // A contradiction means that a clock was stepped: the newest evidence is the one that holds.
        self.offset = Some(
            self.offset
                .and_then(|known| known.intersect(seen))
                .unwrap_or(seen),
        );
    }

    /// How far the server is from the local wall clock as it was anchored. `None` before the first observation.
    #[must_use]
    pub fn skew(&self) -> Option<Skew> {
        self.offset.map(OffsetInterval::skew)
    }

    /// How far the server is from what the local wall clock shows: `wall`, read at `instant`. Differs from
    /// [`skew`](Self::skew) once the local clock was stepped.
    #[must_use]
    pub fn skew_at(&self, instant: std::time::Instant, wall: SystemTime) -> Option<Skew> {
        let stepped = anchor::nanos_since_epoch(wall) - self.local.nanos_at(instant);
        self.offset.map(|offset| offset.shifted(-stepped).skew())
    }

    /// What the server's clock most likely shows at `instant`. `None` before the first observation.
    #[must_use]
    pub fn time_at(&self, instant: std::time::Instant) -> Option<SystemTime> {
        let offset = self.offset?;
        anchor::from_nanos(self.local.nanos_at(instant).saturating_add(offset.middle()))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn clock() -> (ServerClock, std::time::Instant, SystemTime) {
        let (now, wall) = (
            tokio::time::Instant::now().into_std() + 1000 * SECOND,
            SystemTime::UNIX_EPOCH + 5000 * SECOND,
        );
        (ServerClock::new(ClockAnchor::new(now, wall)), now, wall)
    }

    #[test]
    fn several_replies_narrow_the_interval() {
        let (mut clock, now, wall) = clock();
        for tenth in 0..10 {
            // True offset: 7 s. The server floors to the second.
            let at = now + SECOND / 10 * tenth;
            let stamp = wall + 7 * SECOND;
            clock.observe(&Observation::new(stamp, SECOND, at, at + SECOND / 100));
        }
        let skew = clock.skew().unwrap();
        assert!(
            skew.covers(7 * SECOND) && skew.error() < SECOND / 10,
            "{skew}"
        );
    }

    #[test]
    fn a_contradiction_begins_anew() {
        let (mut clock, now, wall) = clock();
        clock.observe(&Observation::new(wall, SECOND, now, now));
        clock.observe(&Observation::new(wall - 60 * SECOND, SECOND, now, now));
        let skew = clock.skew().unwrap();
        assert!(skew.is_server_behind(), "{skew}");
        assert_eq!(skew.to_string(), "−59.50 s ± 0.50 s, server behind");
    }

    #[test]
    fn a_step_of_the_local_clock_changes_what_people_are_told() {
        let (mut clock, now, wall) = clock();
        clock.observe(&Observation::new(wall, SECOND, now, now));
        let skew = clock.skew_at(now + SECOND, wall + 3601 * SECOND).unwrap();
        assert!(
            skew.is_server_behind() && skew.magnitude() > 3590 * SECOND,
            "{skew}"
        );
    }

    #[test]
    fn it_tells_the_time() {
        let (mut clock, now, wall) = clock();
        clock.observe(&Observation::new(
            wall + 7 * SECOND,
            Duration::ZERO,
            now,
            now,
        ));
        assert_eq!(clock.time_at(now + 5 * SECOND), Some(wall + 12 * SECOND));
    }

    #[test]
    fn a_date_at_the_end_of_time_does_not_overflow() {
        let (mut clock, now, _) = clock();
        let end = super::super::parse_http_date("Fri, 31 Dec 9999 23:59:59 GMT").unwrap();
        clock.observe(&Observation::new(end, SECOND, now, now));
        assert!(clock.skew().unwrap().is_server_ahead());
    }
}
