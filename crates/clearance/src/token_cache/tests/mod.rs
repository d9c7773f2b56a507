//! The decisions as tables: time goes by only where a test says so.

#[cfg(not(clearance_model))]
mod carried_out;
mod clocks;
mod figures;
mod held_edges;
mod life;
mod orders;
mod refreshes;
mod refusal_edges;
mod refusals;
mod renewal_edges;
mod route_edges;
mod trials;

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use clearance_core::{Audience, OriginSlot, TokenError};
use http::{HeaderMap, HeaderValue, Method};
use tokio::time::Instant;

use super::*;
use crate::{RefusalReason, challenge::Challenge};

const SECOND: Duration = Duration::from_secs(1);

/// The wall clock, which stands still here unless it is set.
const WALL: SystemTime = SystemTime::UNIX_EPOCH;

/// From when on every token is valid, on the issuer's clock.
const BORN: SystemTime = SystemTime::UNIX_EPOCH;

/// A cache, the time, and a caller that waits for nothing yet.
struct Bench {
    cache: TokenCache,
    now: Instant,
    next: u32,
}

impl Bench {
    fn new() -> Self {
        Self {
            cache: TokenCache::new(Margins::default(), 5 * SECOND),
            now: Instant::now(),
            next: 0,
        }
    }

    fn with_token(lifetime: Duration) -> Self {
        let mut bench = Self::new();
        assert!(matches!(bench.ask(), Answer::Wait(_)));
        bench.refresh(lifetime);
        bench
    }

    fn ask(&mut self) -> Answer {
        self.ask_at(WALL)
    }

    fn ask_at(&mut self, wall: SystemTime) -> Answer {
        self.cache
            .ask(self.now, wall, Duration::ZERO, &mut Waiting::default())
    }

    /// The id of the token that a new call would send.
    fn sends(&mut self) -> Option<u64> {
        match self.ask() {
            Answer::Attach(token) | Answer::Try(token) => Some(token.id),
            Answer::Wait(_) | Answer::Fail(_) => None,
        }
    }

    fn ticket(&mut self) -> Ticket {
        self.cache
            .take_order()
            .expect("a refresh was to be started")
            .ticket
    }

    /// Carries out the refresh that was ordered.
    fn refresh(&mut self, lifetime: Duration) {
        let ticket = self.ticket();
        self.next += 1;
        let header = HeaderValue::from(self.next);
        self.cache
            .refreshed(self.now, ticket, minted(header, self.now, lifetime), 0.0)
            .unwrap();
    }

    /// Gets a token of ten minutes, with the issuer's word on its end.
    fn stamped(&mut self, end: Option<SystemTime>) {
        assert!(matches!(self.ask(), Answer::Wait(_)));
        let ticket = self.ticket();
        let token = Minted {
            expires_at: end,
            ..minted(HeaderValue::from(9), self.now, 600 * SECOND)
        };
        self.cache.refreshed(self.now, ticket, token, 0.0).unwrap();
    }

    fn fail(&mut self, error: TokenError) {
        let ticket = self.ticket();
        self.cache.failed(self.now, ticket, error, 0.0);
    }

    fn refused(&mut self, id: u64) -> Refused {
        self.cache.refused(
            self.now,
            Refusal {
                sent: self.now,
                ..refusal(id)
            },
        )
    }

    /// The call that tries this token is refused.
    fn tried(&mut self, id: u64) -> Refused {
        self.cache.refused(
            self.now,
            Refusal {
                sent: self.now,
                on_trial: true,
                ..refusal(id)
            },
        )
    }

    fn refused_at(&mut self, id: u64, date: SystemTime) -> Refused {
        self.cache.refused(
            self.now,
            Refusal {
                sent: self.now,
                date: Some(date),
                ..refusal(id)
            },
        )
    }

    fn accepted(&mut self, id: u64) {
        self.cache.accepted(self.now, id, slot(), None);
    }

    fn settle(&mut self, id: u64, waiting: &mut Waiting) -> Settlement {
        self.cache.settle(self.now, id, waiting)
    }
}

fn minted(header: HeaderValue, requested: Instant, lifetime: Duration) -> Minted {
    Minted {
        header,
        audience: Some(Audience::any()),
        requested,
        received: requested,
        lifetime,
        born: Some(Born {
            at: BORN,
            slack: Duration::ZERO,
        }),
        expires_at: None,
        wall: WALL,
    }
}

fn refusal(id: u64) -> Refusal {
    Refusal {
        id,
        by: slot(),
        // After all that was ever accepted.
        sent: Instant::now() + UNLIMITED,
        on_trial: false,
        challenge: Challenge::Token,
        date: None,
        route: None,
        held_since: None,
    }
}

fn slot() -> OriginSlot {
    let uri = "https://api.example.com".parse().unwrap();
    Audience::any()
        .admits(&Method::GET, &uri, &HeaderMap::new())
        .unwrap()
}
