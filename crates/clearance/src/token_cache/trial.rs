//! A token that one call tries for all.
//!
//! There are three occasions: the first successor of a token that was never accepted (all others are held for the
//! verdict), that same older token as it ages (some servers run behind the issuer: to them a fresh token is from the
//! future), and later successors (nobody is held for those).

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;

use super::{
    Answer, CachedToken, Refusal, Refused, Settlement, TokenCache, Waiting, refusal::Verdict,
    restraint::doubling,
};
use crate::{RefusalReason, challenge::Challenge};

/// A server that is further behind than this is not waited for.
pub(super) const RIPENING: Duration = Duration::from_secs(30);

/// Who was told to try a token has this long to come.
pub(super) const OFFER: Duration = Duration::from_secs(1);

/// An ageing token is tried again after a second, and then every two.
pub(super) const AGEING_STEP: Duration = Duration::from_secs(2);

#[derive(Debug)]
pub(super) struct Trial {
    pub(super) token: Arc<CachedToken>,
    seat: Seat,
    /// When the first token of a row of trials came.
    begun: Instant,
    /// Not tried before.
    not_before: Instant,
    /// Whether calls are held for the verdict.
    holds: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seat {
    Free,
    /// A refused call was told to come and try.
    Offered(Instant),
    /// By a call that has the trial to itself for as long as the others are patient.
    Taken(Instant),
}

impl Trial {
    /// From when on a call that comes by may try it. Who was told to come has no claim on that.
    fn free_at(&self, patience: Duration) -> Instant {
        match self.seat {
            Seat::Free => self.not_before,
            Seat::Offered(at) => at,
            Seat::Taken(at) => at + patience,
        }
    }

    /// Until when a call waits for the verdict that has been waiting since then. How long the token took to come does not
    /// count.
    fn waited_for_until(&self, since: Instant, patience: Duration) -> Instant {
        since.max(self.begun) + patience
    }
}

impl TokenCache {
    /// A successor of a token that is suspect.
    pub(super) fn begin_trial(&mut self, now: Instant, token: Arc<CachedToken>) {
        let holds = self.refused_in_row <= 1;
        self.trial = Some(Trial {
            token,
            seat: Seat::Free,
            begun: now,
            not_before: now,
            holds,
        });
    }

    pub(super) fn ask_trial(&mut self, now: Instant, waiting: &Waiting) -> Option<Answer> {
        let trial = self.trial.as_mut()?;
        let since = waiting.since.unwrap_or(now);
        let patience = waiting.last_call(trial.waited_for_until(since, self.patience));
        if now >= trial.token.life.hard {
            self.trial = None;
            return None;
        }
        let free_at = trial.free_at(self.patience);
        if now >= free_at {
            trial.seat = Seat::Taken(now);
            return Some(Answer::Try(trial.token.clone()));
        }
        (trial.holds && now < patience).then_some(Answer::Wait(patience.min(free_at)))
    }

    /// What a refused call does while a token is tried: one is enough to try it.
    pub(super) fn settle_trial(&mut self, now: Instant, since: Instant) -> Option<Settlement> {
        let trial = self.trial.as_mut()?;
        let patience = trial.waited_for_until(since, self.patience);
        if now >= patience {
            return Some(Settlement::Ended(Err(RefusalReason::RefusedAgain)));
        }
        let offered = matches!(trial.seat, Seat::Offered(_));
        let free_at = trial.free_at(self.patience) + if offered { OFFER } else { Duration::ZERO };
        if now < free_at {
            return Some(Settlement::Wait(patience.min(free_at)));
        }
        trial.seat = Seat::Offered(now);
        Some(Settlement::Ended(Ok(())))
    }

    /// Whether calls are held now for a verdict, or for the token that is to be tried.
    pub(super) fn holds_for_trial(&self) -> bool {
        match &self.trial {
            Some(trial) => trial.holds,
            None => self.in_flight.is_some() && self.refused_in_row <= 1,
        }
    }

    /// The token that nobody is trying yet.
    pub(super) fn free_to_try(&self) -> Option<u64> {
        self.trial
            .as_ref()
            .filter(|trial| trial.seat == Seat::Free)
            .map(|trial| trial.token.id)
    }

    pub(super) fn is_on_trial(&self, id: u64) -> bool {
        self.trial
            .as_ref()
            .is_some_and(|trial| trial.token.id == id)
    }

    pub(super) fn tries_successor(&self) -> bool {
        self.trial
            .as_ref()
            .is_some_and(|trial| trial.token.id > self.generation())
    }

    /// The call that was trying a token was refused.
    pub(super) fn trial_refused(&mut self, now: Instant, refusal: &Refusal) -> Refused {
        let Some(trial) = self.trial.take() else {
            return Refused::Final(RefusalReason::RefusedAgain);
        };
        if refusal.challenge == Challenge::InsufficientScope {
            self.current = Some(trial.token);
            self.verdict = None;
            return Refused::Final(RefusalReason::InsufficientScope);
        }
        let Some(older) = self.current.clone() else {
            return Refused::Final(RefusalReason::RefusedAgain);
        };
        if trial.token.id != older.id {
            self.next_try = Some(now + doubling(1, 60, self.refused_in_row.max(1)));
            self.refused_in_row = self.refused_in_row.saturating_add(1);
        }
        let ripe = older.begun + RIPENING;
        // The older one is at its end, and would be renewed with each call; or its youth is not what is wrong with it,
        // while each of its successors would be refused for theirs.
        let is_given_up = now >= older.life.soft || (now >= ripe && !older.was_accepted_anywhere());
        if trial.token.id != older.id && is_given_up {
            self.current = Some(trial.token.clone());
            return if self.is_young(now, &trial.token, refusal) {
                Refused::Pending(Waiting::on(None, refusal.held_since))
            } else {
                Refused::Final(RefusalReason::RefusedAgain)
            };
        }
        // The older one stays. While it may be too young for a server that runs behind, it is tried as it ages, and
        // further ones, which would be younger still, are not asked for.
        let first = trial.token.id != older.id && trial.holds;
        let ageing = trial.token.id == older.id;
        let not_before = now + if first { AGEING_STEP / 2 } else { AGEING_STEP };
        if not_before <= ripe && (first || ageing) && !older.was_accepted_anywhere() {
            self.next_try = self.next_try.max(Some(ripe));
            self.trial = Some(Trial {
                token: older,
                seat: Seat::Free,
                begun: trial.begun,
                not_before,
                holds: true,
            });
        }
        Refused::Final(RefusalReason::RefusedAgain)
    }

    /// A token that was being tried got an answer that is no refusal: it becomes everybody's.
    pub(crate) fn not_refused(&mut self, id: u64) {
        if let Some(trial) = self.trial.take_if(|trial| trial.token.id == id) {
            self.current = Some(trial.token);
            self.next = None;
            if self.verdict == Some(Verdict::Suspect) {
                self.verdict = None;
            }
        }
    }

    /// The call that was trying a token ended without an answer.
    pub(crate) fn seat_left(&mut self, id: u64) {
        if let Some(trial) = self.trial.as_mut().filter(|trial| trial.token.id == id) {
            trial.seat = Seat::Free;
        }
    }
}
