//! What a request is counted under: its origin, unless the application says otherwise.

use std::sync::Arc;

use http::{
    request::Parts,
    uri::{Authority, Scheme},
};

use crate::origin::address;

pub(super) type Key = Arc<str>;
/// An application's own choice.
pub(super) type KeyOf = dyn Fn(&Parts) -> Key + Send + Sync;

/// What is known of a request that is gone.
pub(super) struct Noted {
    pub(super) key: NotedKey,
    pub(super) is_idempotent: bool,
    pub(super) is_post: bool,
}

/// An address costs nothing to note, and is seldom asked for.
pub(super) enum NotedKey {
    Key(Key),
    Address { is_https: bool, host: Authority },
}

impl NotedKey {
    pub(super) fn key(&self) -> Key {
        match self {
            Self::Key(key) => Arc::clone(key),
            Self::Address { is_https, host } => {
                let scheme = if *is_https {
                    Scheme::HTTPS
                } else {
                    Scheme::HTTP
                };
                address(Some(scheme.as_str()), host).into()
            }
        }
    }
}
