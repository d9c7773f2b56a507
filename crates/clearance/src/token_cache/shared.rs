//! What all clones of a layer share. It carries out what [`TokenCache`] decides: locks, publishes, spawns and waits.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

use arc_swap::ArcSwapOption;
use clearance_core::{
    AnyTokenSource, OriginSlot, Token, TokenError, TokenSource,
    clock::{ClockAnchor, ServerClock, Skew, SystemClock, WallClock},
};
use tokio::{
    runtime::Handle,
    sync::watch,
    time::{Instant, timeout_at},
};

use super::{
    Answer, CachedToken, Margins, Minted, Refused, Settlement, Ticket, TokenCache, UNLIMITED,
    Waiting, refresh,
};
use crate::{RefusalReason, TokenRefused, challenge::Challenge};

pub(crate) struct Shared {
    source: AnyTokenSource,
    /// The token that may be sent without asking, until it ages.
    published: ArcSwapOption<CachedToken>,
    cache: Mutex<TokenCache>,
    /// Wakes those who wait; what changed they ask of the cache.
    changed: watch::Sender<()>,
    clocks: Mutex<Clocks>,
}

struct Clocks {
    wall: Arc<dyn WallClock>,
    issuer: ServerClock,
}

/// A token to send, and whether this call tries it for all.
#[derive(Debug)]
pub(crate) struct Grant {
    pub(crate) token: Arc<CachedToken>,
    pub(crate) on_trial: bool,
}

impl Shared {
    pub(crate) fn new(source: AnyTokenSource) -> Self {
        let margins = Margins {
            jitter: fastrand::f64(),
            ..Margins::default()
        };
        Self {
            source,
            published: ArcSwapOption::empty(),
            cache: Mutex::new(TokenCache::new(margins, Duration::from_secs(5))),
            changed: watch::Sender::new(()),
            clocks: Mutex::new(Clocks::new(Arc::new(SystemClock))),
        }
    }

    pub(crate) fn source(&self) -> &AnyTokenSource {
        &self.source
    }

    /// A token that needs no thought: one atomic load and the clock.
    pub(crate) fn fresh(&self) -> Option<Arc<CachedToken>> {
        let token = self.published.load();
        let token = token
            .as_ref()
            .filter(|token| Instant::now() < token.life.soft)?;
        Some(token.clone())
    }

    /// A token without waiting, or `None` if there is something to wait for.
    pub(crate) fn try_grant(
        self: &Arc<Self>,
        min: Duration,
        waiting: &mut Waiting,
    ) -> Option<Result<Grant, TokenError>> {
        self.ask(min, waiting).ok()
    }

    /// A token, waiting for it if need be.
    pub(crate) async fn grant(
        self: Arc<Self>,
        min: Duration,
        mut waiting: Waiting,
    ) -> (Result<Grant, TokenError>, Waiting) {
        let mut changed = self.changed.subscribe();
        loop {
            changed.borrow_and_update();
            match self.ask(min, &mut waiting) {
                Ok(granted) => return (granted, waiting),
                Err(until) => {
                    if let Err(error) = wait(&mut changed, until).await {
                        return (Err(error), waiting);
                    }
                }
            }
        }
    }

    /// What there is to send, or until when there is something to wait for.
    fn ask(
        self: &Arc<Self>,
        min: Duration,
        waiting: &mut Waiting,
    ) -> Result<Result<Grant, TokenError>, Instant> {
        let (token, on_trial) = match self.with(|cache, now| cache.ask(now, min, waiting)) {
            Answer::Attach(token) => (token, false),
            Answer::Try(token) => (token, true),
            Answer::Fail(error) => return Ok(Err(error)),
            Answer::Wait(until) => return Err(until),
        };
        waiting.granted();
        Ok(Ok(Grant { token, on_trial }))
    }

    // ===== replies =====

    pub(crate) fn refused(
        self: &Arc<Self>,
        id: u64,
        by: OriginSlot,
        challenge: Challenge,
    ) -> TokenRefused {
        let refused = self.with(|cache, now| cache.refused(now, id, by, challenge));
        self.wake();
        match refused {
            Refused::Replay => TokenRefused::replay(),
            Refused::Final(reason) => TokenRefused::refused(reason),
            Refused::Pending(waiting) => {
                let shared = self.clone();
                TokenRefused::when(
                    "the token was refused: another one is being asked for",
                    move || shared.clone().settled(id, waiting),
                )
            }
        }
    }

    async fn settled(self: Arc<Self>, id: u64, mut waiting: Waiting) -> Result<(), RefusalReason> {
        let mut changed = self.changed.subscribe();
        loop {
            changed.borrow_and_update();
            match self.with(|cache, now| cache.settle(now, id, &mut waiting)) {
                Settlement::Ended(result) => return result,
                Settlement::Wait(until) => wait(&mut changed, until)
                    .await
                    .map_err(RefusalReason::RefreshFailed)?,
            }
        }
    }

    pub(crate) fn accepted(self: &Arc<Self>, id: u64, by: OriginSlot) {
        self.with(|cache, _| cache.accepted(id, by));
        self.wake();
    }

    pub(crate) fn not_refused(self: &Arc<Self>, id: u64) {
        self.with(|cache, _| cache.not_refused(id));
        self.wake();
    }

    pub(crate) fn seat_left(self: &Arc<Self>, id: u64) {
        self.with(|cache, _| cache.seat_left(id));
        self.wake();
    }

    // ===== the refresh =====

    pub(super) fn refresh_ended(
        self: &Arc<Self>,
        ticket: Ticket,
        outcome: Result<(Token, Instant), TokenError>,
    ) {
        let chance = fastrand::f64();
        let outcome = outcome.map(|(token, asked)| self.minted(&token, asked));
        let lifetime_s = outcome
            .as_ref()
            .map(|minted| minted.lifetime.as_secs())
            .unwrap_or_default();
        let ended = self.with(|cache, now| match outcome {
            Ok(minted) => cache.refreshed(now, ticket, minted, chance),
            Err(error) => {
                cache.failed(now, ticket, error.clone(), chance);
                Err(error)
            }
        });
        match ended {
            Ok(()) => tracing::info!(lifetime_s, "token refreshed"),
            Err(error) => tracing::warn!(%error, "token refresh failed"),
        }
        self.wake();
    }

    pub(super) fn refresh_slipped(self: &Arc<Self>, ticket: Ticket, error: TokenError) {
        tracing::warn!(%error, "token refresh failed");
        self.with(|cache, now| cache.slipped(now, ticket, error));
        self.wake();
    }

    pub(super) fn refresh_vanished(self: &Arc<Self>, ticket: Ticket) {
        tracing::debug!("token refresh vanished with its task");
        self.with(|cache, _| cache.vanished(ticket));
        self.wake();
    }

    fn minted(&self, token: &Token, asked: Instant) -> Minted {
        let mut clocks = lock(&self.clocks);
        for observation in token.observations() {
            clocks.issuer.observe(observation);
        }
        let now = Instant::now();
        let lifetime = token.lifetime().or_else(|| {
            let issuer_now = clocks
                .issuer
                .time_at(now.into_std())
                .unwrap_or_else(|| clocks.wall.now());
            token
                .expires_at()
                .map(|end| end.duration_since(issuer_now).unwrap_or_default())
        });
        // A source's own word on when it asked cannot lie in the future.
        let requested = token
            .requested_at()
            .map_or(asked, Instant::from_std)
            .min(now);
        Minted {
            header: token.header().clone(),
            audience: self.source.audience(),
            requested,
            lifetime: lifetime.unwrap_or(UNLIMITED),
        }
    }

    // ===== status and settings =====

    /// The issuer's clock against the local one.
    pub(crate) fn issuer_skew(&self) -> Option<Skew> {
        let clocks = lock(&self.clocks);
        clocks
            .issuer
            .skew_at(Instant::now().into_std(), clocks.wall.now())
    }

    pub(crate) fn set_wall_clock(&self, wall: Arc<dyn WallClock>) {
        *lock(&self.clocks) = Clocks::new(wall);
    }

    /// Does something with the cache, and then what the cache decided on.
    pub(crate) fn with<R>(self: &Arc<Self>, f: impl FnOnce(&mut TokenCache, Instant) -> R) -> R {
        let mut cache = lock(&self.cache);
        let result = f(&mut cache, Instant::now());
        let order = cache.take_order();
        let published = cache.published();
        if published.map(Arc::as_ptr) != self.published.load().as_ref().map(Arc::as_ptr) {
            self.published.store(published.cloned());
        }
        drop(cache);
        if let Some(order) = order {
            refresh::spawn(self.clone(), order);
        }
        result
    }

    fn wake(&self) {
        self.changed.send_replace(());
    }
}

impl Clocks {
    fn new(wall: Arc<dyn WallClock>) -> Self {
        let now: SystemTime = wall.now();
        Self {
            issuer: ServerClock::new(ClockAnchor::new(Instant::now().into_std(), now)),
            wall,
        }
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("source", &self.source)
            .finish_non_exhaustive()
    }
}

/// Until something changes, or `until`.
async fn wait(changed: &mut watch::Receiver<()>, until: Instant) -> Result<(), TokenError> {
    // A timer outside a runtime is a panic.
    if Handle::try_current().is_err() {
        return Err(TokenError::unavailable(
            "waiting for a token needs a timer: make this call within a tokio runtime",
        ));
    }
    let _ = timeout_at(until, changed.changed()).await;
    Ok(())
}

/// A panic of another thread leaves the state as it was before or after a decision, which is good enough to go on.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
