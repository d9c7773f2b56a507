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
                let waiting = waiting.to(refusal.by);
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
    pub(crate) fn observe(
        self: &Arc<Self>,
        by: OriginSlot,
        id: u64,
        headers: &HeaderMap,
        sent: Instant,
    ) {
        let clocks = self.clocks();
        if clocks.replied(by, id, headers, sent) {
            self.with(|cache, _| {
                if let Some(limit) = cache.half_life() {
                    cache.shorten(clocks.furthest_ahead(limit));
                }
            });
        }
    }

    /// A server may repeat the token in a refusal. Whoever prints its fields, and we do, is not to print that.
    pub(crate) fn mark_repeated(self: &Arc<Self>, id: u64, headers: &mut HeaderMap) {
        let token = self.with(|cache, _| cache.sent_token(id));
        for value in headers.values_mut() {
            // An older token is not kept to be looked for.
            if token.as_ref().is_none_or(|token| is_repeated(token, value)) {
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

/// Whether a token, or the beginning of it, is somewhere in a value.
fn is_repeated(token: &HeaderValue, value: &HeaderValue) -> bool {
    let token = token.as_bytes();
    let token = token.strip_prefix(b"Bearer ").unwrap_or(token);
    let beginning = &token[..token.len().min(12)];
    // What is shorter is no secret, and in every other word.
    let can_be_told = beginning.len() >= 6;
    can_be_told
        && value
            .as_bytes()
            .windows(beginning.len())
            .any(|part| part == beginning)
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
