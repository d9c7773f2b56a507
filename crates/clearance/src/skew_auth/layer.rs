//! The layer.

use std::{fmt, sync::Arc, time::Duration};

use clearance_core::{AnyTokenSource, TokenSource, clock::WallClock};
use tower_layer::Layer;

use super::{ServerTimes, SkewAuth, Status};
use crate::token_cache::Shared;

/// Attaches a bearer token to requests and keeps it fresh. See the [module](super).
///
/// Its clones, and all services made from them, share one token and one refresh in flight.
#[derive(Clone)]
#[must_use]
pub struct SkewAuthLayer {
    shared: Arc<Shared>,
}

impl SkewAuthLayer {
    /// A layer over `source`, which is not asked before the first request.
    pub fn new(source: impl TokenSource) -> Self {
        Self {
            shared: Arc::new(Shared::new(AnyTokenSource::new(source))),
        }
    }

    /// Renew a token in the background when it has this long to live, or longer where refreshes are slow or tokens have to
    /// ripen: at the earliest in the middle of its life, less a jitter of up to 2 % of that life. Default:
    /// min(5 min, lifetime / 5). Applies to all clones, from the next token on.
    pub fn soft_margin(self, margin: Duration) -> Self {
        self.shared.with(|cache, _| cache.set_soft_margin(margin));
        self
    }

    /// Let calls wait for a new token when the old one has this long to live. Default: min(30 s, lifetime / 10).
    /// Applies to all clones, from the next token on.
    pub fn hard_margin(self, margin: Duration) -> Self {
        self.shared.with(|cache, _| cache.set_hard_margin(margin));
        self
    }

    /// How long a call is held while another one tries a token after a refusal. Default: 5 s. Where a server's own `Date`
    /// tells when a token will be good there, calls are held until then, for 30 s at most.
    pub fn patience(self, patience: Duration) -> Self {
        self.shared.with(|cache, _| cache.set_patience(patience));
        self
    }

    /// Read the wall clock here instead of from the system, for tests. Monotonic time is always tokio's. Set it before the
    /// layer is cloned or used: it begins anew.
    pub fn wall_clock(mut self, clock: impl WallClock) -> Self {
        if Arc::get_mut(&mut self.shared).is_none() {
            self.shared = Arc::new(Shared::new(self.shared.source().clone()));
        }
        if let Some(shared) = Arc::get_mut(&mut self.shared) {
            shared.set_wall_clock(Arc::new(clock));
        }
        self
    }

    /// How the token fares, for a health page.
    #[must_use]
    pub fn status(&self) -> Status {
        Status::of(&self.shared)
    }

    /// Which token is the present one: a number that grows with each new token, 0 before the first. For whoever keeps
    /// something for as long as a token is used, such as
    /// [`RateLimitBackoffLayer::per_generation`](crate::RateLimitBackoffLayer::per_generation).
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.shared.with(|cache, _| cache.generation())
    }

    /// The time on the issuer and the API hosts.
    #[must_use]
    pub fn clock(&self) -> ServerTimes {
        ServerTimes::new(self.shared.clone())
    }

    /// Ends all hold-offs, and forgets how old tokens had to be for hosts that run behind: the next call that needs a token
    /// asks for one. For after a secret was corrected, or a clock.
    pub fn retry_now(&self) {
        self.shared.with(|cache, _| cache.retry_now());
    }
}

impl<S> Layer<S> for SkewAuthLayer {
    type Service = SkewAuth<S>;

    fn layer(&self, inner: S) -> SkewAuth<S> {
        SkewAuth::new(inner, self.shared.clone())
    }
}

impl fmt::Debug for SkewAuthLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SkewAuthLayer")
            .field("status", &self.status())
            .finish_non_exhaustive()
    }
}
