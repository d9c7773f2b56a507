//! What a refusal says of a token, and what is done about it.
//!
//! A refusal concerns the token that was sent, by its id. A token that had been accepted was *revoked*: a new one is
//! asked for at once. One that never was is *young* if the refusing server's own clock says so: it is held back until it
//! no longer is. Else it is *suspect*: see [`trial`](super::trial).

use std::time::SystemTime;

use clearance_core::OriginSlot;
use tokio::time::Instant;

use super::{CachedToken, TokenCache, UNLIMITED, Waiting, state::Cause, trial::RIPENING};
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
            let cured = self.trial.is_none() && self.verdict.is_none();
            return if cured {
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
            _ if habit || (was_known && !accepted && current.was_accepted_anywhere()) => {
                return Refused::Final(RefusalReason::RouteRefuses);
            }
            _ => {}
        }
        if !accepted
            && matches!(self.verdict, None | Some(Verdict::Young { .. }))
            && self.is_young(now, &current, &refusal)
        {
            return Refused::Pending(Waiting::on(None, refusal.held_since));
        }
        if self.verdict.is_some() {
            return self.join(now, &refusal);
        }
        if accepted && self.bring_in_next() {
            return Refused::Pending(Waiting::on(None, refusal.held_since));
        }
        self.condemn(now, &refusal, accepted)
    }

    /// Whether the token was too young when this request was sent, and the reply took longer than it took to ripen.
    fn has_ripened_since(&self, refusal: &Refusal) -> bool {
        let (id, by) = (refusal.id, refusal.by);
        self.ripened.is_some_and(|(ripened, host, first)| {
            (ripened, host) == (id, by) && refusal.sent < first
        })
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
            // A route that refuses every token does not tell that this one has to ripen.
            let habit = refusal
                .route
                .is_some_and(|route| self.routes.refused_another(route, refusal.id));
            self.doubted = (!habit).then_some((refusal.id, refusal.by));
        }
        self.wait_for_refresh(now, refusal.held_since)
    }

    /// Until when a call is held for what a refusal said of the token.
    pub(super) fn held_until(
        &self,
        now: Instant,
        current: &CachedToken,
        waiting: &Waiting,
    ) -> Option<Instant> {
        match self.verdict? {
            // Where it was taken it is good already.
            Verdict::Young { until } => {
                let is_good = waiting.to.is_some_and(|to| current.was_accepted(to));
                (!is_good).then_some(until)
            }
            Verdict::Suspect if self.holds_for_trial() => {
                let since = waiting.since.unwrap_or(now);
                let patience = waiting.last_call(since + self.patience);
                (now < patience).then_some(patience)
            }
            _ => None,
        }
    }

    /// Whether the server that refused is behind the issue of the token, by its own `Date`. The token is then held back
    /// until it is not, unless that takes too long.
    pub(super) fn is_young(
        &mut self,
        now: Instant,
        current: &CachedToken,
        refusal: &Refusal,
    ) -> bool {
        let told = current.born.zip(refusal.date);
        let Some((born, date)) = told.filter(|(born, date)| *date < born.at) else {
            return matches!(self.verdict, Some(Verdict::Young { .. }));
        };
        let behind = born.at.duration_since(date).unwrap_or_default();
        let behind = behind.saturating_add(born.slack).min(UNLIMITED);
        let since = match self.young_since {
            Some((id, since)) if id == current.id => since,
            _ => now,
        };
        self.young_since = Some((current.id, since));
        if now + behind > since + RIPENING {
            self.behind = Some((refusal.by, behind));
            return false;
        }
        let until = match self.verdict {
            // Every reply gives an upper bound: its `Date` is up to a second old.
            Some(Verdict::Young { until }) => until.min(now + behind),
            _ => now + behind,
        };
        self.doubted = Some((current.id, refusal.by));
        self.verdict = Some(Verdict::Young { until });
        true
    }

    /// A refusal that is news no more: its cure is under way or has failed.
    fn join(&mut self, now: Instant, refusal: &Refusal) -> Refused {
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
        let Some(current) = self.current.as_ref().filter(|current| current.id == id) else {
            return;
        };
        // What one host takes may still be too young for the one that refused it.
        let is_young = matches!(self.verdict, Some(Verdict::Young { .. }));
        if is_young
            && self
                .doubted
                .is_some_and(|(doubted, host)| doubted == id && host != by)
        {
            current.note_accepted(by);
            return;
        }
        let doubt = self.doubted.take_if(|doubted| *doubted == (id, by));
        let age = sent.saturating_duration_since(current.begun);
        if doubt == Some((id, by)) && age <= RIPENING {
            // It had to ripen: its successors will have to as well.
            self.ripening.insert(by.index(), age);
            self.ripened = Some((id, by, sent));
        }
        current.note_accepted(by);
        self.refused_in_row = 0;
        self.next_try = None;
        self.behind = None;
        if matches!(self.verdict, Some(Verdict::Suspect | Verdict::Young { .. })) {
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
