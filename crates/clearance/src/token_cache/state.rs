//! The life of the shared token as a state machine: what a call does, given the time.
//!
//! Nothing in here reads a clock, waits, spawns or locks. The methods are given the time and events, and say what is to
//! be done; [`Shared`](super::Shared) does it.

use std::{sync::Arc, time::Duration};

use clearance_core::{Audience, TokenError};
use http::HeaderValue;
use tokio::time::Instant;

use super::{
    CachedToken, Margins,
    refusal::{Trial, Verdict},
    restraint::{Bucket, hold_off},
};

/// A refresh ends by this time, whatever the source does.
pub(crate) const REFRESH_DEADLINE: Duration = Duration::from_secs(15);

/// A refresh of which nothing was heard for this long sits in a runtime that nobody drives.
const ABANDONED: Duration = Duration::from_secs(16);

/// One token, shared by all callers.
#[derive(Debug)]
pub(crate) struct TokenCache {
    pub(super) margins: Margins,
    /// How long a call is held for the verdict on a token that is being tried.
    pub(super) patience: Duration,
    pub(super) current: Option<Arc<CachedToken>>,
    /// What a refusal said of the current token, until that is cured.
    pub(super) verdict: Option<Verdict>,
    /// A newer token that one call is trying.
    pub(super) trial: Option<Trial>,
    pub(super) in_flight: Option<InFlight>,
    pub(super) failure: Option<Failure>,
    /// How the last refresh ended, for those who waited for it.
    pub(super) ended: Option<(Ticket, Result<(), TokenError>)>,
    pub(super) bucket: Bucket,
    /// Tokens refused in a row without one that was accepted.
    pub(super) refused_in_row: u32,
    /// Before this moment a further token is not tried.
    pub(super) next_try: Option<Instant>,
    pub(super) counts: Counts,
    /// How long the last refresh took.
    renewal: Duration,
    tokens: u64,
    tickets: Ticket,
    order: Option<Order>,
}

/// Counts the refreshes of one cache.
pub(crate) type Ticket = u64;

/// A refresh that is to be started.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Order {
    pub(crate) ticket: Ticket,
    pub(crate) cause: Cause,
    /// How often the source may be asked.
    pub(crate) attempts: u32,
}

/// Why a token is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    First,
    Ageing,
    Expired,
    Refused,
}

/// What happened so far, for the status.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) refreshes: [u64; 4],
    pub(crate) refusals: u64,
    pub(crate) failures: u64,
    pub(crate) last_error: Option<TokenError>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct InFlight {
    pub(super) ticket: Ticket,
    started: Instant,
}

#[derive(Clone, Debug)]
pub(super) struct Failure {
    pub(super) error: TokenError,
    in_row: u32,
    pub(super) until: Instant,
}

/// What one caller remembers while it waits.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Waiting {
    pub(super) since: Option<Instant>,
    pub(super) ticket: Option<Ticket>,
    restarted: bool,
}

impl Waiting {
    /// The wait has ended with a token. If it is asked for anew after another wait, that refresh is history.
    pub(crate) fn granted(&mut self) {
        self.ticket = None;
    }

    /// Waiting for this refresh.
    pub(super) fn on(ticket: Option<Ticket>) -> Self {
        Self {
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

/// A token as it came from the source.
#[derive(Debug)]
pub(crate) struct Minted {
    pub(crate) header: HeaderValue,
    pub(crate) audience: Option<Audience>,
    pub(crate) requested: Instant,
    pub(crate) lifetime: Duration,
}

impl TokenCache {
    pub(crate) fn new(margins: Margins, patience: Duration) -> Self {
        Self {
            margins,
            patience,
            current: None,
            verdict: None,
            trial: None,
            in_flight: None,
            failure: None,
            ended: None,
            bucket: Bucket::full(),
            refused_in_row: 0,
            next_try: None,
            counts: Counts::default(),
            renewal: Duration::ZERO,
            tokens: 0,
            tickets: 0,
            order: None,
        }
    }

    /// What a call does now that wants its token to live for `min_remaining` at least.
    pub(crate) fn ask(
        &mut self,
        now: Instant,
        min_remaining: Duration,
        waiting: &mut Waiting,
    ) -> Answer {
        self.reap(now);
        let since = *waiting.since.get_or_insert(now);
        if let Some(answer) = self.ask_trial(now, since) {
            return answer;
        }
        let Some(current) = self.current.clone() else {
            return self.need(now, Cause::First, None, waiting);
        };
        if self.verdict == Some(Verdict::Revoked) {
            return self.need(now, Cause::Refused, Some(current), waiting);
        }
        if self.verdict == Some(Verdict::Suspect)
            && self.holds_for_trial()
            && now < since + self.patience
        {
            return Answer::Wait(since + self.patience);
        }
        let life = current.life;
        // In its first half a token is as good as the issuer has them: a longer wish must not renew it for each call.
        let too_short =
            now >= life.half && life.deadline.saturating_duration_since(now) < min_remaining;
        if now >= life.hard || too_short {
            return self.need(now, Cause::Expired, Some(current), waiting);
        }
        if now >= life.soft && self.in_flight.is_none() && !self.is_held_off(now) {
            self.start(now, Cause::Ageing);
        }
        Answer::Attach(current)
    }

    /// A call that cannot go on without a new token, unless one cannot be had and `fallback` still lives.
    fn need(
        &mut self,
        now: Instant,
        cause: Cause,
        fallback: Option<Arc<CachedToken>>,
        waiting: &mut Waiting,
    ) -> Answer {
        let fallback = fallback.filter(|token| now < token.life.deadline);
        match self.ended_for(waiting) {
            Some(Err(error)) => return fallback.map_or(Answer::Fail(error), Answer::Attach),
            // Even if it is past its margins again by now, there is no better one.
            Some(Ok(())) => {
                if let Some(current) = &self.current {
                    return Answer::Attach(current.clone());
                }
            }
            None => {}
        }
        if let Some(flight) = self.in_flight {
            return match (&self.failure, &fallback) {
                // After a failure one call tries, and the others do not wait for it.
                (Some(failure), _) if waiting.ticket != Some(flight.ticket) => {
                    let error = failure.error.clone();
                    fallback.map_or(Answer::Fail(error), Answer::Attach)
                }
                (_, Some(token)) if now >= token.life.last_call && self.verdict.is_none() => {
                    Answer::Attach(token.clone())
                }
                (_, token) => {
                    waiting.ticket = Some(flight.ticket);
                    let last_call = token
                        .as_ref()
                        .map(|token| token.life.last_call)
                        .filter(|at| *at > now);
                    let abandoned = flight.started + ABANDONED;
                    Answer::Wait(last_call.map_or(abandoned, |at| at.min(abandoned)))
                }
            };
        }
        if let Some(failure) = self.failure.as_ref().filter(|failure| now < failure.until) {
            let error = failure.error.clone();
            return fallback.map_or(Answer::Fail(error), Answer::Attach);
        }
        match self.restart(now, cause, waiting) {
            Ok(until) => Answer::Wait(until),
            Err(error) => fallback.map_or(Answer::Fail(error), Answer::Attach),
        }
    }

    /// Starts a refresh for a caller; for one whose refresh vanished, once more only.
    pub(super) fn restart(
        &mut self,
        now: Instant,
        cause: Cause,
        waiting: &mut Waiting,
    ) -> Result<Instant, TokenError> {
        if waiting.ticket.is_some() && std::mem::replace(&mut waiting.restarted, true) {
            return Err(TokenError::unavailable(
                "two refreshes vanished: their runtime was shut down or stands still",
            ));
        }
        waiting.ticket = Some(self.start(now, cause));
        Ok(now + ABANDONED)
    }

    pub(super) fn start(&mut self, now: Instant, cause: Cause) -> Ticket {
        self.tickets += 1;
        self.counts.refreshes[cause as usize] += 1;
        self.in_flight = Some(InFlight {
            ticket: self.tickets,
            started: now,
        });
        // Where the last refresh failed, one attempt is enough to see whether the issuer is back.
        let attempts = if self.failure.is_some() { 1 } else { 3 };
        self.order = Some(Order {
            ticket: self.tickets,
            cause,
            attempts,
        });
        self.tickets
    }

    /// The refresh to start now, if one was decided on.
    pub(crate) fn take_order(&mut self) -> Option<Order> {
        self.order.take()
    }

    /// The token that may be sent without asking until it ages. `None`: ask.
    pub(crate) fn published(&self) -> Option<&Arc<CachedToken>> {
        self.current
            .as_ref()
            .filter(|_| self.verdict.is_none() && self.trial.is_none())
    }

    /// How the refresh ended that this caller waited for. `None`: it did not, or the caller waited for none.
    pub(super) fn ended_for(&self, waiting: &Waiting) -> Option<Result<(), TokenError>> {
        let (ended, result) = self.ended.as_ref()?;
        waiting
            .ticket
            .filter(|ticket| ended >= ticket)
            .map(|_| result.clone())
    }

    pub(super) fn is_held_off(&self, now: Instant) -> bool {
        self.failure
            .as_ref()
            .is_some_and(|failure| now < failure.until)
    }

    /// Frees the seat of a refresh of which nothing more will be heard.
    pub(super) fn reap(&mut self, now: Instant) {
        self.in_flight = self
            .in_flight
            .filter(|flight| now < flight.started + ABANDONED);
    }

    // ===== how a refresh ends =====

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
        if let Some(same) = living.filter(|token| token.header == minted.header) {
            let error =
                TokenError::unavailable("the issuer handed back the token that was to be replaced");
            self.fail(now, ticket, error.clone(), chance);
            // It is served to its end, and not a moment is lost then.
            self.failure = self.failure.take().map(|failure| Failure {
                until: failure.until.min(same.life.deadline),
                ..failure
            });
            return Err(error);
        }
        self.renewal = now.saturating_duration_since(flight.started);
        self.failure = None;
        self.ended = Some((ticket, Ok(())));
        self.tokens += 1;
        let life = self
            .margins
            .life(minted.requested, now, minted.lifetime, self.renewal);
        self.take(Arc::new(CachedToken::new(
            self.tokens,
            minted.header,
            minted.audience,
            life,
        )));
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

    /// Ends all hold-offs.
    pub(crate) fn retry_now(&mut self) {
        self.failure = None;
        self.next_try = None;
        self.bucket = Bucket::full();
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

#[cfg(test)]
mod tests;
