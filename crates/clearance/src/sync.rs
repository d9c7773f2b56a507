//! Locks, atomics and tasks: those of std and tokio, or where a model (`src/model`) is run, those of its checker.

#[cfg(all(feature = "skew-auth", not(all(test, clearance_model))))]
pub(crate) use std::sync::atomic::AtomicBool;
#[cfg(not(all(test, clearance_model)))]
pub(crate) use std::sync::{Mutex, MutexGuard, atomic::AtomicU64};

#[cfg(all(test, clearance_model))]
pub(crate) use shuttle::sync::{
    Mutex, MutexGuard,
    atomic::{AtomicBool, AtomicU64},
};
#[cfg(all(feature = "skew-auth", not(all(test, clearance_model))))]
pub(crate) use tokio::runtime::Handle;

#[cfg(all(test, clearance_model))]
pub(crate) use crate::model::Handle;
