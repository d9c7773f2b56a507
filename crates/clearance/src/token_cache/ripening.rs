//! Tokens that are not ripe yet for a server behind the issuer: the older one is served meanwhile.

use std::{collections::HashMap, sync::Arc, time::Duration};

use tokio::time::Instant;

use super::{CachedToken, TokenCache, refusal::Verdict, youth::Youth};

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
        let oldest = self.age_for(now).into_values().map(|(age, _)| age).max();
        let ripe = (token.begun + oldest.unwrap_or_default()).min(token.life.soft);
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
            self.bring_in(now, token);
        }
    }

    /// A token is everybody's from now on, but for the hosts that it is still too young for.
    fn bring_in(&mut self, now: Instant, token: Arc<CachedToken>) {
        let youth = |(age, refused)| Youth {
            id: token.id,
            refused,
            sent: None,
            ripe: (token.begun + age).min(token.life.soft),
            holds: true,
        };
        let ages = self.age_for(now).into_iter();
        self.youths = ages.map(|(host, age)| (host, youth(age))).collect();
        self.current = Some(token);
        self.hold_back_the_rest(now);
    }

    /// How old a new token must be for a host, by its slot, and since when its predecessor has been refused there.
    fn age_for(&self, now: Instant) -> HashMap<usize, (Duration, Option<Instant>)> {
        let learned = self.ripening.iter();
        let mut ages: HashMap<_, _> = learned
            .map(|(host, age)| (*host, (*age + WHOLE_SECOND, None)))
            .collect();
        // Who still waits for its predecessor waits on.
        if let Some(current) = &self.current {
            let waiting = |youth: &&Youth| {
                youth.id == current.id && youth.refused.is_some() && youth.holds_at(now)
            };
            for (host, youth) in self.youths.iter().filter(|(_, youth)| waiting(youth)) {
                let age = youth.ripe.saturating_duration_since(current.begun);
                ages.insert(*host, (age, youth.refused));
            }
        }
        ages
    }

    /// What is known of ripening is no longer so: nobody waits for it.
    pub(super) fn forget_ripening(&mut self) {
        self.ripening.clear();
        self.youths.clear();
        if matches!(self.verdict, Some(Verdict::Young { .. })) {
            self.verdict = None;
        }
        if let Some(Next { token, .. }) = self.next.take() {
            self.current = Some(token);
            self.verdict = None;
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
            self.bring_in_next(now);
            self.catch_up(now);
        }
    }

    /// The successor takes its place now, though it may not be ripe for all.
    pub(super) fn bring_in_next(&mut self, now: Instant) -> bool {
        let Some(Next { token, .. }) = self.next.take() else {
            return false;
        };
        self.bring_in(now, token);
        true
    }
}
