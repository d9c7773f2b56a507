//! The layer and its configuration.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

use clearance_core::clock::{SystemClock, WallClock};
use http::{HeaderMap, Method, Request, StatusCode, request::Parts, uri::Scheme};
use tower_layer::Layer;

use super::{
    gates::Gates,
    key::{Key, KeyOf, Noted, NotedKey},
    quota::Quota,
    refusal::{Classify, Refusal},
    service::{Core, RateLimitBackoff},
    status::Status,
};
use crate::{
    origin::origin,
    replay::{Spare, is_idempotent},
};

/// Waits out rate limits, all callers together. See the [module](super) for what it does and when.
///
/// Its clones, and all services made from them, share their pauses.
#[derive(Clone)]
#[must_use]
pub struct RateLimitBackoffLayer {
    rules: Rules,
    pub(super) gates: Arc<Gates>,
}

/// What can be chosen.
#[derive(Clone)]
pub(super) struct Rules {
    pub(super) max_wait: Duration,
    pub(super) max_held: usize,
    key: Option<Arc<KeyOf>>,
    generation: Option<Arc<dyn Fn() -> u64 + Send + Sync>>,
    classify: Option<Arc<Classify>>,
    wall: Arc<dyn WallClock>,
}

// ===== impl RateLimitBackoffLayer =====

impl RateLimitBackoffLayer {
    /// A layer that keys by origin and waits up to 180 s a call.
    pub fn new() -> Self {
        let rules = Rules {
            max_wait: Duration::from_secs(180),
            max_held: 1024,
            key: None,
            generation: None,
            classify: None,
            wall: Arc::new(SystemClock),
        };
        Self {
            rules,
            gates: Arc::new(Gates::new(None)),
        }
    }

    /// Counts requests under this key instead of their origin: a limit met by one holds all of the same key.
    ///
    /// Use what the server limits by: the tenant, or the route. The key is asked for only when a limit is in sight (and
    /// for bodies that cannot be sent twice); it appears in events and in [`status`](Self::status), so put no secret in it.
    pub fn keyed_by<K: Into<Arc<str>>>(
        mut self,
        key: impl Fn(&Parts) -> K + Send + Sync + 'static,
    ) -> Self {
        self.rules.key = Some(Arc::new(move |head| key(head).into()));
        self
    }

    /// Also takes other replies for refusals, by their status and header fields.
    ///
    /// Asked for every reply but 429 and gRPC's `RESOURCE_EXHAUSTED` with a push-back, which always are, and 401 and 3xx,
    /// which never are. `None` for a 503 leaves it to the rule for 503.
    pub fn classify_with(
        mut self,
        classify: impl Fn(StatusCode, &HeaderMap) -> Option<Refusal> + Send + Sync + 'static,
    ) -> Self {
        self.rules.classify = Some(Arc::new(classify));
        self
    }

    /// How long a call may wait in all (180 s), unless its request says otherwise ([`MaxWait`](super::MaxWait)). Where its
    /// turn is expected to come later, its refusal is returned at once; a call that is held and has no reply to return fails
    /// with [`RateLimited`](super::RateLimited).
    ///
    /// With [`Duration::ZERO`] nothing waits at all, and everything that would have to fails fast.
    pub fn max_wait(mut self, max_wait: Duration) -> Self {
        self.rules.max_wait = max_wait;
        self
    }

    /// How many calls of a key may wait (1024). While so many do, a refused reply is returned at once, and a call that was
    /// not sent yet fails with [`RateLimited`](super::RateLimited).
    pub fn max_held(mut self, max_held: usize) -> Self {
        self.rules.max_held = max_held;
        self
    }

    /// Paces each key by a limit that is known, from its first call on.
    ///
    /// The rate is never exceeded; if a key is refused all the same, a lower one is learned, and forgotten when no call had
    /// to wait for five minutes. Every call works out its key then. Set it before the layer is cloned or used: it begins
    /// anew.
    pub fn quota(mut self, quota: Quota) -> Self {
        self.gates = Arc::new(Gates::new(Some(quota)));
        self
    }

    /// Limits belong to one generation of credentials: when the number changes, pauses end and what was learned is forgotten.
    /// A 429 of a call that was sent before concerns that call alone.
    ///
    /// By default a new token changes nothing: Genesys Cloud limits each token *and* the whole organisation, and a
    /// refresh must not be a way around a limit. For a server that counts by token alone, and nothing else:
    /// `.per_generation(move || auth.generation())`, with a clone of the
    /// [`SkewAuthLayer`](crate::skew_auth::SkewAuthLayer). Asked for with every call then, and kept in an allocation of its
    /// own.
    pub fn per_generation(mut self, number: impl Fn() -> u64 + Send + Sync + 'static) -> Self {
        self.rules.generation = Some(Arc::new(number));
        self
    }

    /// The local clock, used only for a point in time in a reply that has no `Date`.
    pub fn wall_clock(mut self, clock: impl WallClock) -> Self {
        self.rules.wall = Arc::new(clock);
        self
    }

    /// What is held now, and what was refused.
    #[must_use]
    pub fn status(&self) -> Status {
        self.gates.status()
    }
}

impl Default for RateLimitBackoffLayer {
    fn default() -> Self {
        Self::new()
    }
}

impl<S: Clone> Layer<S> for RateLimitBackoffLayer {
    type Service = RateLimitBackoff<S>;

    fn layer(&self, inner: S) -> Self::Service {
        let core = Core {
            rules: self.rules.clone(),
            gates: Arc::clone(&self.gates),
            spare: Spare::of(&inner),
        };
        RateLimitBackoff::new(inner, core)
    }
}

impl fmt::Debug for RateLimitBackoffLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RateLimitBackoffLayer")
            .field("max_wait", &self.rules.max_wait)
            .field("max_held", &self.rules.max_held)
            .finish_non_exhaustive()
    }
}

// ===== impl Rules =====

impl Rules {
    pub(super) fn key(&self, head: &Parts) -> Key {
        self.key
            .as_ref()
            .map_or_else(|| origin(&head.uri, &head.headers).into(), |key| key(head))
    }

    /// Of a request that will be gone when it is asked about.
    pub(super) fn note<B>(&self, request: &Request<B>) -> Noted {
        Noted {
            key: self.note_key(request),
            is_idempotent: is_idempotent(request.method(), request.headers()),
            is_post: *request.method() == Method::POST,
        }
    }

    fn note_key<B>(&self, request: &Request<B>) -> NotedKey {
        let uri = request.uri();
        let is_https = uri.scheme() == Some(&Scheme::HTTPS);
        let is_known = is_https || uri.scheme() == Some(&Scheme::HTTP);
        match uri.authority() {
            Some(host) if is_known && self.key.is_none() => NotedKey::Address {
                is_https,
                host: host.clone(),
            },
            _ => NotedKey::Key(self.key(&parts_of(request))),
        }
    }

    pub(super) fn has_generations(&self) -> bool {
        self.generation.is_some()
    }

    pub(super) fn generation(&self) -> Option<u64> {
        self.generation.as_ref().map(|number| number())
    }

    pub(super) fn classifier(&self) -> Option<&Classify> {
        self.classify.as_deref()
    }

    pub(super) fn local_now(&self) -> SystemTime {
        self.wall.now()
    }
}

fn parts_of<B>(request: &Request<B>) -> Parts {
    let (mut head, ()) = Request::new(()).into_parts();
    head.method = request.method().clone();
    head.uri = request.uri().clone();
    head.version = request.version();
    head.headers = request.headers().clone();
    head.extensions = request.extensions().clone();
    head
}
