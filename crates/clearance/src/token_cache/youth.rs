//! Hosts for which the current token may be too young: each is waited for by itself.
//!
//! To a host behind the issuer a new token is from the future. How old it has to be there is told by the date of the
//! refusal, or by what its predecessors had to be; else it is known only when it is accepted. Other hosts have no part in
//! it: what one accepts is held back from another, and is sent to who has never refused one so far.

use clearance_core::OriginSlot;
use tokio::time::Instant;

use super::{
    CachedToken, Refusal, TokenCache, UNLIMITED, Waiting,
    refusal::Verdict,
    trial::{AGEING_STEP, RIPENING},
};

/// What is known of a token at a host that has not accepted it yet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Youth {
    pub(super) id: u64,
    /// Since when it has been refused there. `None`: it was not sent yet.
    pub(super) refused: Option<Instant>,
    /// When the request was sent that was refused last.
    pub(super) sent: Option<Instant>,
    /// It is good from then on, as far as is known.
    pub(super) ripe: Instant,
    /// Whether calls are held until then.
    pub(super) holds: bool,
}

impl Youth {
    pub(super) fn holds_at(&self, now: Instant) -> bool {
        self.holds && now < self.ripe
    }
}

impl TokenCache {
    /// What is known of the current token at a host.
    fn youth_at(&self, host: OriginSlot) -> Option<Youth> {
        let id = self.generation();
        let youth = self.youths.get(&host.index()).copied();
        youth.filter(|youth| youth.id == id)
    }

    /// Whether the current token is sent, at least where it is not too young.
    pub(super) fn is_sent(&self) -> bool {
        matches!(self.verdict, None | Some(Verdict::Young { .. }))
    }

    /// Until when the current token is held back from a host, or from any, where the host is not known.
    pub(super) fn held_back(&self, now: Instant, from: Option<OriginSlot>) -> Option<Instant> {
        let Some(Verdict::Young { until }) = self.verdict else {
            return None;
        };
        from.map_or(Some(until), |host| {
            let youth = self.youth_at(host).filter(|youth| youth.holds_at(now));
            youth.map(|youth| youth.ripe)
        })
    }

    /// Until when a call is held for a token that is too young for its host. One that has not refused it may take it: a
    /// call with a deadline is sent in time for that.
    pub(super) fn held_for_youth(&self, now: Instant, waiting: &Waiting) -> Option<Instant> {
        let until = self.held_back(now, waiting.to)?;
        let youth = waiting.to.and_then(|host| self.youth_at(host));
        let until = if youth.is_some_and(|youth| youth.refused.is_some()) {
            until
        } else {
            waiting.last_call(until)
        };
        (now < until).then_some(until)
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
            return false;
        };
        let behind = born.at.duration_since(date).unwrap_or_default();
        let behind = behind.saturating_add(born.slack).min(UNLIMITED);
        let known = self.youth_at(refusal.by);
        let since = known.and_then(|youth| youth.refused).unwrap_or(now);
        let ripe = now + behind;
        if ripe > since + RIPENING {
            self.behind = Some((refusal.by, behind));
            return false;
        }
        // Every reply gives an upper bound: its `Date` is up to a second old.
        let bound = known.filter(|youth| youth.holds_at(now));
        let ripe = bound.map_or(ripe, |youth| youth.ripe.min(ripe));
        self.hold_back(now, refusal, since, ripe);
        true
    }

    /// A host refused the current token, and does not tell why, while that ripens for another: it may have to here, too.
    pub(super) fn hold_along(&mut self, now: Instant, refusal: &Refusal) {
        if let Some(until) = self.held_back(now, None) {
            if self.held_back(now, Some(refusal.by)).is_none() {
                self.hold_back(now, refusal, now, until);
            }
        }
    }

    fn hold_back(&mut self, now: Instant, refusal: &Refusal, since: Instant, ripe: Instant) {
        let youth = Youth {
            id: self.generation(),
            refused: Some(since),
            sent: Some(refusal.sent),
            ripe,
            holds: true,
        };
        self.youths.insert(refusal.by.index(), youth);
        self.hold_back_the_rest(now);
    }

    /// The current token is held back from whom it is still too young for, and else good.
    pub(super) fn hold_back_the_rest(&mut self, now: Instant) {
        let id = self.generation();
        let holding = self
            .youths
            .values()
            .filter(|youth| youth.id == id && youth.holds_at(now));
        let until = holding.map(|youth| youth.ripe).max();
        self.verdict = until.map(|until| Verdict::Young { until });
    }

    /// A host refused the current token, and no clock tells why: it may have to ripen all the same.
    pub(super) fn doubt(&mut self, now: Instant, refusal: &Refusal) {
        if !self.refuses_every_token(refusal) {
            let known = self.youth_at(refusal.by);
            let youth = Youth {
                id: refusal.id,
                refused: Some(known.and_then(|youth| youth.refused).unwrap_or(now)),
                sent: Some(refusal.sent),
                ripe: now + AGEING_STEP,
                holds: false,
            };
            self.youths.insert(refusal.by.index(), youth);
        }
    }

    /// It is refused once more: its host is further behind than it looked.
    pub(super) fn doubt_longer(&mut self, now: Instant, refusal: &Refusal) {
        let youth = self.youth_at(refusal.by);
        if refusal.id == self.generation() && youth.is_some_and(|youth| !youth.holds) {
            self.doubt(now, refusal);
        }
    }

    /// A route that refuses every token does not tell that this one has to ripen.
    fn refuses_every_token(&self, refusal: &Refusal) -> bool {
        refusal
            .route
            .is_some_and(|route| self.routes.refused_older(route, refusal.id))
    }

    /// Whether a suspect token was refused in a request that was sent later than this one, which was accepted: then it did
    /// not ripen, and is as bad as it was, though the replies came the other way round.
    pub(super) fn was_refused_since(&self, by: OriginSlot, sent: Instant) -> bool {
        let refused = self.youth_at(by).and_then(|youth| youth.sent);
        self.verdict == Some(Verdict::Suspect) && refused.is_some_and(|refused| sent < refused)
    }

    /// A host took the current token, in a request that was sent then. If it had to ripen, so have its successors.
    pub(super) fn note_ripe(&mut self, current: &CachedToken, by: OriginSlot, sent: Instant) {
        let Some(youth) = self.youth_at(by) else {
            return;
        };
        self.youths.remove(&by.index());
        let age = sent.saturating_duration_since(current.begun);
        if youth.refused.is_some() && age <= RIPENING {
            // Who calls seldom finds it ripe late.
            let known = youth.ripe.saturating_duration_since(current.begun);
            self.ripening.insert(by.index(), age.min(known));
            self.ripened = Some((current.id, by, sent));
        }
    }

    /// Whether the token was too young when this request was sent, and the reply took longer than it took to ripen.
    pub(super) fn has_ripened_since(&self, refusal: &Refusal) -> bool {
        let (id, by) = (refusal.id, refusal.by);
        self.ripened.is_some_and(|(ripened, host, first)| {
            (ripened, host) == (id, by) && refusal.sent < first
        })
    }
}
