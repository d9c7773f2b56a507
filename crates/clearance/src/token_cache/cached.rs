//! A token as it is shared between calls.

use std::{
    fmt,
    sync::atomic::Ordering,
    time::{Duration, SystemTime},
};

use clearance_core::{Audience, OriginSlot};
use http::HeaderValue;
use tokio::time::Instant;

use super::{Born, Life, Minted};
use crate::{server_clocks::Sending, sync::AtomicU64};

/// A token, its life, and where it was accepted.
pub(crate) struct CachedToken {
    /// Counts the tokens of one cache: a larger one is newer.
    pub(crate) id: u64,
    pub(crate) header: HeaderValue,
    pub(crate) audience: Option<Audience>,
    pub(crate) life: Life,
    /// By how much it ends earlier than the issuer says.
    pub(crate) shortened: Duration,
    /// When it was asked for.
    pub(crate) begun: Instant,
    /// From when on it is valid, as far as that is known.
    pub(crate) born: Option<Born>,
    /// The issuer's word on its end, on the issuer's clock.
    pub(crate) expires_at: Option<SystemTime>,
    /// What the wall clock will show at its end, unless the machine sleeps or the clock is set. `None`: too far off.
    wall_end: Option<SystemTime>,
    /// A bit for each origin that took it.
    accepted: AtomicU64,
}

impl CachedToken {
    /// `ahead` is what its life is shortened by if it has an absolute end.
    pub(crate) fn new(id: u64, minted: Minted, life: Life, ahead: Duration) -> Self {
        let shortened = if minted.expires_at.is_some() {
            ahead
        } else {
            Duration::ZERO
        };
        let life = life.shortened(shortened);
        let left = life.deadline.saturating_duration_since(minted.received);
        Self {
            id,
            wall_end: minted.wall.checked_add(left),
            header: minted.header,
            audience: minted.audience,
            life,
            shortened,
            begun: minted.requested,
            born: minted.born,
            expires_at: minted.expires_at,
            accepted: AtomicU64::new(0),
        }
    }

    /// The same token, ending earlier.
    pub(crate) fn with_shortened(&self, by: Duration) -> Self {
        Self {
            life: self.life.shortened(by),
            shortened: self.shortened + by,
            ..self.copy()
        }
    }

    /// The same token, handed out once more.
    pub(crate) fn with_wall(&self, minted: &Minted) -> Self {
        let left = self
            .life
            .deadline
            .saturating_duration_since(minted.received);
        Self {
            wall_end: minted.wall.checked_add(left),
            ..self.copy()
        }
    }

    fn copy(&self) -> Self {
        Self {
            id: self.id,
            header: self.header.clone(),
            audience: self.audience.clone(),
            life: self.life,
            shortened: self.shortened,
            begun: self.begun,
            born: self.born,
            expires_at: self.expires_at,
            wall_end: self.wall_end,
            accepted: AtomicU64::new(self.accepted.load(Ordering::Relaxed)),
        }
    }

    /// Whether it is over by a wall clock that shows this, while by the monotonic one it need not be: the machine slept,
    /// or the clock was set.
    #[inline]
    pub(crate) fn is_over(&self, wall: SystemTime) -> bool {
        self.wall_end.is_some_and(|end| wall > end)
    }

    /// Whether it may be sent without a thought: it is fresh, by the wall clock too.
    #[inline]
    pub(crate) fn is_fresh(&self, now: Sending) -> bool {
        now.at < self.life.soft && !self.is_over(now.wall)
    }

    pub(crate) fn was_accepted_anywhere(&self) -> bool {
        self.accepted.load(Ordering::Relaxed) != 0
    }

    /// Whether it lives at least this much longer.
    pub(crate) fn outlives(&self, min: Duration) -> bool {
        self.life.deadline.saturating_duration_since(Instant::now()) >= min
    }

    /// Whether an origin has taken this token, by its first 2xx or 304.
    #[inline]
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
