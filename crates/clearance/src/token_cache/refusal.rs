//! What a refusal says of a token, and what is done about it.
//!
//! A refusal concerns the token that was sent, by its id. A token that had been accepted was *revoked*: a new one is
//! asked for at once. One that never was is *young* if the refusing server's own clock says so: it is held back until it
//! no longer is. Else it is *suspect*: see [`trial`](super::trial).

use std::time::SystemTime;

use clearance_core::OriginSlot;
use tokio::time::Instant;

use super::{TokenCache, Waiting, state::Cause};
use crate::{RefusalReason, challenge::Challenge};

/// What a refusal said of the current token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It had been accepted before.
    Revoked,
    /// It was never accepted: perhaps no token would be.
    Suspect,
    /// The server's clock is behind its issue: it is good from then on.
    Young { until: Instant },
}

/// A reply that refused a token.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Refusal {
    /// Of the token that was refused.
    pub(crate) id: u64,
    pub(crate) by: OriginSlot,
    /// When its request was sent.
    pub(crate) sent: Instant,
    pub(crate) on_trial: bool,
    pub(crate) challenge: Challenge,
    /// The reply's own `Date`.
    pub(crate) date: Option<SystemTime>,
    /// The route, where routes are watched.
    pub(crate) route: Option<u64>,
    /// Since when the call has been held, if it has.
    pub(crate) held_since: Option<Instant>,
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

impl TokenCache {
    /// An origin refused a token.
    pub(crate) fn refused(&mut self, now: Instant, refusal: Refusal) -> Refused {
        self.catch_up(now);
        self.counts.refusals += 1;
        let Some(current) = self.current.clone() else {
            return Refused::Final(RefusalReason::RefusedAgain);
        };
        let accepted = current.was_accepted(refusal.by);
        if refusal.id == current.id && self.has_ripened_since(&refusal) {
            return Refused::Replay;
        }
        let was_known = refusal
            .route
            .is_some_and(|route| self.routes.is_known(route));
        let habit = self.note_route(now, &refusal, refusal.id == current.id && accepted);
        self.doubt_longer(now, &refusal);
        if refusal.on_trial && self.is_on_trial(refusal.id) {
            if was_known && accepted {
                // A route that refuses every token is no witness against this one.
                self.seat_left(refusal.id);
                return Refused::Final(RefusalReason::RouteRefuses);
            }
            let refused = self.trial_refused(now, &refusal);
            return self.explained(refused, refusal.by);
        }
        if refusal.id > current.id {
            // A token that was tried and given up, or is not in use yet.
            return self.explained(Refused::Final(RefusalReason::RefusedAgain), refusal.by);
        }
        if refusal.id < current.id {
            let is_held = self.held_back(now, Some(refusal.by)).is_some();
            return if self.trial.is_none() && self.is_sent() && !is_held {
                Refused::Replay
            } else {
                self.join(now, &refusal)
            };
        }
        match refusal.challenge {
            Challenge::InsufficientScope => {
                return Refused::Final(RefusalReason::InsufficientScope);
            }
            Challenge::OtherScheme if !accepted => {
                return Refused::Final(RefusalReason::OtherScheme);
            }
            _ => {}
        }
        // What its clock explains is no habit of its route.
        if !accepted && self.is_sent() && self.is_young(now, &current, &refusal) {
            return Refused::Pending(Waiting::on(None, refusal.held_since));
        }
        if habit || (was_known && !accepted && current.was_accepted_anywhere()) {
            return Refused::Final(RefusalReason::RouteRefuses);
        }
        // What ripens for another host was good here, and is no more.
        if self.verdict.is_some() && !(accepted && self.is_sent()) {
            return self.join(now, &refusal);
        }
        if accepted && self.bring_in_next(now) {
            return Refused::Pending(Waiting::on(None, refusal.held_since));
        }
        self.condemn(now, &refusal, accepted)
    }

    /// The first refusal of the current token for which no clock is to blame.
    fn condemn(&mut self, now: Instant, refusal: &Refusal, accepted: bool) -> Refused {
        let verdict = if accepted {
            Verdict::Revoked
        } else {
            Verdict::Suspect
        };
        if let Some(failure) = self.failure.as_ref().filter(|failure| now < failure.until) {
            let error = failure.error.clone();
            self.verdict = Some(verdict);
            return Refused::Final(RefusalReason::RefreshFailed(error));
        }
        if verdict == Verdict::Suspect && self.next_try.is_some_and(|at| now < at) {
            self.verdict = Some(verdict);
            return self.explained(Refused::Final(RefusalReason::RefusedAgain), refusal.by);
        }
        if self.in_flight.is_none() && !self.bucket.take(now) {
            // It stays everybody's token: one route that refuses must not cost the others theirs.
            return Refused::Final(RefusalReason::HeldOff);
        }
        self.verdict = Some(verdict);
        if verdict == Verdict::Suspect {
            self.refused_in_row = self.refused_in_row.max(1);
            self.doubt(now, refusal);
        }
        self.wait_for_refresh(now, refusal.held_since)
    }

    /// Until when a call is held for what a refusal said of the token.
    pub(super) fn held_until(&self, now: Instant, waiting: &Waiting) -> Option<Instant> {
        match self.verdict? {
            Verdict::Young { .. } => self.held_for_youth(now, waiting),
            Verdict::Suspect if self.holds_for_trial() => {
                let since = waiting.since.unwrap_or(now);
                let patience = waiting.last_call(since + self.patience);
                (now < patience).then_some(patience)
            }
            _ => None,
        }
    }

    /// A refusal that is news no more: its cure is under way or has failed.
    fn join(&mut self, now: Instant, refusal: &Refusal) -> Refused {
        if refusal.id == self.generation() {
            self.hold_along(now, refusal);
        }
        let under_way = self.trial.is_some() || self.in_flight.is_some();
        let refused = match self.verdict {
            Some(Verdict::Young { .. }) | None => {
                Refused::Pending(Waiting::on(None, refusal.held_since))
            }
            // Other calls go on with the older token: they have nothing to wait for.
            Some(Verdict::Suspect) if under_way && !self.holds_for_trial() => {
                Refused::Final(RefusalReason::RefusedAgain)
            }
            _ if under_way => Refused::Pending(Waiting::on(
                self.in_flight.map(|flight| flight.ticket),
                refusal.held_since,
            )),
            _ if self.is_held_off(now) => Refused::Final(self.given_up()),
            Some(Verdict::Suspect) if self.next_try.is_some_and(|at| now < at) => {
                Refused::Final(RefusalReason::RefusedAgain)
            }
            _ if !self.bucket.take(now) => Refused::Final(RefusalReason::HeldOff),
            _ => self.wait_for_refresh(now, refusal.held_since),
        };
        self.explained(refused, refusal.by)
    }

    fn wait_for_refresh(&mut self, now: Instant, held_since: Option<Instant>) -> Refused {
        let flight = self.in_flight.map(|flight| flight.ticket);
        let ticket = flight.unwrap_or_else(|| self.start(now, Cause::Refused));
        Refused::Pending(Waiting::on(Some(ticket), held_since))
    }

    /// An origin took a token, in a request that was sent then: 2xx or 304.
    pub(crate) fn accepted(&mut self, sent: Instant, id: u64, by: OriginSlot, route: Option<u64>) {
        if let Some(route) = route {
            self.routes.accepted(route);
        }
        self.not_refused(id);
        let Some(current) = self.current.clone().filter(|current| current.id == id) else {
            return;
        };
        current.note_accepted(by);
        if self.was_refused_since(by, sent) {
            return;
        }
        self.note_ripe(&current, by, sent);
        if matches!(self.verdict, Some(Verdict::Young { .. })) {
            // What one host takes may still be too young for another.
            self.hold_back_the_rest(sent);
            if self.verdict.is_some() {
                return;
            }
        }
        self.refused_in_row = 0;
        self.next_try = None;
        self.behind = None;
        if self.verdict == Some(Verdict::Suspect) {
            self.verdict = None;
        }
    }

    fn note_route(&mut self, now: Instant, refusal: &Refusal, others_accept: bool) -> bool {
        self.watched_at = Some(now);
        refusal
            .route
            .is_some_and(|route| self.routes.refused(now, route, refusal.id, others_accept))
    }
}
