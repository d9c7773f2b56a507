//! Which tokens were handed out before, without keeping any.

use std::{
    collections::VecDeque,
    hash::{BuildHasher, RandomState},
    sync::{Mutex, PoisonError},
};

/// How many tokens are remembered. An issuer that repeats itself repeats its latest.
const REMEMBERED: usize = 8;

/// Keyed hashes of the latest tokens: enough to know one again, useless to whoever reads the memory.
#[derive(Debug, Default)]
pub(crate) struct HandedOut {
    key: RandomState,
    latest: Mutex<VecDeque<u64>>,
}

impl HandedOut {
    pub(crate) fn contains(&self, token: &str) -> bool {
        let hash = self.key.hash_one(token);
        let latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        latest.contains(&hash)
    }

    pub(crate) fn remember(&self, token: &str) {
        let hash = self.key.hash_one(token);
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        if !latest.contains(&hash) {
            latest.truncate(REMEMBERED - 1);
            latest.push_front(hash);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_tokens_are_known_again() {
        let handed_out = HandedOut::default();
        assert!(!handed_out.contains("0"));
        for token in 0..=REMEMBERED {
            handed_out.remember(&token.to_string());
        }
        assert!(!handed_out.contains("0"));
        assert!(handed_out.contains("1"));
        assert!(handed_out.contains(&REMEMBERED.to_string()));
    }
}
