//! A snapshot for a health page.

use std::{fmt, sync::Arc, time::Duration};

use clearance_core::{TokenError, clock::Skew};
use tokio::time::Instant;

use crate::token_cache::{Cause, Shared, TokenCache};

/// How the token fares: a snapshot for a health page. `Display` makes a line of it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Status {
    /// What becomes of a call now.
    pub token: TokenState,
    /// Until the token's own end, without margins. `None`: there is no token, or it is past its end.
    pub remaining: Option<Duration>,
    /// Whether a token is being asked for now.
    pub refreshing: bool,
    /// The issuer's clock against the local one, with its error bar. `None`: no answer told the issuer's time yet.
    pub issuer_skew: Option<Skew>,
    /// Refreshes begun so far, by cause.
    pub refreshes: Refreshes,
    /// Refusals of tokens so far: replies with status 401.
    pub refusals: u64,
    /// Refreshes that brought no token.
    pub failures: u64,
    /// Why the last of them did not.
    pub last_error: Option<TokenError>,
}

/// What becomes of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TokenState {
    /// There is no token yet: it waits.
    Empty,
    /// It is sent at once.
    Fresh,
    /// It is sent at once, and the token is renewed in the background.
    Ageing,
    /// It waits for a new token.
    Expired,
    /// It waits for a new token, or for another call to try one.
    Refused,
}

/// Refreshes by cause.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Refreshes {
    /// There was no token.
    pub first: u64,
    /// In the background, before the old one ended.
    pub ageing: u64,
    /// Calls waited, since the old one was at its end.
    pub expired: u64,
    /// A server refused the old one.
    pub refused: u64,
}

impl Status {
    pub(super) fn of(shared: &Arc<Shared>) -> Self {
        let issuer_skew = shared.issuer_skew();
        shared.with(|cache, now| {
            let counts = cache.counts();
            let refreshes = |cause: Cause| counts.refreshes[cause as usize];
            Self {
                token: TokenState::of(cache, now),
                remaining: cache
                    .deadline()
                    .and_then(|end| end.checked_duration_since(now)),
                refreshing: cache.is_refreshing(),
                issuer_skew,
                refreshes: Refreshes {
                    first: refreshes(Cause::First),
                    ageing: refreshes(Cause::Ageing),
                    expired: refreshes(Cause::Expired),
                    refused: refreshes(Cause::Refused),
                },
                refusals: counts.refusals,
                failures: counts.failures,
                last_error: counts.last_error.clone(),
            }
        })
    }
}

impl TokenState {
    fn of(cache: &TokenCache, now: Instant) -> Self {
        match cache.life() {
            None => Self::Empty,
            Some(_) if cache.is_refused() => Self::Refused,
            Some(life) if now < life.soft => Self::Fresh,
            Some(life) if now < life.hard => Self::Ageing,
            Some(_) => Self::Expired,
        }
    }
}

impl Refreshes {
    /// Of every cause.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.first + self.ageing + self.expired + self.refused
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "token {:?}", self.token)?;
        if let Some(remaining) = self.remaining {
            write!(f, ", {} s left", remaining.as_secs())?;
        }
        if self.refreshing {
            f.write_str(", being renewed")?;
        }
        write!(
            f,
            "; {} refreshes ({} failed), {} refusals",
            self.refreshes.total(),
            self.failures,
            self.refusals
        )?;
        match &self.issuer_skew {
            Some(skew) => write!(f, "; issuer's clock {skew}")?,
            None => f.write_str("; issuer's clock unknown")?,
        }
        match &self.last_error {
            Some(error) => write!(f, "; last error: {error}"),
            None => Ok(()),
        }
    }
}
