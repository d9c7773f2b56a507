//! A server's clock, which is forgotten where the local clocks part.

use std::time::{Instant, SystemTime};

use clearance_core::clock::{ClockAnchor, ServerClock};

/// What is known of a server's clock counts on the monotonic one. While a machine sleeps that may stand still, and what
/// was learned before does not add up with what comes after.
pub(super) struct Paced {
    clock: ServerClock,
    anchor: ClockAnchor,
    /// When something was learned last.
    last: ClockAnchor,
    /// When the local clocks were last found to have parted.
    parted: Option<Instant>,
}

impl Paced {
    pub(super) fn new(anchor: ClockAnchor) -> Self {
        Self {
            clock: ServerClock::new(anchor),
            anchor,
            last: anchor,
            parted: None,
        }
    }

    /// The model, to be told of a reply that came now to a request that was sent at `sent`. `None`: the local clocks parted
    /// meanwhile, and how long the exchange took cannot be told.
    pub(super) fn learn(
        &mut self,
        sent: Instant,
        now: Instant,
        wall: SystemTime,
    ) -> Option<&mut ServerClock> {
        if !self.last.kept_pace(now, wall) {
            self.clock = ServerClock::new(self.anchor);
            self.parted = Some(now);
        }
        self.last = ClockAnchor::new(now, wall);
        let in_pace = self.parted.is_none_or(|parted| sent > parted);
        in_pace.then_some(&mut self.clock)
    }

    /// The model, if it still holds.
    pub(super) fn ask(&mut self, now: Instant, wall: SystemTime) -> Option<&mut ServerClock> {
        self.last.kept_pace(now, wall).then_some(&mut self.clock)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use clearance_core::clock::Observation;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn what_was_known_is_forgotten_where_the_local_clocks_part() {
        let (start, wall) = (
            tokio::time::Instant::now().into_std(),
            SystemTime::UNIX_EPOCH + 9999 * SECOND,
        );
        let mut paced = Paced::new(ClockAnchor::new(start, wall));
        let seen = Observation::new(wall + SECOND, SECOND, start, start);
        let mut knows = |now, wall| {
            let skew = paced.ask(now, wall).map(|clock| clock.skew().is_some());
            (
                skew,
                paced
                    .learn(now, now, wall)
                    .map(|clock| clock.observe(&seen)),
            )
        };
        assert_eq!(knows(start, wall), (Some(false), Some(())));
        let minute = 60 * SECOND;
        assert_eq!(knows(start + minute, wall + minute), (Some(true), Some(())));

        // An hour later by the wall clock alone. The exchange that saw this began before, as far as can be told.
        let (slept, woken) = (start + 2 * minute, wall + 62 * minute);
        assert_eq!(knows(slept, woken), (None, None));
        assert_eq!(knows(slept, woken), (Some(false), None));
        let later = slept + Duration::from_millis(1);
        assert!(paced.learn(slept, later, woken).is_none());
        assert!(paced.learn(later, later, woken).is_some());
    }
}
