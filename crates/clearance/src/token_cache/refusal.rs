//! What a refusal says of a token, and what is done about it.
//!
//! A refusal concerns the token that was sent, by its id. A token that had been accepted was *revoked*: a new one is
//! asked for at once. One that never was is only *suspect*: a new one is tried by one call while the others are held,
//! and if that is refused as well, tokens are not the reason: the older one stays and further ones are tried rarely.

use std::{sync::Arc, time::Duration};

use clearance_core::OriginSlot;
use tokio::time::Instant;

use super::{
    CachedToken, TokenCache, Waiting,
    restraint::doubling,
    state::{Answer, Cause},
};
use crate::{RefusalReason, challenge::Challenge};

/// Who was told to try a token has this long to come.
const OFFER: Duration = Duration::from_secs(1);

/// What a refusal said of the current token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It had been accepted before.
    Revoked,
    /// It was never accepted: perhaps no token would be.
    Suspect,
}

/// A token that one call tries before it becomes everybody's.
#[derive(Debug)]
pub(super) struct Trial {
    token: Arc<CachedToken>,
    seat: Seat,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seat {
    Free,
    /// A refused call was told to come and try.
    Offered(Instant),
    Taken,
}

/// What is to be done about a refusal.
#[derive(Debug)]
pub(crate) enum Refused {
    /// A newer token is there.
    Replay,
    Final(RefusalReason),
    /// It will be known by asking [`TokenCache::settle`].
    Pending(Waiting),
}

/// What has become of a refusal.
#[derive(Debug)]
pub(crate) enum Settlement {
    Ended(Result<(), RefusalReason>),
    /// Ask again when something has changed, or at this moment.
    Wait(Instant),
}

impl TokenCache {
    /// An origin refused a token.
    pub(crate) fn refused(
        &mut self,
        now: Instant,
        id: u64,
        by: OriginSlot,
        challenge: Challenge,
    ) -> Refused {
        self.reap(now);
        self.counts.refusals += 1;
        if self
            .trial
            .as_ref()
            .is_some_and(|trial| trial.token.id == id)
        {
            return self.trial_refused(now, challenge);
        }
        let Some(current) = self.current.clone().filter(|current| id <= current.id) else {
            // A token that was tried and given up.
            return Refused::Final(RefusalReason::RefusedAgain);
        };
        if id < current.id {
            return if self.trial.is_some() || self.verdict.is_some() {
                self.join(now)
            } else {
                Refused::Replay
            };
        }
        let accepted = current.was_accepted(by);
        match challenge {
            Challenge::InsufficientScope => {
                return Refused::Final(RefusalReason::InsufficientScope);
            }
            Challenge::OtherScheme if !accepted => {
                return Refused::Final(RefusalReason::OtherScheme);
            }
            _ if self.verdict.is_some() => return self.join(now),
            _ => {}
        }
        let verdict = if accepted {
            Verdict::Revoked
        } else {
            Verdict::Suspect
        };
        if let Some(failure) = self.failure.as_ref().filter(|failure| now < failure.until) {
            self.verdict = Some(verdict);
            return Refused::Final(RefusalReason::RefreshFailed(failure.error.clone()));
        }
        if verdict == Verdict::Suspect && self.next_try.is_some_and(|at| now < at) {
            self.verdict = Some(verdict);
            return Refused::Final(RefusalReason::RefusedAgain);
        }
        if self.in_flight.is_none() && !self.bucket.take(now) {
            // It stays everybody's token: one route that refuses must not cost the others theirs.
            return Refused::Final(RefusalReason::HeldOff);
        }
        self.verdict = Some(verdict);
        if verdict == Verdict::Suspect {
            self.refused_in_row = self.refused_in_row.max(1);
        }
        self.wait_for_refresh(now)
    }

    /// A refusal that is news no more: its cure is under way or has failed.
    fn join(&mut self, now: Instant) -> Refused {
        let under_way = self.trial.is_some() || self.in_flight.is_some();
        match self.verdict {
            // Other calls go on with the older token: they have nothing to wait for.
            Some(Verdict::Suspect) if under_way && !self.holds_for_trial() => {
                Refused::Final(RefusalReason::RefusedAgain)
            }
            _ if under_way => {
                Refused::Pending(Waiting::on(self.in_flight.map(|flight| flight.ticket)))
            }
            _ if self.is_held_off(now) => Refused::Final(self.given_up()),
            Some(Verdict::Suspect) if self.next_try.is_some_and(|at| now < at) => {
                Refused::Final(RefusalReason::RefusedAgain)
            }
            _ if !self.bucket.take(now) => Refused::Final(RefusalReason::HeldOff),
            _ => self.wait_for_refresh(now),
        }
    }

    fn wait_for_refresh(&mut self, now: Instant) -> Refused {
        let flight = self.in_flight.map(|flight| flight.ticket);
        let ticket = flight.unwrap_or_else(|| self.start(now, Cause::Refused));
        Refused::Pending(Waiting::on(Some(ticket)))
    }

    /// Whether a call that was refused `id` may be sent again.
    pub(crate) fn settle(&mut self, now: Instant, id: u64, waiting: &mut Waiting) -> Settlement {
        self.reap(now);
        let patience = *waiting.since.get_or_insert(now) + self.patience;
        if let Some(trial) = &mut self.trial {
            return match trial.seat {
                Seat::Offered(at) if now < at + OFFER => Settlement::Wait(at + OFFER),
                Seat::Taken if now < patience => Settlement::Wait(patience),
                Seat::Taken => Settlement::Ended(Err(RefusalReason::Undecided)),
                // One is enough to try it.
                Seat::Free | Seat::Offered(_) => {
                    trial.seat = Seat::Offered(now);
                    Settlement::Ended(Ok(()))
                }
            };
        }
        if self.verdict.is_none()
            && self
                .current
                .as_ref()
                .is_some_and(|current| current.id >= id)
        {
            return Settlement::Ended(Ok(()));
        }
        match self.ended_for(waiting) {
            Some(Err(error)) => return Settlement::Ended(Err(RefusalReason::RefreshFailed(error))),
            // It brought a token, and that was refused in its turn.
            Some(Ok(())) => return Settlement::Ended(Err(RefusalReason::RefusedAgain)),
            None => {}
        }
        if let Some(flight) = self.in_flight {
            waiting.ticket = Some(flight.ticket);
            return Settlement::Wait(now + OFFER);
        }
        if self.is_held_off(now) || waiting.ticket.is_none() {
            return Settlement::Ended(Err(self.given_up()));
        }
        match self.restart(now, Cause::Refused, waiting) {
            Ok(until) => Settlement::Wait(until),
            Err(error) => Settlement::Ended(Err(RefusalReason::RefreshFailed(error))),
        }
    }

    /// An origin took a token: 2xx or 304.
    pub(crate) fn accepted(&mut self, id: u64, by: OriginSlot) {
        self.not_refused(id);
        if let Some(current) = self.current.as_ref().filter(|current| current.id == id) {
            current.note_accepted(by);
            self.refused_in_row = 0;
            self.next_try = None;
            if self.verdict == Some(Verdict::Suspect) {
                self.verdict = None;
            }
        }
    }

    /// A token that was being tried got an answer that is no refusal: it becomes everybody's.
    pub(crate) fn not_refused(&mut self, id: u64) {
        if let Some(trial) = self.trial.take_if(|trial| trial.token.id == id) {
            self.current = Some(trial.token);
            self.verdict = None;
        }
    }

    /// The call that was trying a token ended without an answer.
    pub(crate) fn seat_left(&mut self, id: u64) {
        if let Some(trial) = self.trial.as_mut().filter(|trial| trial.token.id == id) {
            trial.seat = Seat::Free;
        }
    }

    /// A new token: everybody's at once, or to be tried first.
    pub(super) fn take(&mut self, token: Arc<CachedToken>) {
        if self.verdict == Some(Verdict::Suspect) {
            self.trial = Some(Trial {
                token,
                seat: Seat::Free,
            });
        } else {
            self.current = Some(token);
            self.verdict = None;
        }
    }

    pub(super) fn ask_trial(&mut self, now: Instant, since: Instant) -> Option<Answer> {
        let trial = self.trial.as_mut()?;
        if now >= trial.token.life.hard {
            self.trial = None;
            return None;
        }
        if trial.seat != Seat::Taken {
            trial.seat = Seat::Taken;
            return Some(Answer::Try(trial.token.clone()));
        }
        let patience = since + self.patience;
        (self.holds_for_trial() && now < patience).then_some(Answer::Wait(patience))
    }

    /// Whether calls are held until the verdict: for the first new token only. Later ones are tried beside the traffic.
    pub(super) fn holds_for_trial(&self) -> bool {
        (self.trial.is_some() || self.in_flight.is_some()) && self.refused_in_row <= 1
    }

    fn trial_refused(&mut self, now: Instant, challenge: Challenge) -> Refused {
        if challenge == Challenge::InsufficientScope {
            if let Some(trial) = self.trial.take() {
                self.current = Some(trial.token);
                self.verdict = None;
            }
            return Refused::Final(RefusalReason::InsufficientScope);
        }
        self.trial = None;
        self.next_try = Some(now + doubling(1, 60, self.refused_in_row.max(1)));
        self.refused_in_row = self.refused_in_row.saturating_add(1);
        Refused::Final(RefusalReason::RefusedAgain)
    }

    fn given_up(&self) -> RefusalReason {
        let error = self.failure.as_ref().map(|failure| failure.error.clone());
        error.map_or(RefusalReason::RefusedAgain, RefusalReason::RefreshFailed)
    }
}
