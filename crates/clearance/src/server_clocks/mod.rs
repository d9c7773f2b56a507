//! What the clocks of the issuer and of each API host show, as far as their replies tell.
//!
//! A reply with a `Date` that is known already costs a comparison and a relaxed store; only when the text changes is it
//! read and the model locked.

mod host;
mod hosts;
mod paced;
mod warning;

use std::{
    array,
    sync::{Arc, OnceLock, PoisonError, atomic::Ordering},
    time::{Duration, SystemTime},
};

use arc_swap::ArcSwap;
use clearance_core::{
    Audience, OriginSlot,
    clock::{ClockAnchor, Observation, OffsetInterval, ServerClock, Skew, WallClock},
};
use http::{HeaderMap, Request};
use tokio::time::Instant;

pub(crate) use self::host::Host;
use self::{hosts::Hosts, paced::Paced, warning::Warned};
use crate::{
    origin::origin,
    sync::{AtomicU64, Mutex, MutexGuard},
};

/// A moment on both local clocks, such as when a request was sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sending {
    pub(crate) at: Instant,
    pub(crate) wall: SystemTime,
}

impl Sending {
    #[inline]
    pub(crate) fn now(wall: &dyn WallClock) -> Self {
        Self {
            at: Instant::now(),
            wall: wall.now(),
        }
    }
}

/// The clocks of all servers that one layer talks to.
pub(crate) struct ServerClocks {
    wall: Arc<dyn WallClock>,
    anchor: ClockAnchor,
    issuer: Mutex<Paced>,
    /// For each slot the newest token that was sent there: what that one's audience has in the slot, is known.
    met: [AtomicU64; OriginSlot::COUNT],
    hosts: ArcSwap<Hosts>,
    warned: Mutex<Warned>,
}

impl ServerClocks {
    pub(crate) fn new(wall: Arc<dyn WallClock>) -> Self {
        let anchor = ClockAnchor::new(Instant::now().into_std(), wall.now());
        Self {
            wall,
            anchor,
            issuer: Mutex::new(Paced::new(anchor)),
            met: array::from_fn(|_| AtomicU64::new(0)),
            hosts: ArcSwap::default(),
            warned: Mutex::default(),
        }
    }

    pub(crate) fn wall(&self) -> &Arc<dyn WallClock> {
        &self.wall
    }

    /// Whether the host in this slot is known, by the word of this token's audience or of a newer one's.
    #[inline]
    pub(crate) fn has_met(&self, slot: OriginSlot, token: u64) -> bool {
        self.met[slot.index()].load(Ordering::Relaxed) >= token
    }

    /// A token is about to be sent to the host that its audience has in a slot.
    #[cold]
    pub(crate) fn meet<B>(
        &self,
        slot: OriginSlot,
        token: u64,
        audience: &Audience,
        request: &Request<B>,
    ) {
        self.hosts.rcu(|hosts| hosts.for_token(token, audience));
        if let Some(place) = self.hosts.load().place(slot, token) {
            place.get_or_init(|| Arc::new(Host::new(name(slot, audience, request), self.anchor)));
        }
        self.met[slot.index()].fetch_max(token, Ordering::Relaxed);
    }

    /// The host of that origin, by its slot.
    pub(crate) fn named(&self, origin: &str) -> Option<Arc<Host>> {
        let origin = Audience::origin(origin).ok()?.to_string();
        self.hosts()
            .map(|(_, host)| host)
            .find(|host| host.name() == origin)
    }

    /// All hosts that were called so far, of the present audience.
    pub(crate) fn hosts(&self) -> impl Iterator<Item = (usize, Arc<Host>)> + use<> {
        let hosts = self.hosts.load_full();
        (0..OriginSlot::COUNT).filter_map(move |slot| Some((slot, hosts.get(slot)?.clone())))
    }

    /// The reply of an API host to a request that carried this token. Says whether it told anything new.
    #[inline]
    pub(crate) fn replied(
        &self,
        slot: OriginSlot,
        token: u64,
        headers: &HeaderMap,
        sent: Instant,
    ) -> bool {
        let hosts = self.hosts.load();
        let host = hosts.place(slot, token).and_then(OnceLock::get);
        let news = host.is_some_and(|host| host.observe(headers, sent, &*self.wall));
        drop(hosts);
        if news {
            self.warn();
        }
        news
    }

    /// An answer of the issuer, to what it was asked at `asked`.
    pub(crate) fn issued(&self, observations: &[Observation], asked: Instant) {
        let local = self.local();
        let mut issuer = lock(&self.issuer);
        if let Some(clock) = issuer.learn(asked.into_std(), local.at.into_std(), local.wall) {
            observations.iter().for_each(|one| clock.observe(one));
        }
    }

    /// What the issuer's clock most likely shows.
    pub(crate) fn issuer_now(&self) -> Option<SystemTime> {
        let local = self.local();
        self.issuer_tells(local, |clock| clock.time_at(local.at.into_std()))
    }

    pub(crate) fn issuer_skew(&self) -> Option<Skew> {
        let local = self.local();
        self.issuer_tells(local, |clock| {
            clock.skew_at(local.at.into_std(), local.wall)
        })
    }

    /// What the clock of a host most likely shows.
    pub(crate) fn now_at(&self, host: &Host) -> Option<SystemTime> {
        let local = self.local();
        host.tells(local, |clock| clock.time_at(local.at.into_std()))
    }

    pub(crate) fn skew_of(&self, host: &Host) -> Option<Skew> {
        let local = self.local();
        host.tells(local, |clock| {
            clock.skew_at(local.at.into_std(), local.wall)
        })
    }

    /// How many clocks answer under the name of a host.
    pub(crate) fn clocks_of(&self, host: &Host) -> usize {
        host.tells(self.local(), |clock| Some(clock.clocks()))
            .unwrap_or_default()
    }

    /// By how much an API host is ahead of the issuer beyond doubt, where it is by less than `limit`.
    pub(crate) fn furthest_ahead(&self, limit: Duration) -> Duration {
        let local = self.local();
        let Some(issuer) = self.issuer_offset(local) else {
            return Duration::ZERO;
        };
        let ahead = self
            .hosts()
            .filter_map(|(_, host)| host.ahead_of(issuer, local));
        ahead
            .filter(|ahead| *ahead < limit)
            .max()
            .unwrap_or_default()
    }

    /// Whether a host is further ahead of the issuer than any sane clock: then it is left to its 401.
    pub(crate) fn is_disbelieved(&self, host: &Host, limit: Duration) -> bool {
        let local = self.local();
        let issuer = self.issuer_offset(local);
        let ahead = issuer.and_then(|issuer| host.ahead_of(issuer, local));
        ahead.is_some_and(|ahead| ahead >= limit)
    }

    /// Now, on both local clocks.
    #[inline]
    pub(crate) fn local(&self) -> Sending {
        Sending::now(&*self.wall)
    }

    fn issuer_offset(&self, local: Sending) -> Option<OffsetInterval> {
        self.issuer_tells(local, |clock| clock.offset_at(local.at.into_std()))
    }

    fn issuer_tells<R>(
        &self,
        local: Sending,
        what: impl FnOnce(&ServerClock) -> Option<R>,
    ) -> Option<R> {
        what(lock(&self.issuer).ask(local.at.into_std(), local.wall)?)
    }

    fn warn(&self) {
        let issuer = self
            .issuer_skew()
            .map(|skew| ("the issuer".to_owned(), skew));
        let hosts = self
            .hosts()
            .filter_map(|(_, host)| Some((host.name().to_owned(), self.skew_of(&host)?)));
        let skews: Vec<_> = issuer.into_iter().chain(hosts).collect();
        let news = lock(&self.warned).judge(&skews);
        if let Some(message) = news {
            tracing::warn!("{message}");
        }
    }
}

/// A listed host is known by its own origin: a request that has it in its `Host` field does not tell the scheme.
fn name<B>(slot: OriginSlot, audience: &Audience, request: &Request<B>) -> String {
    let listed = audience.listed(slot);
    origin(listed.as_ref().unwrap_or(request.uri()), request.headers())
}

/// A panic of another thread leaves what is locked as it was before or after a change, which is good enough to go on.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
#[cfg(not(clearance_model))]
mod tests;
