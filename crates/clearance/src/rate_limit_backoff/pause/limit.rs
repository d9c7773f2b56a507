//! One key's limit while it is in sight, and when those it holds may leave.

use std::time::Duration;

use tokio::time::Instant;

use crate::rate_limit_backoff::pace::Pace;

/// How long a call waits at most before it looks whether its turn comes too late for it by now.
pub(super) const LOOK_AGAIN: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(super) struct Limit {
    /// Nothing is sent before.
    pub(super) until: Instant,
    pub(super) pace: Pace,
}

/// What a call that is held waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) struct Due {
    /// When it is expected to leave.
    pub(in super::super) turn: Instant,
    /// When it is to ask again.
    pub(in super::super) again: Instant,
}

impl Due {
    /// At a time that is certain.
    pub(in super::super) fn at(time: Instant) -> Self {
        Self {
            turn: time,
            again: time,
        }
    }
}

impl Limit {
    /// What a call with so many before it waits for.
    pub(super) fn due(&self, now: Instant, before: usize) -> Due {
        let turn = self.pace.due(before).max(self.until).max(now);
        // The rate may grow meanwhile: those further back ask again a little before.
        let early = if before > 1 {
            (turn - now) / 5
        } else {
            Duration::ZERO
        };
        Due {
            turn,
            again: (turn - early).max(self.until).min(now + LOOK_AGAIN),
        }
    }
}
