//! The clock of one API host.

use std::{sync::atomic::Ordering, time::Duration};

use clearance_core::clock::{
    ClockAnchor, Observation, OffsetInterval, ServerClock, WallClock, date_fingerprint,
};
use http::{HeaderMap, header::DATE};
use tokio::time::Instant;

use super::{Sending, lock, paced::Paced};
use crate::sync::{AtomicU64, Mutex};

pub(crate) struct Host {
    name: String,
    /// Of the `Date` text that was seen last; 0 for none.
    date: AtomicU64,
    /// When the last request was sent whose reply had that text, in nanoseconds from `begun`.
    last_sent: AtomicU64,
    begun: Instant,
    clock: Mutex<Paced>,
}

impl Host {
    pub(super) fn new(name: String, anchor: ClockAnchor) -> Self {
        Self {
            name,
            date: AtomicU64::new(0),
            last_sent: AtomicU64::new(0),
            begun: Instant::now(),
            clock: Mutex::new(Paced::new(anchor)),
        }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Whether the reply to a request that was sent at `sent` told anything new.
    pub(super) fn observe(&self, headers: &HeaderMap, sent: Instant, wall: &dyn WallClock) -> bool {
        let date = date_fingerprint(headers);
        if date.is_none() && !headers.contains_key(DATE) {
            return false;
        }
        let since = sent.saturating_duration_since(self.begun).as_nanos() as u64;
        if date.is_some_and(|date| self.date.load(Ordering::Relaxed) == date) {
            self.last_sent.store(since, Ordering::Relaxed);
            return false;
        }
        let (sent, received) = (sent.into_std(), Instant::now().into_std());
        let Some(observation) = Observation::from_date(headers, sent, received) else {
            return false;
        };
        let mut paced = lock(&self.clock);
        let Some(clock) = paced.learn(sent, received, wall.now()) else {
            return false;
        };
        match date {
            None => clock.observe(&observation),
            // Another reply may have been here first.
            Some(date) if self.date.load(Ordering::Relaxed) == date => return false,
            Some(date) => {
                clock.observe_change(self.last_sent(), &observation);
                self.date.store(date, Ordering::Relaxed);
                self.last_sent.store(since, Ordering::Relaxed);
            }
        }
        true
    }

    fn last_sent(&self) -> Option<std::time::Instant> {
        let known = self.date.load(Ordering::Relaxed) != 0;
        known.then(|| {
            (self.begun + Duration::from_nanos(self.last_sent.load(Ordering::Relaxed))).into_std()
        })
    }

    /// What the model says, told of all that was seen so far. `None` if it says nothing, or no longer holds.
    pub(super) fn tells<R>(
        &self,
        local: Sending,
        what: impl FnOnce(&ServerClock) -> Option<R>,
    ) -> Option<R> {
        let mut paced = lock(&self.clock);
        let clock = paced.ask(local.at.into_std(), local.wall)?;
        if let Some(last_sent) = self.last_sent() {
            clock.observe_unchanged(last_sent);
        }
        what(clock)
    }

    /// By how much this host is ahead of the issuer, beyond doubt.
    pub(super) fn ahead_of(&self, issuer: OffsetInterval, local: Sending) -> Option<Duration> {
        let offset = self.tells(local, |clock| clock.offset_at(local.at.into_std()))?;
        let ahead = offset.minus(issuer).skew();
        ahead
            .is_server_ahead()
            .then(|| ahead.magnitude().saturating_sub(ahead.error()))
    }
}
