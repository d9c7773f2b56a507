//! What few calls carry.

use std::time::Duration;

use http::Request;
use tokio::time::Instant;

use super::super::{gate::Seat, key::Key, pace::later};
use crate::Waited;

/// Of a call that met a limit, or that may wait longer or shorter than others.
pub(super) struct Course<S, B> {
    pub(super) key: Option<Key>,
    pub(super) seat: Option<Seat>,
    pub(super) waited: Waited,
    pub(super) max_wait: Duration,
    /// Of a gRPC call: when nobody waits for its reply any more.
    pub(super) deadline: Option<Instant>,
    /// Of the token that it was sent with, as far as that is known, where limits are a token's.
    pub(super) generation: Option<u64>,
    pub(super) wait: Option<Wait<S, B>>,
}

/// From the moment in which a call is held to its next sending.
pub(super) struct Wait<S, B> {
    pub(super) request: Request<B>,
    pub(super) since: Instant,
    /// The time that was stated to this very call.
    pub(super) not_before: Instant,
    /// From when on it has waited as long as it may.
    pub(super) latest: Instant,
    /// What it will be sent by; here only while it is made ready.
    pub(super) service: Option<S>,
}

impl<S, B> Course<S, B> {
    pub(super) fn new(max_wait: Duration, waited: Waited, deadline: Option<Instant>) -> Self {
        Self {
            key: None,
            seat: None,
            waited,
            max_wait,
            deadline,
            generation: None,
            wait: None,
        }
    }

    pub(super) fn wait(&mut self, request: Request<B>, now: Instant, not_before: Instant) {
        self.wait = Some(Wait {
            request,
            since: now,
            not_before,
            latest: self.latest(now),
            service: None,
        });
    }

    /// When a call that is held from now on has waited as long as it may.
    pub(super) fn latest(&self, now: Instant) -> Instant {
        let latest = later(now, self.max_wait.saturating_sub(self.waited.total));
        self.deadline
            .map_or(latest, |deadline| deadline.min(latest))
    }

    /// Whether nobody waits for its reply any more.
    pub(super) fn is_over(&self, now: Instant) -> bool {
        self.deadline.is_some_and(|deadline| deadline <= now)
    }

    pub(super) fn tell(&self, event: impl FnOnce(&Key)) {
        if let Some(seat) = &self.seat {
            event(seat.key());
        }
    }
}
