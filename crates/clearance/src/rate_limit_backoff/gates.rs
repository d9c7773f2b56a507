//! The gates of all keys that were refused lately. A key that never was has none.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use super::{
    gate::Gate,
    key::Key,
    quota::Quota,
    signal::{Sight, Signal},
    status::Status,
};
use crate::sync::{Mutex, MutexGuard};

/// How many keys have a gate of their own. Those beyond share one.
const MOST_KEYS: usize = 1024;
/// A key that was not asked for so long is forgotten when there is a new one.
const FORGET_AFTER: Duration = Duration::from_secs(300);
/// How often gates are looked for that nobody has passed since their pause ended.
const SWEEP: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(super) struct Gates {
    signal: Arc<Signal>,
    quota: Option<Quota>,
    keys: Mutex<Keys>,
    /// Of the keys beyond the bound. Caution rather than memory: while it is closed, no key without a gate passes.
    others: Arc<Gate>,
}

#[derive(Debug, Default)]
struct Keys {
    gates: HashMap<Key, Arc<Gate>>,
    swept: Option<Instant>,
}

impl Gates {
    /// With a quota every key has a gate from its first call on, and one is always in sight.
    pub(super) fn new(quota: Option<Quota>) -> Self {
        let signal = Arc::new(Signal::default());
        if quota.is_some() {
            signal.one_more_limited();
        }
        Self {
            keys: Mutex::default(),
            others: Arc::new(Gate::new("other keys".into(), Arc::clone(&signal), quota)),
            quota,
            signal,
        }
    }

    /// What can be told without a key: one atomic load.
    #[inline]
    pub(super) fn sight(&self) -> Sight {
        self.signal.read()
    }

    /// The gate that a call of this key has to pass, if there is one.
    pub(super) fn find(&self, key: &Key, now: Instant) -> Option<Arc<Gate>> {
        let mut keys = self.lock();
        if keys
            .swept
            .is_none_or(|swept| now.duration_since(swept) >= SWEEP)
        {
            keys.swept = Some(now);
            for gate in keys.gates.values() {
                gate.is_idle(now, SWEEP);
            }
        }
        match keys.gates.get(key) {
            Some(gate) => Some(Arc::clone(gate)),
            None if self.quota.is_some() => {
                drop(keys);
                Some(self.enter(key, now))
            }
            None if self.others.is_idle(now, Duration::ZERO) => None,
            None => Some(Arc::clone(&self.others)),
        }
    }

    /// The gate of a key that was refused.
    pub(super) fn enter(&self, key: &Key, now: Instant) -> Arc<Gate> {
        let mut keys = self.lock();
        if let Some(gate) = keys.gates.get(key) {
            return Arc::clone(gate);
        }
        let whole = self
            .quota
            .map_or(Duration::ZERO, |quota| quota.whole_after());
        keys.forget(now, FORGET_AFTER.max(whole));
        // To forget a quota in use would be to allow it twice.
        if keys.gates.len() >= MOST_KEYS && self.quota.is_none() {
            keys.forget(now, Duration::ZERO);
        }
        if keys.gates.len() >= MOST_KEYS {
            return Arc::clone(&self.others);
        }
        let signal = Arc::clone(&self.signal);
        let gate = Arc::new(Gate::new(Arc::clone(key), signal, self.quota));
        keys.gates.insert(Arc::clone(key), Arc::clone(&gate));
        gate
    }

    pub(super) fn status(&self) -> Status {
        let now = Instant::now();
        let keys = self.lock();
        let own = keys.gates.values().map(|gate| gate.status(now));
        let others = Some(self.others.status(now)).filter(|others| others.refused > 0);
        let mut keys: Vec<_> = own.chain(others).collect();
        keys.sort_by(|one, other| one.key.cmp(&other.key));
        Status { keys }
    }

    fn lock(&self) -> MutexGuard<'_, Keys> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Keys {
    fn forget(&mut self, now: Instant, quiet: Duration) {
        // A gate that a call still has a seat at is known to more than this map.
        self.gates.retain(|_, gate| {
            let keep = Arc::strong_count(gate) > 1 || !gate.is_idle(now, quiet);
            if !keep {
                gate.forget();
            }
            keep
        });
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use http::{Request, Response};
    use tower::{Layer, ServiceExt, service_fn};

    use super::*;
    use crate::{RateLimitBackoffLayer, rate_limit_backoff::gate::Seat};

    fn refuse(gates: &Gates, key: &str, now: Instant) {
        let mut seat = Seat::new(gates.enter(&key.into(), now));
        seat.count_refused(now);
        seat.limited(now, gates.sight().round, Some(Duration::from_secs(1)));
    }

    /// A call that asked for it would wait for ever.
    #[test]
    fn no_lock_is_taken_while_no_limit_is_in_sight() {
        let layer = RateLimitBackoffLayer::new();
        let server = service_fn(|_: Request<()>| async {
            Ok::<_, Infallible>(Response::new(String::new()))
        });
        let service = layer.layer(server);
        let held = layer.gates.lock();
        let (told, ended) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let call = service.oneshot(Request::get("https://api.example.com/").body(()).unwrap());
            let runtime = tokio::runtime::Builder::new_current_thread()
                .build()
                .unwrap();
            told.send(runtime.block_on(call).is_ok())
        });
        assert_eq!(ended.recv_timeout(Duration::from_secs(10)), Ok(true));
        drop(held);
    }

    #[test]
    fn a_refused_key_is_in_sight_until_it_is_forgotten() {
        let (gates, now) = (Gates::new(None), Instant::now());
        assert!(gates.sight().clear && gates.find(&"a".into(), now).is_none());
        refuse(&gates, "a", now);
        refuse(&gates, "b", now);
        assert!(!gates.sight().clear);
        assert!(gates.find(&"a".into(), now).is_some() && gates.find(&"c".into(), now).is_none());
        // What is learned of it is of use for longer than its pause. Whoever looks for any key ends that in time.
        gates.find(&"c".into(), now + Duration::from_secs(2));
        assert!(!gates.sight().clear);
        gates.find(&"c".into(), now + Duration::from_secs(302));
        assert!(gates.sight().clear);
        assert_eq!(gates.sight().round, 2);
    }

    #[test]
    fn keys_are_bounded_and_those_beyond_share_a_gate() {
        let (gates, now) = (Gates::new(None), Instant::now());
        for key in 0..MOST_KEYS + 50 {
            refuse(&gates, &key.to_string(), now);
        }
        assert_eq!(gates.lock().gates.len(), MOST_KEYS);
        assert_eq!(gates.status().keys.len(), MOST_KEYS + 1);
        let gate = gates.find(&"never refused".into(), now).unwrap();
        assert_eq!(gate.status(now).key, "other keys");
        // Their pauses over, there is room again, and none is in sight.
        let later = now + Duration::from_secs(2);
        assert!(gates.find(&"never refused".into(), later).is_none());
        refuse(&gates, "new", later);
        assert_eq!(gates.lock().gates.len(), 1);
    }

    #[test]
    fn idle_keys_are_forgotten_but_not_under_a_call() {
        let (gates, now) = (Gates::new(None), Instant::now());
        refuse(&gates, "left", now);
        refuse(&gates, "sat at", now);
        let _seat = Seat::new(gates.enter(&"sat at".into(), now));
        refuse(&gates, "new", now + FORGET_AFTER + Duration::from_secs(2));
        let keys = gates.status().keys;
        let keys: Vec<_> = keys.iter().map(|key| key.key.as_str()).collect();
        assert_eq!(keys, ["new", "sat at"]);
    }

    /// A call passes.
    fn ask(gates: &Gates, key: &str, now: Instant) {
        assert!(Seat::new(gates.enter(&key.into(), now)).pass(now).is_none());
    }

    #[test]
    fn a_quota_is_not_forgotten_for_another_key() {
        let quota = Quota::new(300, Duration::from_secs(60));
        let (gates, now) = (Gates::new(Some(quota)), Instant::now());
        for key in 0..MOST_KEYS {
            ask(&gates, &key.to_string(), now);
        }
        let gate = gates.enter(&"one more".into(), now + Duration::from_secs(2));
        assert_eq!(gate.status(now).key, "other keys");
        assert_eq!(gates.lock().gates.len(), MOST_KEYS);
    }

    #[test]
    fn with_a_quota_a_key_has_a_gate_before_it_is_refused() {
        let quota = Quota::new(300, Duration::from_secs(60));
        let (gates, now) = (Gates::new(Some(quota)), Instant::now());
        let gate = gates.find(&"a".into(), now).unwrap();
        assert_eq!(gate.status(now).key, "a");
    }

    #[test]
    fn while_there_is_room_no_key_is_forgotten_early() {
        let (gates, now) = (Gates::new(None), Instant::now());
        ask(&gates, "a", now);
        ask(&gates, "b", now);
        assert_eq!(gates.lock().gates.len(), 2);
    }
}
