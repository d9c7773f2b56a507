//! What a request is counted under: its origin, unless the application says otherwise.

use std::sync::Arc;

use http::request::Parts;

pub(super) type Key = Arc<str>;
/// An application's own choice.
pub(super) type KeyOf = dyn Fn(&Parts) -> Key + Send + Sync;
