//! A token as it came from the source.

use std::{
    fmt,
    time::{Duration, SystemTime},
};

use clearance_core::Audience;
use http::HeaderValue;
use tokio::time::Instant;

/// A token as it came from the source.
pub(crate) struct Minted {
    pub(crate) header: HeaderValue,
    pub(crate) audience: Option<Audience>,
    pub(crate) requested: Instant,
    pub(crate) received: Instant,
    pub(crate) lifetime: Duration,
    pub(crate) born: Option<Born>,
    /// The issuer's word on its end.
    pub(crate) expires_at: Option<SystemTime>,
    /// What the local wall clock showed when the token was received.
    pub(crate) wall: SystemTime,
}

/// From when on a token is valid, on the issuer's clock.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Born {
    pub(crate) at: SystemTime,
    /// It may be later than that by this much: a `Date` is cut to the second.
    pub(crate) slack: Duration,
}

impl fmt::Debug for Minted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Minted")
            .field("lifetime", &self.lifetime)
            .finish_non_exhaustive()
    }
}
