//! The handle to a simulated platform.

use std::{fmt, io, marker::PhantomData, sync::Arc};

use http_body::Body as HttpBody;
use hyper_util::{client::legacy::Client, rt::TokioExecutor};

use super::{
    Connector, Counters, Endpoint, Faults, Running, Seen,
    pipe::{API_URL, LOGIN_URL},
    world::World,
};
use crate::TokioWallClock;

/// A simulated platform: [`Genesys`](super::Genesys) or [`Cxone`](super::Cxone). Its clones are the same platform.
///
/// It is itself a tower service. [`client`](Self::client) and [`connector`](Self::connector) reach it through pipes,
/// [`serve`](Self::serve) puts it on sockets; see the [module](super) for which to take.
pub struct Simulator<V> {
    world: Arc<World>,
    marker: PhantomData<fn() -> V>,
}

impl<V> Simulator<V> {
    pub(crate) fn new_in(world: Arc<World>) -> Self {
        Self {
            world,
            marker: PhantomData,
        }
    }

    pub(crate) fn world(&self) -> &Arc<World> {
        &self.world
    }

    // ===== ways in =====

    /// Listens on two free ports of 127.0.0.1, one for each host, until what it returns is dropped. Never under paused
    /// time: that jumps while a socket is merely slow.
    ///
    /// # Errors
    ///
    /// If no socket can be bound.
    pub async fn serve(&self) -> io::Result<Running> {
        Running::start(&self.world).await
    }

    /// A connector for hyper-util's clients whose connections are pipes in memory. It knows
    /// [`login_url`](Self::login_url) and [`api_url`](Self::api_url), and refuses connections to anything else.
    #[must_use]
    pub fn connector(&self) -> Connector {
        Connector::new(Arc::clone(&self.world))
    }

    /// A client over the [`connector`](Self::connector).
    #[must_use]
    pub fn client<B>(&self) -> Client<Connector, B>
    where
        B: HttpBody + Send,
        B::Data: Send,
    {
        Client::builder(TokioExecutor::new()).build(self.connector())
    }

    /// The login host's base URL, within the pipes.
    #[must_use]
    pub fn login_url(&self) -> &'static str {
        LOGIN_URL
    }

    /// The API host's base URL, within the pipes.
    #[must_use]
    pub fn api_url(&self) -> &'static str {
        API_URL
    }

    // ===== clocks =====

    /// The clock by which tokens are made.
    pub fn issuer_clock(&self) -> &TokioWallClock {
        &self.world.issuer_clock
    }

    /// The API's clock.
    pub fn api_clock(&self) -> &TokioWallClock {
        &self.world.api_clock
    }

    /// The clock that writes `Date`.
    pub fn edge_clock(&self) -> &TokioWallClock {
        &self.world.edge_clock
    }

    /// Steps all its clocks by this many seconds, back where negative.
    pub fn step_clocks(&self, seconds: f64) {
        for clock in [self.issuer_clock(), self.api_clock(), self.edge_clock()] {
            clock.step(seconds);
        }
    }

    // ===== events =====

    /// Revokes every living token, and says how many there were.
    #[expect(clippy::must_use_candidate, reason = "called for what it does")]
    pub fn revoke_all(&self) -> usize {
        self.world.issuer.revoke(|_| true)
    }

    /// Revokes the token with this text, and says whether it lived until now.
    #[expect(clippy::must_use_candidate, reason = "called for what it does")]
    pub fn revoke(&self, token: &str) -> bool {
        self.world.issuer.revoke(|text| text == token) > 0
    }

    /// Accepts this client secret and no other from now on. Tokens live on.
    pub fn set_client_secret(&self, secret: impl Into<String>) {
        self.world.set_client_secret(secret.into());
    }

    /// Lets the next token request fail in this way, after the faults that are still to come.
    pub fn fault_next_token(&self, faults: impl Into<Faults>) {
        self.world.faults.push(Endpoint::Token, faults.into());
    }

    /// Lets the next request to the login host fail that is no token request.
    pub fn fault_next_discovery(&self, faults: impl Into<Faults>) {
        self.world.faults.push(Endpoint::Discovery, faults.into());
    }

    /// Lets the next API request fail in this way, after the faults that are still to come.
    pub fn fault_next_api(&self, faults: impl Into<Faults>) {
        self.world.faults.push(Endpoint::Api, faults.into());
    }

    /// Drops all faults that are still to come.
    pub fn heal(&self) {
        self.world.faults.clear();
    }

    // ===== evidence =====

    /// What it counted until now.
    #[must_use]
    pub fn counters(&self) -> Counters {
        let mut counters = self.world.log.snapshot();
        counters.tokens_minted = self.world.issuer.count();
        counters
    }

    /// Every request that arrived, in order, if it was built to keep them.
    #[must_use]
    pub fn recorded(&self) -> Vec<Seen> {
        self.world.log.recorded()
    }
}

impl<V> Clone for Simulator<V> {
    fn clone(&self) -> Self {
        Self::new_in(Arc::clone(&self.world))
    }
}

impl<V> fmt::Debug for Simulator<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Simulator")
            .field("counters", &self.counters())
            .finish_non_exhaustive()
    }
}
