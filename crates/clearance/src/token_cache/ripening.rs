//! Tokens that are not ripe yet for a server behind the issuer: the older one is served meanwhile.

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;

use super::{CachedToken, TokenCache, refusal::Verdict};

/// Issue times are mostly whole seconds (RFC 7519, `iat`): a token that was taken may have been older there than it looked
/// from here, by almost this much, and its successor is not.
const WHOLE_SECOND: Duration = Duration::from_secs(1);

/// A successor that waits until it is ripe.
#[derive(Debug)]
pub(super) struct Next {
    token: Arc<CachedToken>,
    ripe: Instant,
}

impl TokenCache {
    /// How old a token must be for the slowest of the servers, as far as is known.
    pub(super) fn ripening(&self) -> Duration {
        let taken_at = self.ripening.values().max();
        taken_at.map_or(Duration::ZERO, |age| *age + WHOLE_SECOND)
    }

    /// A new token: everybody's at once, or when it is ripe, or to be tried first.
    pub(super) fn take(&mut self, now: Instant, token: Arc<CachedToken>) {
        let is_suspect = self.verdict == Some(Verdict::Suspect);
        // A suspect token at its end is not kept: it would be renewed with each call until the new one is tried.
        let is_kept = |older: &Arc<CachedToken>| now < older.life.hard;
        if is_suspect && self.current.as_ref().is_some_and(is_kept) {
            self.begin_trial(now, token);
            return;
        }
        // Never past the moment from which it would be renewed itself.
        let ripe = (token.begun + self.ripening()).min(token.life.soft);
        let older = self
            .current
            .as_ref()
            .filter(|older| now < older.life.deadline);
        let is_served = !is_suspect && self.verdict != Some(Verdict::Revoked);
        if now < ripe && older.is_some() && is_served {
            self.next = Some(Next { token, ripe });
        } else {
            self.trial = None;
            self.next = None;
            self.current = Some(token);
            self.verdict = (now < ripe).then_some(Verdict::Young { until: ripe });
        }
    }

    /// What time alone has changed.
    pub(super) fn catch_up(&mut self, now: Instant) {
        self.reap(now);
        if matches!(self.verdict, Some(Verdict::Young { until }) if now >= until) {
            self.verdict = None;
        }
        let over = self
            .current
            .as_ref()
            .is_none_or(|current| now >= current.life.deadline);
        if self
            .next
            .as_ref()
            .is_some_and(|next| over || now >= next.ripe)
        {
            self.bring_in_next();
            self.catch_up(now);
        }
    }

    /// The successor takes its place now, and is held back until it is ripe.
    pub(super) fn bring_in_next(&mut self) -> bool {
        let Some(Next { token, ripe }) = self.next.take() else {
            return false;
        };
        self.current = Some(token);
        self.verdict = Some(Verdict::Young { until: ripe });
        true
    }
}
