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
