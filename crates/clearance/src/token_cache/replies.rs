//! What replies tell: of the token that was sent, of the clock of their host, of the route.

use std::sync::{Arc, atomic::Ordering};

use clearance_core::OriginSlot;
use http::{HeaderMap, HeaderValue, Uri};
use tokio::time::Instant;

use super::{Refusal, Refused, Settlement, Shared, Waiting, shared::wait};
use crate::{RefusalReason, TokenRefused};

impl Shared {
    pub(crate) fn refused(self: &Arc<Self>, refusal: Refusal) -> TokenRefused {
        let refused = self.with(|cache, now| cache.refused(now, refusal));
        match refused {
            Refused::Replay => TokenRefused::replay(),
            Refused::Final(reason) => TokenRefused::refused(reason),
            Refused::Pending(waiting) => {
                let shared = self.clone();
                TokenRefused::when(
                    "the token was refused, and another one is being asked for",
                    move || shared.clone().settled(refusal.id, waiting),
                )
            }
        }
    }

    async fn settled(self: Arc<Self>, id: u64, mut waiting: Waiting) -> Result<(), RefusalReason> {
        let mut changed = self.changed.subscribe();
        loop {
            changed.borrow_and_update();
            match self.with(|cache, now| cache.settle(now, id, &mut waiting)) {
                Settlement::Ended(result) => return result,
                Settlement::Wait(until) => wait(&mut changed, until)
                    .await
                    .map_err(RefusalReason::RefreshFailed)?,
            }
        }
    }

    pub(crate) fn accepted(
        self: &Arc<Self>,
        sent: Instant,
        id: u64,
        by: OriginSlot,
        route: Option<u64>,
    ) {
        self.with(|cache, _| cache.accepted(sent, id, by, route));
    }

    /// A reply with a date: evidence on the clock of its host.
    #[inline]
    pub(crate) fn observe(self: &Arc<Self>, by: OriginSlot, headers: &HeaderMap, sent: Instant) {
        let clocks = self.clocks();
        if clocks.replied(by, headers, sent) {
            self.with(|cache, _| {
                if let Some(limit) = cache.half_life() {
                    cache.shorten(clocks.furthest_ahead(limit));
                }
            });
        }
    }

    /// A server may repeat the token in what it says of it. Whoever prints its reply, and we do, is not to print that.
    pub(crate) fn mark_repeated(self: &Arc<Self>, headers: &mut HeaderMap) {
        let tokens = self.with(|cache, _| cache.sent_tokens());
        for value in headers.values_mut() {
            if tokens.iter().any(|token| is_in(token, value)) {
                value.set_sensitive(true);
            }
        }
    }

    /// The route of a request, while routes are told apart.
    #[inline]
    pub(crate) fn route_of(&self, slot: OriginSlot, uri: &Uri) -> Option<u64> {
        self.watching.load(Ordering::Relaxed).then_some(())?;
        Some(hash(uri.path()).wrapping_add(slot.index() as u64))
    }

    pub(crate) fn not_refused(self: &Arc<Self>, id: u64) {
        self.with(|cache, _| cache.not_refused(id));
    }

    pub(crate) fn seat_left(self: &Arc<Self>, id: u64) {
        self.with(|cache, _| cache.seat_left(id));
    }
}

/// Whether the text of a token, without its scheme, is somewhere in a value.
fn is_in(token: &HeaderValue, value: &HeaderValue) -> bool {
    let text = token.to_str().ok().and_then(|text| text.split_once(' '));
    text.zip(value.to_str().ok())
        .is_some_and(|((_, token), value)| value.contains(token))
}

/// FNV-1a: a hash that is the same for all services of a process, and quick on short texts.
fn hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::hash;

    #[test]
    fn paths_that_differ_in_a_letter_have_numbers_of_their_own() {
        let paths = (0..10_000).map(|nth| format!("/api/v2/users/{nth:04}/queues"));
        let numbers: HashSet<u64> = paths.map(|path| hash(&path)).collect();
        assert_eq!(numbers.len(), 10_000);
    }
}
