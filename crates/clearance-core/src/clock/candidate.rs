//! One clock among those that may stand behind a host's name.

use super::{
    OffsetInterval,
    bound::{Bound, Bounds},
    observation::Evidence,
};

/// Contradictions up to this are the scatter of one clock and not a second one: 50 ms. Machines behind one name are
/// kept together by NTP to a few milliseconds, and stamps are cached for as long; without some patience each such
/// trifle would look like a new clock, of which one stamp says nothing better than to the second.
const MAX_SCATTER: i128 = 50_000_000;

/// After so many replies without agreement, and so long, a clock is given up: 64 and 10 s.
const FORGOTTEN_AFTER: (u64, i128) = (64, 10_000_000_000);

#[derive(Clone, Debug)]
pub(super) struct Candidate {
    /// The count of the reply that began it, which no other has.
    pub(super) id: u64,
    bounds: Bounds,
    /// By how much its stamps contradicted each other lately.
    scatter: i128,
    /// The last stamp that agreed.
    stamp: i128,
    /// Whether two different stamps agreed.
    pub(super) confirmed: bool,
    /// The count of the last reply that agreed, and when it was received.
    pub(super) agreed: (u64, i128),
}

impl Candidate {
    pub(super) fn begun_by(evidence: &Evidence, reply: u64) -> Self {
        Self {
            id: reply,
            bounds: evidence.bounds,
            scatter: 0,
            stamp: evidence.stamp,
            confirmed: false,
            agreed: (reply, evidence.received()),
        }
    }

    /// Whether the evidence may be of this clock.
    pub(super) fn may_have_made(&self, evidence: &Evidence) -> bool {
        self.bounds.gap_to(&evidence.bounds) <= MAX_SCATTER
    }

    /// Whether this very stamp was its last. Once it no longer agrees, it is a copy out of somebody's cache.
    pub(super) fn has_shown(&self, evidence: &Evidence) -> bool {
        self.stamp == evidence.stamp
    }

    /// Learns from evidence that agrees.
    pub(super) fn learn(&mut self, evidence: &Evidence, reply: u64) {
        self.bounds.raise(evidence.bounds.lower);
        self.bounds.cap(evidence.bounds.upper);
        // It fades within some hundred replies unless it shows again.
        self.scatter = (self.scatter - self.scatter / 128).max(self.bounds.gap());
        // A slow exchange agrees with too much to prove anything.
        if !evidence.is_slow() {
            self.confirmed |= self.stamp != evidence.stamp;
            self.stamp = evidence.stamp;
            self.agreed = (reply, evidence.received());
        }
    }

    /// Learns an upper bound alone, if it agrees.
    pub(super) fn learn_upper(&mut self, upper: Bound) {
        let mut capped = self.bounds;
        capped.cap(upper);
        if capped.gap() <= MAX_SCATTER {
            self.bounds = capped;
            self.scatter = self.scatter.max(capped.gap());
        }
    }

    /// Where its offset lies at the local time `at`.
    pub(super) fn offset_at(&self, at: i128) -> OffsetInterval {
        self.bounds.at(at).widened(self.scatter)
    }

    pub(super) fn is_forgotten(&self, reply: u64, at: i128) -> bool {
        let (replies, time) = FORGOTTEN_AFTER;
        reply - self.agreed.0 >= replies && at - self.agreed.1 >= time
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::*;
    use crate::clock::{ClockAnchor, Observation};

    const SECOND: Duration = Duration::from_secs(1);

    fn evidence(stamp: Duration, sent: Duration, took: Duration) -> Evidence {
        let (now, wall) = (
            tokio::time::Instant::now().into_std(),
            SystemTime::UNIX_EPOCH + 9999 * SECOND,
        );
        Observation::new(wall + stamp, SECOND, now + sent, now + sent + took)
            .evidence(&ClockAnchor::new(now, wall))
    }

    #[test]
    fn scatter_shows_at_once_and_fades_within_some_hundred_replies() {
        let ms = Duration::from_millis(1);
        let mut clock = Candidate::begun_by(&evidence(SECOND, SECOND, Duration::ZERO), 1);
        // A clock 40 ms further on than the one that the first stamp allows.
        let strayed = evidence(2 * SECOND + 40 * ms, SECOND, Duration::ZERO);
        assert!(clock.may_have_made(&strayed));
        clock.learn(&strayed, 2);
        let scattered = clock.scatter;
        assert_eq!(scattered, 40_000_000);
        // From here on nothing contradicts anything.
        clock.bounds = strayed.bounds;
        for reply in 3..300 {
            let before = clock.scatter;
            clock.learn(&strayed, reply);
            assert_eq!(clock.scatter, before - before / 128);
        }
        assert!(clock.scatter < scattered / 8, "{}", clock.scatter);
    }

    #[test]
    fn more_than_fifty_milliseconds_are_another_clock() {
        let clock = Candidate::begun_by(&evidence(SECOND, SECOND, Duration::ZERO), 1);
        let off_by = |ms| {
            evidence(
                2 * SECOND + Duration::from_millis(ms),
                SECOND,
                Duration::ZERO,
            )
        };
        assert!(clock.may_have_made(&off_by(50)));
        assert!(!clock.may_have_made(&off_by(51)));
    }

    #[test]
    fn an_upper_bound_that_contradicts_by_more_than_the_scatter_is_not_believed() {
        let clock = Candidate::begun_by(&evidence(SECOND, SECOND, Duration::ZERO), 1);
        let lower = clock.bounds.lower;
        for (below, believed) in [(50_000_000, true), (50_000_001, false)] {
            let mut clock = clock.clone();
            clock.learn_upper(Bound {
                offset: lower.offset - below,
                at: lower.at,
            });
            assert_eq!(clock.bounds.gap() > 0, believed);
            assert_eq!(clock.scatter, if believed { below } else { 0 });
        }
    }

    #[test]
    fn five_seconds_are_not_slow_yet() {
        for (took, confirms) in [
            (5 * SECOND, true),
            (5 * SECOND + Duration::from_nanos(1), false),
        ] {
            let mut clock = Candidate::begun_by(&evidence(SECOND, SECOND, Duration::ZERO), 1);
            clock.learn(&evidence(3 * SECOND, 2 * SECOND, took), 2);
            assert_eq!(clock.confirmed, confirms, "{took:?}");
        }
    }

    #[test]
    fn a_clock_is_forgotten_after_64_replies_and_10_seconds() {
        let clock = Candidate::begun_by(&evidence(SECOND, SECOND, Duration::ZERO), 1);
        let since = |seconds: i128| clock.agreed.1 + seconds * 1_000_000_000;
        assert!(clock.is_forgotten(65, since(10)));
        assert!(!clock.is_forgotten(64, since(10)));
        assert!(!clock.is_forgotten(65, since(10) - 1));
    }
}
