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

/// What a key can be told by once the request is gone. An address costs nothing to note, and is seldom asked for.
pub(super) enum Noted {
    Key(Key),
    Address(Scheme, Authority),
}

impl Noted {
    pub(super) fn key(&self) -> Key {
        match self {
            Self::Key(key) => Arc::clone(key),
            Self::Address(scheme, host) => address(Some(scheme.as_str()), host).into(),
        }
    }
}
