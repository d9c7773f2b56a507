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
    /// The issuer's clock against the local one, with its error bar. `None`: no answer told the issuer's time yet, or
    /// none since the machine slept or its clock was set.
    pub issuer_skew: Option<Skew>,
    /// The API hosts of the present audience that were called, and their clocks.
    pub hosts: Vec<HostStatus>,
    /// Refreshes begun so far, by cause.
    pub refreshes: Refreshes,
    /// Refusals of tokens so far: replies with status 401.
    pub refusals: u64,
    /// Refreshes that brought no token.
    pub failures: u64,
    /// Why the last of them did not.
    pub last_error: Option<TokenError>,
}

/// What is known of an API host.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct HostStatus {
    /// Its origin, such as `https://api.example.com`.
    pub origin: String,
    /// The stamps of its replies against the local clock. Many servers keep a `Date` for a second, so that its clock may
    /// be up to a second further on. `None`: no reply told its time yet, or none since the machine slept or its clock
    /// was set.
    pub skew: Option<Skew>,
    /// How many clocks answer under this name: 2 and more behind some balancers.
    pub clocks: usize,
    /// Its clock is so far ahead of the issuer's that it is not believed, and a token's end there is left to its 401.
    pub disbelieved: bool,
    /// How old a token had to be before it was taken, where a younger one was refused. Kept until
    /// [`retry_now`](super::SkewAuthLayer::retry_now), or until the source's audience changes: later tokens are used when
    /// they are older by a second than that.
    pub ripening: Option<Duration>,
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
    /// A server refused the token. It waits for a new one, for another call to try one, or until the token is old enough
    /// for that server; where nothing of that is under way it is sent at once, to try a token for all or with the old one.
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
        let clocks = shared.clocks();
        let issuer_skew = clocks.issuer_skew();
        shared.with(|cache, now| {
            let limit = cache.half_life().unwrap_or(Duration::MAX);
            let hosts = clocks.hosts().map(|(slot, host)| HostStatus {
                origin: host.name().to_owned(),
                skew: clocks.skew_of(&host),
                clocks: clocks.clocks_of(&host),
                disbelieved: clocks.is_disbelieved(&host, limit),
                ripening: cache.ripening_of(slot),
            });
            let counts = cache.counts();
            let refreshes = |cause: Cause| counts.refreshes[cause as usize];
            Self {
                token: TokenState::of(cache, now),
                remaining: cache
                    .deadline()
                    .and_then(|end| end.checked_duration_since(now)),
                refreshing: cache.is_refreshing(),
                issuer_skew,
                hosts: hosts.collect(),
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

impl fmt::Display for HostStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.origin)?;
        match &self.skew {
            Some(skew) => write!(f, "stamps {skew} (its clock up to 1 s further on)")?,
            None => f.write_str("clock unknown")?,
        }
        if self.clocks > 1 {
            write!(f, " ({} clocks under this name)", self.clocks)?;
        }
        if self.disbelieved {
            f.write_str(" (not believed)")?;
        }
        match self.ripening {
            Some(age) => write!(f, ", takes tokens from {:.1} s of age", age.as_secs_f64()),
            None => Ok(()),
        }
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
        for host in &self.hosts {
            write!(f, "; {host}")?;
        }
        match &self.last_error {
            Some(error) => write!(f, "; last error: {error}"),
            None => Ok(()),
        }
    }
}
