//! The cache as seen from outside: settings in, figures out.

use std::time::Duration;

use tokio::time::Instant;

use super::{Counts, Life, TokenCache};

impl TokenCache {
    pub(crate) fn set_soft_margin(&mut self, margin: Duration) {
        self.margins.soft = Some(margin);
    }

    pub(crate) fn set_hard_margin(&mut self, margin: Duration) {
        self.margins.hard = Some(margin);
    }

    pub(crate) fn set_patience(&mut self, patience: Duration) {
        self.patience = patience;
    }

    pub(crate) fn counts(&self) -> &Counts {
        &self.counts
    }

    pub(crate) fn life(&self) -> Option<Life> {
        self.current.as_ref().map(|token| token.life)
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.life().map(|life| life.deadline)
    }

    pub(crate) fn is_refreshing(&self) -> bool {
        self.in_flight.is_some()
    }

    pub(crate) fn is_refused(&self) -> bool {
        self.verdict.is_some()
    }
}
