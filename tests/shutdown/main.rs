//! Runtimes that are shut down, sources that panic, block and never return, and layers that are dropped: in the midst of a
//! refresh, and nothing hangs or outlives its deadline.
#![allow(clippy::unwrap_used, reason = "test code")]

mod runtimes;
mod sources;
#[path = "../support.rs"]
mod support;
mod tasks_left;

use tokio::runtime::{Builder, Handle, Runtime};

fn paused() -> Runtime {
    Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap()
}

fn tasks() -> usize {
    Handle::current().metrics().num_alive_tasks()
}
