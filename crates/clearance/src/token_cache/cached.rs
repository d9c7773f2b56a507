//! A token as it is shared between calls.

use std::{
    fmt,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use clearance_core::{Audience, OriginSlot};
use http::HeaderValue;
use tokio::time::Instant;

use super::Life;

/// A token, its life, and where it was accepted.
pub(crate) struct CachedToken {
    /// Counts the tokens of one cache: a larger one is newer.
    pub(crate) id: u64,
    pub(crate) header: HeaderValue,
    pub(crate) audience: Option<Audience>,
    pub(crate) life: Life,
    /// A bit for each origin that took it.
    accepted: AtomicU64,
}

impl CachedToken {
    pub(crate) fn new(
        id: u64,
        header: HeaderValue,
        audience: Option<Audience>,
        life: Life,
    ) -> Self {
        Self {
            id,
            header,
            audience,
            life,
            accepted: AtomicU64::new(0),
        }
    }

    /// Whether it lives at least this much longer.
    pub(crate) fn outlives(&self, min: Duration) -> bool {
        self.life.deadline.saturating_duration_since(Instant::now()) >= min
    }

    /// Whether an origin has taken this token, by its first 2xx or 304.
    pub(crate) fn was_accepted(&self, by: OriginSlot) -> bool {
        self.accepted.load(Ordering::Relaxed) & bit(by) != 0
    }

    pub(crate) fn note_accepted(&self, by: OriginSlot) {
        self.accepted.fetch_or(bit(by), Ordering::Relaxed);
    }
}

fn bit(slot: OriginSlot) -> u64 {
    1 << slot.index()
}

impl fmt::Debug for CachedToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CachedToken")
            .field("id", &self.id)
            .field("life", &self.life)
            .finish_non_exhaustive()
    }
}
