//! What becomes of a refusal: whether its request may be sent again, and if not, why.

use clearance_core::OriginSlot;
use tokio::time::Instant;

use super::{Refused, TokenCache, Waiting, refusal::Verdict, state::Cause, trial::OFFER};
use crate::RefusalReason;

/// What has become of a refusal.
#[derive(Debug)]
pub(crate) enum Settlement {
    Ended(Result<(), RefusalReason>),
    /// Ask again when something has changed, or at this moment.
    Wait(Instant),
}

impl TokenCache {
    /// Whether a call that was refused `id` may be sent again.
    pub(crate) fn settle(&mut self, now: Instant, id: u64, waiting: &mut Waiting) -> Settlement {
        self.catch_up(now);
        let since = *waiting.since.get_or_insert(now);
        if let Some(settlement) = self.settle_trial(now, since) {
            return self.explain(settlement, waiting);
        }
        if let Some(until) = self.held_back(now, waiting.to) {
            return Settlement::Wait(until);
        }
        let ended = self.ended_for(waiting);
        if self.is_sent() {
            // The same token, for which another host spoke or an older reply: not while a better one is on its way.
            if self.is_current(id) && self.is_awaited(waiting) {
                return Settlement::Wait(now + OFFER);
            }
            let is_handed_out_again = self.is_current(id) && matches!(ended, Some(Err(_)));
            if self.generation() >= id && !is_handed_out_again {
                return Settlement::Ended(Ok(()));
            }
        }
        let settlement = match ended {
            Some(Err(error)) => Settlement::Ended(Err(RefusalReason::RefreshFailed(error))),
            // It brought a token, and that was refused in its turn.
            Some(Ok(())) if self.verdict != Some(Verdict::Revoked) => {
                Settlement::Ended(Err(RefusalReason::RefusedAgain))
            }
            // Nothing yet, or what it brought was revoked in its turn and another is on its way.
            _ => match self.in_flight {
                Some(flight) => {
                    waiting.ticket = Some(flight.ticket);
                    Settlement::Wait(now + OFFER)
                }
                None if self.is_held_off(now) || waiting.ticket.is_none() => {
                    Settlement::Ended(Err(self.given_up()))
                }
                None => match self.restart(now, Cause::Refused, waiting) {
                    Ok(until) => Settlement::Wait(until),
                    Err(error) => Settlement::Ended(Err(RefusalReason::RefreshFailed(error))),
                },
            },
        };
        self.explain(settlement, waiting)
    }

    fn is_current(&self, id: u64) -> bool {
        self.current
            .as_ref()
            .is_some_and(|current| current.id == id)
    }

    /// Whether the refresh that this caller waits for is still in flight.
    fn is_awaited(&self, waiting: &Waiting) -> bool {
        let flight = self.in_flight.zip(waiting.ticket);
        flight.is_some_and(|(flight, ticket)| flight.ticket == ticket)
    }

    pub(super) fn given_up(&self) -> RefusalReason {
        let error = self.failure.as_ref().map(|failure| failure.error.clone());
        error.map_or(RefusalReason::RefusedAgain, RefusalReason::RefreshFailed)
    }

    /// Puts the clocks into the reason where they may be the reason.
    pub(super) fn explained(&self, refused: Refused, by: OriginSlot) -> Refused {
        match (refused, self.behind) {
            (Refused::Final(RefusalReason::RefusedAgain), Some((host, behind))) if host == by => {
                Refused::Final(RefusalReason::TooYoung { behind })
            }
            (refused, _) => refused,
        }
    }

    fn explain(&self, settlement: Settlement, waiting: &Waiting) -> Settlement {
        match (settlement, self.behind) {
            (Settlement::Ended(Err(RefusalReason::RefusedAgain)), Some((host, behind)))
                if waiting.to == Some(host) =>
            {
                Settlement::Ended(Err(RefusalReason::TooYoung { behind }))
            }
            (settlement, _) => settlement,
        }
    }
}
