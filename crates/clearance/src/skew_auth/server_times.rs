//! The time on other machines.

use std::{fmt, sync::Arc, time::SystemTime};

use clearance_core::clock::Skew;

use crate::token_cache::Shared;

/// What the clocks of the issuer and of the API hosts show, as far as their replies told: for queries that need the
/// server's time. Made by [`SkewAuthLayer::clock`](super::SkewAuthLayer::clock); it follows the layer.
///
/// ```
/// # use clearance::SkewAuthLayer;
/// # use clearance_test::ScriptedSource;
/// let layer = SkewAuthLayer::new(ScriptedSource::new(["t0k3n"]));
/// let clock = layer.clock();
/// // Nothing was called yet.
/// assert!(clock.now_at("https://api.example.com").is_none());
/// ```
#[derive(Clone)]
pub struct ServerTimes(Arc<Shared>);

impl ServerTimes {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self(shared)
    }

    /// What the clock of this API host most likely shows now. `None` while no reply of it told its time, or if `origin`
    /// is not the origin of a host that was called, such as `https://api.example.com`. With
    /// [`Audience::any`](crate::Audience::any), a host that is addressed by its `Host` field alone has no scheme and is not
    /// found.
    #[must_use]
    pub fn now_at(&self, origin: &str) -> Option<SystemTime> {
        let clocks = self.0.clocks();
        clocks.named(origin).and_then(|host| clocks.now_at(&host))
    }

    /// How far the clock of this API host is from the local one.
    #[must_use]
    pub fn skew_at(&self, origin: &str) -> Option<Skew> {
        let clocks = self.0.clocks();
        clocks.named(origin).and_then(|host| clocks.skew_of(&host))
    }

    /// What the issuer's clock most likely shows now. `None` before its first answer.
    #[must_use]
    pub fn issuer_now(&self) -> Option<SystemTime> {
        self.0.clocks().issuer_now()
    }
}

impl fmt::Debug for ServerTimes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerTimes").finish_non_exhaustive()
    }
}
