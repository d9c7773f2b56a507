//! What a request is counted under: its origin, unless the application says otherwise.

use std::sync::Arc;

use http::{HeaderMap, Uri, request::Parts};

use crate::origin::origin;

pub(super) type Key = Arc<str>;
/// An application's own choice.
pub(super) type KeyOf = dyn Fn(&Parts) -> Key + Send + Sync;

/// What a key can be told by once the request is gone. An address costs nothing to note, and is seldom asked for.
pub(super) enum Noted {
    Key(Key),
    Address(Uri),
}

impl Noted {
    pub(super) fn key(self) -> Key {
        match self {
            Self::Key(key) => key,
            Self::Address(uri) => origin(&uri, &HeaderMap::new()).into(),
        }
    }
}
