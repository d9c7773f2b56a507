//! What a call is told to do, and what it remembers while it waits.

use std::sync::Arc;

use clearance_core::{OriginSlot, TokenError};
use tokio::time::Instant;

use super::{CachedToken, Ticket};

/// What one caller remembers while it waits.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Waiting {
    pub(super) since: Option<Instant>,
    pub(super) ticket: Option<Ticket>,
    pub(super) restarted: bool,
    /// The host that the caller calls, as far as it is known.
    pub(super) to: Option<OriginSlot>,
    deadline: Option<Instant>,
}

impl Waiting {
    /// Of a caller that waits for its reply no longer than until then.
    pub(crate) fn until(deadline: Option<Instant>) -> Self {
        Self {
            deadline,
            ..Self::default()
        }
    }

    /// Of a call to this host.
    pub(crate) fn to(self, host: OriginSlot) -> Self {
        Self {
            to: Some(host),
            ..self
        }
    }

    /// How long to wait for a better token than one that is to be sent at `last_call` at the latest: half of the caller's
    /// own time is for its reply.
    pub(super) fn last_call(&self, last_call: Instant) -> Instant {
        let half = |(since, deadline): (Instant, Instant)| {
            since + deadline.saturating_duration_since(since) / 2
        };
        let own = self.since.zip(self.deadline).map(half);
        own.map_or(last_call, |own| own.min(last_call))
    }

    /// The wait has ended with a token. If it is asked for anew after another wait, that refresh is history.
    pub(crate) fn granted(&mut self) {
        self.ticket = None;
    }

    /// When it began.
    pub(crate) fn since(&self) -> Option<Instant> {
        self.since
    }

    /// Waiting for this refresh, and held since then.
    pub(super) fn on(ticket: Option<Ticket>, since: Option<Instant>) -> Self {
        Self {
            since,
            ticket,
            ..Self::default()
        }
    }
}

/// What a call is to do.
#[derive(Debug)]
pub(crate) enum Answer {
    /// Send this token.
    Attach(Arc<CachedToken>),
    /// Send this token and tell how it fared: all others may be waiting to know.
    Try(Arc<CachedToken>),
    /// Ask again when something has changed, or at this moment.
    Wait(Instant),
    Fail(TokenError),
}
