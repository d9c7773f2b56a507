//! The cache as seen from outside: settings in, figures out.

use std::{sync::Arc, time::Duration};

use http::HeaderValue;
use tokio::time::Instant;

use super::{Counts, Life, Ticket, TokenCache, UNLIMITED, refusal::Verdict};

/// All that a waiting call may be waiting for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Outlook {
    current: Option<u64>,
    verdict: Option<Verdict>,
    hosts: usize,
    free_to_try: Option<u64>,
    on_trial: bool,
    in_flight: Option<Ticket>,
    ended: Option<Ticket>,
}

impl TokenCache {
    pub(crate) fn outlook(&self) -> Outlook {
        Outlook {
            current: self.current.as_ref().map(|token| token.id),
            verdict: self.verdict,
            hosts: self.youths.len(),
            free_to_try: self.free_to_try(),
            on_trial: self.trial.is_some(),
            in_flight: self.in_flight.map(|flight| flight.ticket),
            ended: self.ended.as_ref().map(|(ticket, _)| *ticket),
        }
    }

    /// A token that calls still carry.
    pub(crate) fn sent_token(&self, id: u64) -> Option<HeaderValue> {
        let trial = self.trial.as_ref().map(|trial| &trial.token);
        let mut tokens = self.current.iter().chain(trial);
        Some(tokens.find(|token| token.id == id)?.header.clone())
    }

    pub(crate) fn set_soft_margin(&mut self, margin: Duration) {
        self.margins.soft = Some(margin);
    }

    pub(crate) fn set_hard_margin(&mut self, margin: Duration) {
        self.margins.hard = Some(margin);
    }

    pub(crate) fn set_patience(&mut self, patience: Duration) {
        self.patience = patience.min(UNLIMITED);
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

    /// How long a route is told apart from others after a refusal.
    const WATCH: Duration = Duration::from_secs(300);

    /// The routes that refuse tokens; `None` if routes need not be told apart.
    pub(crate) fn watched_routes(&self, now: Instant) -> Option<Vec<u64>> {
        self.watched_at.filter(|at| now < *at + Self::WATCH)?;
        let mut routes: Vec<_> = self.routes.known().collect();
        routes.sort_unstable();
        Some(routes)
    }

    /// Half of the life of a token that has an absolute end.
    pub(crate) fn half_life(&self) -> Option<Duration> {
        let token = self
            .current
            .as_ref()
            .filter(|token| token.expires_at.is_some())?;
        Some((token.life.deadline + token.shortened - token.begun) / 2)
    }

    /// A host is ahead of the issuer by this much: what has an absolute end, ends there earlier.
    pub(crate) fn shorten(&mut self, ahead: Duration) {
        self.ahead = ahead;
        let Some(token) = self
            .current
            .as_ref()
            .filter(|token| token.expires_at.is_some())
        else {
            return;
        };
        let more = ahead.saturating_sub(token.shortened);
        if more > Duration::from_secs(1) {
            self.current = Some(Arc::new(token.with_shortened(more)));
        }
    }

    /// The number of the present token; 0: there is none yet.
    pub(crate) fn generation(&self) -> u64 {
        self.current.as_ref().map_or(0, |token| token.id)
    }

    /// How old a token must be for the host in this slot.
    pub(crate) fn ripening_of(&self, slot: usize) -> Option<Duration> {
        self.ripening.get(&slot).copied()
    }

    pub(crate) fn is_refused(&self) -> bool {
        self.verdict.is_some()
    }
}
