//! What a call that was held or refused is sent by.

use std::sync::{Mutex, PoisonError};

/// A service that is never made ready: a clone of it, for each call that is sent a second time, costs less than a clone
/// for each call. Behind a lock so that `S` need not be `Sync`.
pub(crate) struct Spare<S>(Mutex<S>);

impl<S: Clone> Spare<S> {
    pub(crate) fn of(service: &S) -> Self {
        Self(Mutex::new(service.clone()))
    }

    /// A service that is not ready.
    pub(crate) fn unready(&self) -> S {
        let spare = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        spare.clone()
    }
}
