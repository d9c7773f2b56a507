//! The hosts of one audience, by their slots.

use std::sync::{Arc, OnceLock};

use clearance_core::{Audience, OriginSlot};

use super::Host;

/// A slot is a place in an audience: of another audience it may be another host's.
pub(super) struct Hosts {
    audience: Option<Audience>,
    /// The first token that was sent with this audience.
    since: u64,
    places: [OnceLock<Arc<Host>>; OriginSlot::COUNT],
}

impl Hosts {
    fn new(since: u64, audience: Option<Audience>) -> Self {
        Self {
            audience,
            since,
            places: [const { OnceLock::new() }; OriginSlot::COUNT],
        }
    }

    /// Those that a token with this audience is sent to; where a newer one has another audience, the newer one's.
    pub(super) fn for_token(self: &Arc<Self>, token: u64, audience: &Audience) -> Arc<Self> {
        if token < self.since || self.audience.as_ref() == Some(audience) {
            return self.clone();
        }
        Arc::new(Self::new(token, Some(audience.clone())))
    }

    /// The place that a token means by a slot. `None`: it is older than this audience, and may mean another host.
    #[inline]
    pub(super) fn place(&self, slot: OriginSlot, token: u64) -> Option<&OnceLock<Arc<Host>>> {
        (token >= self.since).then(|| &self.places[slot.index()])
    }

    /// The host in a slot, if it was called.
    pub(super) fn get(&self, slot: usize) -> Option<&Arc<Host>> {
        self.places[slot].get()
    }
}

impl Default for Hosts {
    fn default() -> Self {
        Self::new(0, None)
    }
}
