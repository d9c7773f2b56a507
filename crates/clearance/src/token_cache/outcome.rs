//! How a refresh ends, and what is remembered of a failure.

use std::{sync::Arc, time::Duration};

use clearance_core::TokenError;
use tokio::time::Instant;

use super::{
    CachedToken, Life, Minted, Ticket, TokenCache, UNLIMITED,
    restraint::{Bucket, hold_off},
    routes::Routes,
};

/// A failure that nobody has looked into for so long says nothing of the issuer now.
const FORGOTTEN: Duration = Duration::from_secs(60);

#[derive(Clone, Debug)]
pub(super) struct Failure {
    pub(super) error: TokenError,
    in_row: u32,
    pub(super) until: Instant,
}

impl Failure {
    pub(super) fn is_forgotten(&self, now: Instant) -> bool {
        now >= self.until + FORGOTTEN
    }
}

impl TokenCache {
    /// A refresh brought a token.
    pub(crate) fn refreshed(
        &mut self,
        now: Instant,
        ticket: Ticket,
        minted: Minted,
        chance: f64,
    ) -> Result<(), TokenError> {
        let Some(flight) = self.in_flight.take_if(|flight| flight.ticket == ticket) else {
            return Ok(());
        };
        let living = self
            .current
            .clone()
            .filter(|token| now < token.life.deadline);
        let no_fresher = |token: &Arc<CachedToken>| {
            let ends_earlier =
                minted.requested + minted.lifetime.min(UNLIMITED) <= token.life.deadline;
            token.header == minted.header || (ends_earlier && self.verdict.is_none())
        };
        if let Some(kept) = living.filter(no_fresher) {
            // A jump of the wall clock is explained by this answer, too.
            self.current = Some(Arc::new(kept.with_wall(&minted)));
            let error = TokenError::unavailable(
                "the issuer handed back a token that lives no longer than the old one",
            );
            self.fail(now, ticket, error.clone(), chance);
            // It is served to its end, and not a moment is lost then.
            let until = |failure: Failure| Failure {
                until: failure.until.min(kept.life.deadline),
                ..failure
            };
            self.failure = self.failure.take().map(until);
            return Err(error);
        }
        self.renewal = now.saturating_duration_since(flight.started);
        self.failure = None;
        self.ended = Some((ticket, Ok(())));
        self.tokens += 1;
        let life = self.life_of(&minted);
        let token = Arc::new(CachedToken::new(self.tokens, minted, life));
        self.take(now, token);
        Ok(())
    }

    fn life_of(&self, minted: &Minted) -> Life {
        // A successor has to be there before it is ripe.
        let early = self.renewal + self.ripening() / 2;
        let life = self
            .margins
            .life(minted.requested, minted.received, minted.lifetime, early);
        if minted.expires_at.is_some() {
            life.shortened(self.ahead)
        } else {
            life
        }
    }

    /// A refresh failed; it is not asked again before its hold-off ends.
    pub(crate) fn failed(&mut self, now: Instant, ticket: Ticket, error: TokenError, chance: f64) {
        if self
            .in_flight
            .take_if(|flight| flight.ticket == ticket)
            .is_some()
        {
            self.fail(now, ticket, error, chance);
        }
    }

    /// A refresh failed on our side, as by a panic. The first time that is a slip, and the next call tries at once.
    pub(crate) fn slipped(&mut self, now: Instant, ticket: Ticket, error: TokenError) {
        let again = self.failure.is_some();
        self.failed(now, ticket, error, 0.0);
        if let Some(failure) = self.failure.as_mut().filter(|_| !again) {
            failure.until = now;
        }
    }

    /// A refresh ended without a word: its task was dropped.
    pub(crate) fn vanished(&mut self, ticket: Ticket) {
        self.in_flight = self.in_flight.filter(|flight| flight.ticket != ticket);
    }

    /// Ends all hold-offs.
    pub(crate) fn retry_now(&mut self) {
        self.failure = None;
        self.next_try = None;
        self.bucket = Bucket::full();
        self.routes = Routes::default();
    }

    fn fail(&mut self, now: Instant, ticket: Ticket, error: TokenError, chance: f64) {
        let in_row = self
            .failure
            .as_ref()
            .map_or(0, |failure| failure.in_row)
            .saturating_add(1);
        self.counts.failures += 1;
        self.counts.last_error = Some(error.clone());
        self.ended = Some((ticket, Err(error.clone())));
        self.failure = Some(Failure {
            until: now + hold_off(&error, in_row, chance),
            in_row,
            error,
        });
    }
}
