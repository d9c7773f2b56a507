//! How a refresh ends, and what is remembered of a failure.

use std::{sync::Arc, time::Duration};

use clearance_core::TokenError;
use tokio::time::Instant;

use super::{
    CachedToken, Minted, Ticket, TokenCache, UNLIMITED,
    refusal::Verdict,
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
        // What has an absolute end is not renewed by being handed out once more.
        let is_over = |token: &CachedToken| {
            now >= token.life.deadline
                && (minted.expires_at.is_none() || token.expires_at != minted.expires_at)
        };
        let living = self.current.clone().filter(|token| !is_over(token));
        let no_fresher = |token: &Arc<CachedToken>| {
            let ends_earlier =
                minted.requested + minted.lifetime.min(UNLIMITED) <= token.life.deadline;
            token.header == minted.header
                || (ends_earlier && self.verdict.is_none() && !token.is_over(minted.wall))
        };
        if let Some(kept) = living.filter(no_fresher) {
            if self.verdict == Some(Verdict::Revoked) && kept.header == minted.header {
                // The issuer stands by it.
                self.verdict = None;
            }
            // A jump of the wall clock is explained by this answer, too.
            self.current = Some(Arc::new(kept.with_wall(&minted)));
            let error = TokenError::unavailable(
                "the issuer handed back a token that lives no longer than the old one",
            );
            self.fail(now, ticket, error.clone(), chance);
            // It is served to its end, and not a moment is lost then.
            let end = Some(kept.life.deadline).filter(|end| now < *end);
            let until = |failure: Failure| Failure {
                until: end.map_or(failure.until, |end| failure.until.min(end)),
                ..failure
            };
            self.failure = self.failure.take().map(until);
            return Err(error);
        }
        let older = self.current.as_ref();
        if older.is_some_and(|older| older.audience != minted.audience) {
            self.forget_hosts();
        }
        self.renewal = now.saturating_duration_since(flight.ordered);
        self.failure = None;
        self.ended = Some((ticket, Ok(())));
        self.tokens += 1;
        // A successor has to be there before it is ripe.
        let early = self.renewal + self.ripening() / 2;
        let Minted {
            requested,
            received,
            lifetime,
            ..
        } = minted;
        let life = self.margins.life(requested, received, lifetime, early);
        let ahead = self.ahead.min(lifetime / 2);
        let token = Arc::new(CachedToken::new(self.tokens, minted, life, ahead));
        self.take(now, token);
        Ok(())
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

    /// Of another audience the slots are other hosts'.
    fn forget_hosts(&mut self) {
        self.ripening.clear();
        self.ripened = None;
        self.youths.clear();
        self.behind = None;
        self.ahead = Duration::ZERO;
        self.routes = Routes::default();
    }

    /// Ends all hold-offs.
    pub(crate) fn retry_now(&mut self) {
        self.failure = None;
        self.next_try = None;
        self.bucket = Bucket::full();
        self.routes = Routes::default();
        self.forget_ripening();
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
