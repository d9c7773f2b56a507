//! Sets a simulator up.

use std::{
    fmt,
    marker::PhantomData,
    sync::Arc,
    time::{Duration, SystemTime},
};

use super::{
    RetryAfter, Simulator, limiter::Rate, settings::Settings, vendor::Vendor, world::World,
};

/// Sets a [`Simulator`] up. What is not set is as on the real platform, with all clocks right.
#[must_use]
pub struct Builder<V> {
    pub(crate) settings: Settings,
    vendor: Box<dyn Vendor>,
    marker: PhantomData<fn() -> V>,
}

impl<V> Builder<V> {
    pub(crate) fn new(settings: Settings, vendor: impl Vendor) -> Self {
        Self {
            settings,
            vendor: Box::new(vendor),
            marker: PhantomData,
        }
    }

    /// The wall-clock time at which it starts; this machine's, if not set.
    pub fn starting_at(mut self, start: SystemTime) -> Self {
        self.settings.start = Some(start);
        self
    }

    /// Sets all its clocks ahead by this many seconds, or back where negative.
    pub fn clocks_ahead(self, seconds: f64) -> Self {
        self.issuer_ahead(seconds)
            .api_ahead(seconds)
            .edge_ahead(seconds)
    }

    /// Sets the clock ahead by which tokens are made, and end.
    pub fn issuer_ahead(mut self, seconds: f64) -> Self {
        self.settings.issuer_ahead = seconds;
        self
    }

    /// Sets the API's clock ahead, which its time endpoint shows and its own checks of a token go by.
    pub fn api_ahead(mut self, seconds: f64) -> Self {
        self.settings.api_ahead = seconds;
        self
    }

    /// Sets the clock ahead that writes `Date` on the answers of the API. The login host's are written by the issuer's.
    pub fn edge_ahead(mut self, seconds: f64) -> Self {
        self.settings.edge_ahead = seconds;
        self
    }

    /// Lets all its clocks run too fast by this many millionths, or too slow where negative.
    pub fn drift(mut self, ppm: f64) -> Self {
        self.settings.drift = ppm;
        self
    }

    /// How long tokens live.
    pub fn token_lifetime(mut self, lifetime: Duration) -> Self {
        self.settings.lifetime = lifetime;
        self
    }

    /// Makes access tokens that are JWTs with `iat` and `exp`, in place of opaque ones.
    pub fn jwt_tokens(mut self) -> Self {
        self.settings.jwt = true;
        self
    }

    /// Lets the API refuse tokens that were made, by its own clock, more than `tolerance` in the future. It does not
    /// look at that if not set.
    pub fn not_before_tolerance(mut self, tolerance: Duration) -> Self {
        self.settings.not_before_tolerance = Some(tolerance);
        self
    }

    /// Lets the API judge by its own clock and not the issuer's when a token ends.
    pub fn api_checks_expiry(mut self) -> Self {
        self.settings.api_checks_expiry = true;
        self
    }

    /// How many API requests each token is good for per window; a window begins with the first request after the last.
    pub fn rate_limit(mut self, requests: u32, window: Duration) -> Self {
        self.settings.rate = Some(Rate { requests, window });
        self
    }

    /// Lifts the limit on API requests.
    pub fn no_rate_limit(mut self) -> Self {
        self.settings.rate = None;
        self
    }

    /// How a 429 of the API tells the time to wait.
    pub fn retry_after(mut self, form: RetryAfter) -> Self {
        self.settings.retry_after = form;
        self
    }

    /// How many token requests are answered per window; no limit if not set.
    pub fn token_rate_limit(mut self, requests: u32, window: Duration) -> Self {
        self.settings.token_rate = Some(Rate { requests, window });
        self
    }

    /// How long every answer takes, on tokio's clock; no time at all if not set.
    pub fn latency(mut self, latency: Duration) -> Self {
        self.settings.latency = latency;
        self
    }

    /// The client id and secret that are accepted.
    pub fn client(mut self, id: impl Into<String>, secret: impl Into<String>) -> Self {
        self.settings.client_id = id.into();
        self.settings.client_secret = secret.into();
        self
    }

    /// How many agents there are to list; 130 if not set.
    pub fn agents(mut self, agents: usize) -> Self {
        self.settings.agents = agents;
        self
    }

    /// Keeps every request that arrives, for [`Simulator::recorded`].
    pub fn recording(mut self) -> Self {
        self.settings.recording = true;
        self
    }

    /// Starts its clocks. Nothing listens yet.
    #[must_use]
    pub fn build(self) -> Simulator<V> {
        Simulator::new_in(Arc::new(World::new(self.settings, self.vendor)))
    }
}

impl<V> fmt::Debug for Builder<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder").finish_non_exhaustive()
    }
}
