//! What is known of one server's clock.

mod reading;

use std::time::Instant;

use super::{ClockAnchor, Observation, bound::Bound, candidate::Candidate, observation::Evidence};

/// More clocks than this behind one name are not kept apart.
const MAX_CLOCKS: usize = 4;

/// The clock that the time is told by gives way to another after so many replies that were not its own. Of two nodes that
/// answer by chance, each is silent for that long once in 2¹⁶ replies.
const LEADS_FOR: u64 = 16;

/// A model of the clock behind one name, or of the clocks: balancers have several nodes.
///
/// It is told of replies and asked for times. The [module](super) says what it believes and why.
#[derive(Clone, Debug)]
pub struct ServerClock {
    local: ClockAnchor,
    candidates: Vec<Candidate>,
    /// The candidate that the time is told by.
    leader: u64,
    /// How many replies were observed.
    replies: u64,
    /// When the last of them was received.
    latest: i128,
    watched: Option<Watched>,
}

/// The text that the caller compares replies with.
#[derive(Clone, Copy, Debug)]
struct Watched {
    /// The server's time at which its second is over.
    end: i128,
    /// Whose it is.
    candidate: u64,
}

/// Whose clock made a stamp.
enum Author {
    Known(usize),
    New,
    /// It may have been several, or proves nothing.
    Unknown,
}

impl ServerClock {
    /// Nothing is known yet; offsets are counted from `local`.
    #[must_use]
    pub fn new(local: ClockAnchor) -> Self {
        Self {
            local,
            candidates: Vec::new(),
            leader: 0,
            replies: 0,
            latest: i128::MIN,
            watched: None,
        }
    }

    /// Takes one more observation into account.
    pub fn observe(&mut self, observation: &Observation) {
        self.believe(&observation.evidence(&self.local));
    }

    /// Takes an observation into account whose text is another one than that of the call before.
    ///
    /// For a caller that compares texts ([`date_fingerprint`](super::date_fingerprint)) and comes here only when one
    /// differs. Of all replies with the text of the call before, that one included, `previous_last_sent` is when the
    /// last was *sent*: the server's second had not ended then. Together the two bound the offset from both sides, as
    /// no lone stamp does. `None` if that time is not known.
    ///
    /// The caller need not lock for the comparison. Replies may come in any order; a send time that is too early, or of
    /// a reply with an *older* text, says less but nothing wrong.
    pub fn observe_change(
        &mut self,
        previous_last_sent: Option<Instant>,
        observation: &Observation,
    ) {
        if let Some(sent) = previous_last_sent {
            self.observe_unchanged(sent);
        }
        let evidence = observation.evidence(&self.local);
        let candidate = self.believe(&evidence);
        // A text that came late is not watched: a caller without a lock may yet take a reply with the newer one for a
        // reply with this, which would prolong its second.
        let came_late = (self.watched.take()).is_some_and(|newer| evidence.end < newer.end);
        self.watched = candidate.filter(|_| !came_late).map(|candidate| Watched {
            end: evidence.end,
            candidate,
        });
    }

    /// The text of the last [`observe_change`](Self::observe_change) was still seen in a reply to a request that was
    /// sent at `last_sent`. To be told before asking, by a caller that keeps this to itself until the text changes.
    pub fn observe_unchanged(&mut self, last_sent: Instant) {
        let Some(Watched { end, candidate: id }) = self.watched else {
            return;
        };
        let at = self.local.nanos_at(last_sent);
        let mut candidates = self.candidates.iter_mut();
        if let Some(candidate) = candidates.find(|candidate| candidate.id == id) {
            candidate.learn_upper(Bound {
                offset: end - at,
                at,
            });
        }
    }

    /// Learns from the evidence. Tells whose it is, if that is certain.
    fn believe(&mut self, evidence: &Evidence) -> Option<u64> {
        self.replies += 1;
        self.latest = self.latest.max(evidence.received());
        let (reply, latest) = (self.replies, self.latest);
        let id = match self.author(evidence) {
            Author::Known(index) => {
                self.candidates[index].learn(evidence, reply);
                self.candidates[index].id
            }
            Author::New => {
                self.make_room();
                self.candidates.push(Candidate::begun_by(evidence, reply));
                reply
            }
            Author::Unknown => return None,
        };
        self.candidates
            .retain(|candidate| candidate.id == id || !candidate.is_forgotten(reply, latest));
        self.elect();
        Some(id)
    }

    fn author(&self, evidence: &Evidence) -> Author {
        // A clock that one stamp alone speaks for must not take stamps from one that is known better.
        for confirmed in [true, false] {
            let mut agreeing = (0..self.candidates.len()).filter(|&index| {
                let candidate = &self.candidates[index];
                candidate.confirmed == confirmed && candidate.may_have_made(evidence)
            });
            match (agreeing.next(), agreeing.next()) {
                (Some(index), None) => return Author::Known(index),
                (Some(_), Some(_)) => return Author::Unknown,
                (None, _) => {}
            }
        }
        let is_copy = self
            .candidates
            .iter()
            .any(|known| known.has_shown(evidence));
        if self.candidates.is_empty() || !(is_copy || evidence.is_slow()) {
            Author::New
        } else {
            Author::Unknown
        }
    }

    /// Gives up the clock that is most likely gone, if there are too many.
    fn make_room(&mut self) {
        if self.candidates.len() < MAX_CLOCKS {
            return;
        }
        let standing = |index: &usize| {
            let candidate = &self.candidates[*index];
            (candidate.confirmed, candidate.agreed.0)
        };
        if let Some(last) = (0..self.candidates.len()).min_by_key(standing) {
            self.candidates.swap_remove(last);
        }
    }

    fn elect(&mut self) {
        let leads_on = self
            .leader()
            .is_some_and(|leader| leader.confirmed && self.replies - leader.agreed.0 < LEADS_FOR);
        if !leads_on {
            let standing = |candidate: &&Candidate| (candidate.confirmed, candidate.agreed.0);
            let first = self.candidates.iter().max_by_key(standing);
            self.leader = first.map_or(0, |candidate| candidate.id);
        }
    }

    fn leader(&self) -> Option<&Candidate> {
        self.candidates
            .iter()
            .find(|candidate| candidate.id == self.leader)
    }
}

#[cfg(test)]
mod tests;
