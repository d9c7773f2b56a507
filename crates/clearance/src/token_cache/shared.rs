//! What all clones of a layer share. It carries out what [`TokenCache`] decides: locks, publishes, spawns and waits.

use std::{
    fmt,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use arc_swap::ArcSwapOption;
use clearance_core::{
    AnyTokenSource, Token, TokenError, TokenSource,
    clock::{SystemClock, WallClock},
};
use tokio::{
    runtime::Handle,
    sync::watch,
    time::{Instant, timeout_at},
};

use super::{
    Answer, Born, CachedToken, Margins, Minted, Ticket, TokenCache, UNLIMITED, Waiting, refresh,
};
use crate::{
    server_clocks::{ServerClocks, lock},
    sync::{AtomicBool, Mutex},
};

pub(crate) struct Shared {
    source: AnyTokenSource,
    /// The token that may be sent without asking, until it ages.
    pub(super) published: ArcSwapOption<CachedToken>,
    cache: Mutex<TokenCache>,
    /// Wakes those who wait; what changed they ask of the cache.
    pub(super) changed: watch::Sender<()>,
    clocks: ServerClocks,
    /// Routes that refuse every token, to be told apart: `None` while no token was refused of late.
    watched: ArcSwapOption<Vec<u64>>,
    pub(super) watching: AtomicBool,
}

/// A token to send.
#[derive(Debug)]
pub(crate) struct Grant {
    pub(crate) token: Arc<CachedToken>,
    pub(crate) terms: Terms,
}

/// What goes along with a token that was not simply fresh.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Terms {
    /// This call tries it for all.
    pub(crate) on_trial: bool,
    /// Since when the call was held, if it was.
    pub(crate) held_since: Option<Instant>,
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
            clocks: ServerClocks::new(Arc::new(SystemClock)),
            watched: ArcSwapOption::empty(),
            watching: AtomicBool::new(false),
        }
    }

    pub(crate) fn source(&self) -> &AnyTokenSource {
        &self.source
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
                Ok(granted) => {
                    let held_since = waiting.since();
                    return (
                        granted.map(|mut grant| {
                            grant.terms.held_since = held_since;
                            grant
                        }),
                        waiting,
                    );
                }
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
        let now = self.clocks().local();
        // What others send without asking: a crowd that a new token wakes does not queue for the lock.
        let published = self.published.load_full();
        let good = |token: &Arc<CachedToken>| token.is_fresh(now) && token.outlives(min);
        let answer = match published.filter(good) {
            Some(token) => Answer::Attach(token),
            None => self.with(|cache, at| cache.ask(at, now.wall, min, waiting)),
        };
        let (token, on_trial) = match answer {
            Answer::Attach(token) => (token, false),
            Answer::Try(token) => (token, true),
            Answer::Fail(error) => return Ok(Err(error)),
            Answer::Wait(until) => return Err(until),
        };
        waiting.granted();
        let terms = Terms {
            on_trial,
            held_since: None,
        };
        Ok(Ok(Grant { token, terms }))
    }

    // ===== the refresh =====

    pub(super) fn refresh_begins(self: &Arc<Self>, ticket: Ticket) -> Option<Instant> {
        self.with(|cache, now| cache.begins(now, ticket))
    }

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
        match outcome {
            Ok(minted) => {
                match self.with(|cache, now| cache.refreshed(now, ticket, minted, chance)) {
                    Ok(()) => tracing::info!(lifetime_s, "token refreshed"),
                    Err(error) => tracing::info!(%error, "token kept"),
                }
            }
            Err(error) => {
                tracing::warn!(%error, "token refresh failed");
                self.with(|cache, now| cache.failed(now, ticket, error, chance));
            }
        }
    }

    pub(super) fn refresh_slipped(self: &Arc<Self>, ticket: Ticket, error: TokenError) {
        tracing::warn!(%error, "token refresh failed");
        self.with(|cache, now| cache.slipped(now, ticket, error));
    }

    pub(super) fn refresh_vanished(self: &Arc<Self>, ticket: Ticket) {
        tracing::debug!("token refresh vanished with its task");
        self.with(|cache, _| cache.vanished(ticket));
    }

    fn minted(&self, token: &Token, asked: Instant) -> Minted {
        let clocks = self.clocks();
        clocks.issued(token.observations(), asked);
        let (now, wall) = (Instant::now(), clocks.wall().now());
        let lifetime = token.lifetime().or_else(|| {
            let issuer_now = clocks.issuer_now().unwrap_or(wall);
            token
                .expires_at()
                .map(|end| end.duration_since(issuer_now).unwrap_or_default())
        });
        let stated = token.not_before().max(token.issued_at());
        let stated = stated.map(|at| Born {
            at,
            slack: Duration::ZERO,
        });
        let told = token.observations().first();
        let told = told.map(|seen| Born {
            at: seen.stamp(),
            slack: seen.resolution(),
        });
        // What is left of an absolute end counts from now.
        let absolute = token.lifetime().is_none() && token.expires_at().is_some();
        let asked = token.requested_at().map_or(asked, Instant::from_std);
        Minted {
            header: token.header().clone(),
            audience: self.source.audience(),
            // A source's own word on when it asked cannot lie in the future.
            requested: if absolute { now } else { asked.min(now) },
            received: now,
            lifetime: lifetime.unwrap_or(UNLIMITED),
            born: stated.or(told),
            expires_at: token.expires_at(),
            wall,
        }
    }

    // ===== status and settings =====

    #[inline]
    pub(crate) fn clocks(&self) -> &ServerClocks {
        &self.clocks
    }

    pub(crate) fn set_wall_clock(&mut self, wall: Arc<dyn WallClock>) {
        self.clocks = ServerClocks::new(wall);
    }

    /// Does something with the cache, and then what the cache decided on. Wakes those who wait if that concerns them.
    pub(crate) fn with<R>(self: &Arc<Self>, f: impl FnOnce(&mut TokenCache, Instant) -> R) -> R {
        let now = Instant::now();
        let mut cache = lock(&self.cache);
        let before = cache.outlook();
        let result = f(&mut cache, now);
        let changed = before != cache.outlook();
        let order = cache.take_order();
        let published = cache.published();
        if published.map(Arc::as_ptr) != self.published.load().as_ref().map(Arc::as_ptr) {
            self.published.store(published.cloned());
        }
        self.publish_routes(&cache, now);
        drop(cache);
        if changed {
            self.changed.send_replace(());
        }
        if let Some(order) = order {
            refresh::spawn(self.clone(), order);
        }
        result
    }

    /// Whether a route refused a token and has not accepted one since.
    pub(crate) fn is_watched(&self, route: u64) -> bool {
        self.watched
            .load()
            .as_ref()
            .is_some_and(|watched| watched.contains(&route))
    }

    fn publish_routes(&self, cache: &TokenCache, now: Instant) {
        let watched = cache.watched_routes(now);
        let known = self.watched.load();
        if watched.as_ref() != known.as_deref() {
            self.watching.store(watched.is_some(), Ordering::Relaxed);
            self.watched.store(watched.map(Arc::new));
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
pub(super) async fn wait(
    changed: &mut watch::Receiver<()>,
    until: Instant,
) -> Result<(), TokenError> {
    // A timer outside a runtime is a panic.
    if Handle::try_current().is_err() {
        return Err(TokenError::unavailable(
            "waiting for a token needs a timer: make this call within a tokio runtime",
        ));
    }
    let _ = timeout_at(until, changed.changed()).await;
    Ok(())
}
