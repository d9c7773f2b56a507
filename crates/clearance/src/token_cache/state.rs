//! The life of the shared token as a state machine: what a call does, given the time.
//!
//! Nothing in here reads a clock, waits, spawns or locks. The methods are given the time and events, and say what is to
//! be done; [`Shared`](super::Shared) does it.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, SystemTime},
};

use clearance_core::{OriginSlot, TokenError};
use tokio::time::Instant;

use super::{
    Answer, CachedToken, Margins, Waiting, outcome::Failure, refusal::Verdict, restraint::Bucket,
    ripening::Next, routes::Routes, trial::Trial, youth::Youth,
};

/// A refresh ends by this time, whatever the source does.
pub(crate) const REFRESH_DEADLINE: Duration = Duration::from_secs(15);

/// A refresh of which nothing was heard for this long sits in a runtime that nobody drives.
pub(super) const ABANDONED: Duration = Duration::from_secs(16);

/// One token, shared by all callers.
#[derive(Debug)]
pub(crate) struct TokenCache {
    pub(super) margins: Margins,
    /// How long a call is held for the verdict on a token that is being tried.
    pub(super) patience: Duration,
    pub(super) current: Option<Arc<CachedToken>>,
    /// What a refusal said of the current token, until that is cured.
    pub(super) verdict: Option<Verdict>,
    /// A token that one call is trying.
    pub(super) trial: Option<Trial>,
    /// A newer token that is not ripe yet.
    pub(super) next: Option<Next>,
    /// The age at which a host first took a token that it had refused before, by its slot.
    pub(super) ripening: HashMap<usize, Duration>,
    /// The token that had to ripen most lately, for whom, and when the request was sent with which it was taken.
    pub(super) ripened: Option<(u64, OriginSlot, Instant)>,
    /// Hosts for which the current token may be too young, by their slots.
    pub(super) youths: HashMap<usize, Youth>,
    /// By how much a refusing host is behind the issuer, where that is too much to wait for.
    pub(super) behind: Option<(OriginSlot, Duration)>,
    pub(super) routes: Routes,
    /// When a token was refused last: routes are told apart for a while after.
    pub(super) watched_at: Option<Instant>,
    /// By how much the host that is furthest ahead shortens the life of tokens with an absolute end.
    pub(super) ahead: Duration,
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
    pub(super) renewal: Duration,
    pub(super) tokens: u64,
    tickets: Ticket,
    pub(super) order: Option<Order>,
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
    pub(super) ordered: Instant,
    /// Later than that in a busy runtime.
    pub(super) started: Instant,
}

impl TokenCache {
    pub(crate) fn new(margins: Margins, patience: Duration) -> Self {
        Self {
            margins,
            patience,
            current: None,
            verdict: None,
            trial: None,
            next: None,
            ripening: HashMap::new(),
            ripened: None,
            youths: HashMap::new(),
            behind: None,
            routes: Routes::default(),
            watched_at: None,
            ahead: Duration::ZERO,
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
        wall: SystemTime,
        min_remaining: Duration,
        waiting: &mut Waiting,
    ) -> Answer {
        self.catch_up(now);
        waiting.since.get_or_insert(now);
        if let Some(answer) = self.ask_trial(now, waiting) {
            return answer;
        }
        let Some(current) = self.current.clone() else {
            return self.need(now, Cause::First, None, waiting);
        };
        if self.verdict == Some(Verdict::Revoked) {
            return self.need(now, Cause::Refused, Some(current), waiting);
        }
        if let Some(until) = self.held_until(now, waiting) {
            return Answer::Wait(until);
        }
        let life = current.life;
        // In its first half a token is as good as the issuer has them: a longer wish must not renew it for each call.
        let too_short =
            now >= life.half && life.deadline.saturating_duration_since(now) < min_remaining;
        let succeeded = self.next.is_some();
        // The machine slept, or the wall clock was set: a token request settles which.
        let doubtful = current.is_over(wall);
        if (now >= life.hard || too_short || doubtful) && !succeeded {
            return self.need(now, Cause::Expired, Some(current), waiting);
        }
        let is_renewed = succeeded || self.in_flight.is_some() || self.tries_successor();
        if now >= life.soft && !is_renewed && !self.is_held_off(now) {
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
                (_, Some(token))
                    if now >= waiting.last_call(token.life.last_call) && self.verdict.is_none() =>
                {
                    Answer::Attach(token.clone())
                }
                (_, token) => {
                    waiting.ticket = Some(flight.ticket);
                    let last_call = token
                        .as_ref()
                        .map(|token| waiting.last_call(token.life.last_call))
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
            ordered: now,
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

    /// The task of a refresh begins, in a busy runtime perhaps late. Until when it may ask; `None`: its place is taken.
    pub(crate) fn begins(&mut self, now: Instant, ticket: Ticket) -> Option<Instant> {
        let flight = self.in_flight.as_mut();
        let own = flight.filter(|flight| flight.ticket == ticket)?;
        own.started = now;
        Some(now + REFRESH_DEADLINE)
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
        self.failure.take_if(|failure| failure.is_forgotten(now));
    }
}
