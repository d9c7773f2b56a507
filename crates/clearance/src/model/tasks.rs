//! The runtime that tasks of the library's own are spawned on: they may panic, and it may be shut down.

use std::{
    any::Any,
    cell::{Cell, RefCell},
    future::{Future, poll_fn},
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    task::Poll,
};

use shuttle::future::AbortHandle;
use tokio::time::Instant;

thread_local! {
    static SPAWNED: RefCell<Vec<AbortHandle>> = const { RefCell::new(vec![]) };
    static BEGAN: Cell<Option<Instant>> = const { Cell::new(None) };
    static IS_SHUT_DOWN: Cell<bool> = const { Cell::new(false) };
}

/// In the place of tokio's.
pub(crate) struct Handle;

/// What a task panics with where that is part of the scene. Every other panic is a failure of the model.
pub(crate) struct Planned;

impl Handle {
    /// It is always there.
    #[allow(clippy::unnecessary_wraps, reason = "as tokio's")]
    pub(crate) fn try_current() -> Result<Self, ()> {
        Ok(Self)
    }

    /// As tokio does it: a panic ends the task, and in a runtime that was shut down the task is dropped at once.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        if IS_SHUT_DOWN.get() {
            return;
        }
        let (mut task, mut began) = (Box::pin(task), None);
        let caught = poll_fn(move |cx| {
            BEGAN.set(Some(*began.get_or_insert_with(Instant::now)));
            catch_unwind(AssertUnwindSafe(|| task.as_mut().poll(cx))).unwrap_or_else(forgive)
        });
        let spawned = shuttle::future::spawn(caught).abort_handle();
        SPAWNED.with_borrow_mut(|all| all.push(spawned));
    }
}

fn forgive(panic: Box<dyn Any + Send>) -> Poll<()> {
    if panic.is::<Planned>() {
        Poll::Ready(())
    } else {
        resume_unwind(panic)
    }
}

/// When the task that runs began. To be asked before anything in it lets others go on.
pub(crate) fn began() -> Option<Instant> {
    BEGAN.get()
}

/// Drops all tasks that were spawned so far and have not ended.
pub(crate) fn vanish() {
    let all = SPAWNED.take();
    all.iter().for_each(AbortHandle::abort);
}

/// Drops all tasks, and those that are spawned from now on.
pub(crate) fn shut_down() {
    IS_SHUT_DOWN.set(true);
    vanish();
}

/// There is a runtime again.
pub(crate) fn revive() {
    IS_SHUT_DOWN.set(false);
}

/// Nothing is left of the pass before.
pub(super) fn begin() {
    SPAWNED.take();
    revive();
}
