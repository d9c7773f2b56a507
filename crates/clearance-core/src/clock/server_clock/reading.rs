//! What a model is asked for.

use std::time::{Instant, SystemTime};

use super::ServerClock;
use crate::clock::{
    OffsetInterval, Skew,
    anchor::{from_nanos, nanos_since_epoch},
};

/// All answers are `None` before the first observation. They are of the server's *stamps*: see
/// [`STAMP_LAG`](crate::clock::STAMP_LAG).
impl ServerClock {
    /// How far the server is ahead of the local clock at `instant`, as it was anchored: with every clock that is alive
    /// behind the name.
    #[must_use]
    pub fn offset_at(&self, instant: Instant) -> Option<OffsetInterval> {
        self.offset(self.local.nanos_at(instant))
    }

    /// How far the server is from the local wall clock as it was anchored, when it was last observed.
    #[must_use]
    pub fn skew(&self) -> Option<Skew> {
        self.offset(self.latest).map(OffsetInterval::skew)
    }

    /// How far the server is from what the local wall clock shows: `wall`, read at `instant`. Differs from
    /// [`skew`](Self::skew) once the local clock was stepped.
    #[must_use]
    pub fn skew_at(&self, instant: Instant, wall: SystemTime) -> Option<Skew> {
        let at = self.local.nanos_at(instant);
        let stepped = nanos_since_epoch(wall) - at;
        Some(self.offset(at)?.shifted(-stepped).skew())
    }

    /// What the server's clock most likely shows at `instant`. Of several clocks it is the one that led so far, as long
    /// as it still answers.
    #[must_use]
    pub fn time_at(&self, instant: Instant) -> Option<SystemTime> {
        let at = self.local.nanos_at(instant);
        from_nanos(at + self.leader()?.offset_at(at).middle())
    }

    /// The earliest time that it may be for the server at `instant`.
    #[must_use]
    pub fn earliest_at(&self, instant: Instant) -> Option<SystemTime> {
        let at = self.local.nanos_at(instant);
        from_nanos(at + self.offset(at)?.lower())
    }

    /// The latest time that it may be for the server at `instant`.
    #[must_use]
    pub fn latest_at(&self, instant: Instant) -> Option<SystemTime> {
        let at = self.local.nanos_at(instant);
        from_nanos(at + self.offset(at)?.upper())
    }

    /// How many clocks there are behind the name, as far as two stamps or more speak for each.
    #[must_use]
    pub fn clocks(&self) -> usize {
        let confirmed = self.candidates.iter().filter(|clock| clock.confirmed);
        confirmed.count().max(self.candidates.len().min(1))
    }

    fn offset(&self, at: i128) -> Option<OffsetInterval> {
        let offsets = self.candidates.iter().map(|clock| clock.offset_at(at));
        offsets.reduce(OffsetInterval::span)
    }
}
