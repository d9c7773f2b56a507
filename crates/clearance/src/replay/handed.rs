//! From a layer that keeps requests straight to the next one.
//!
//! Where one such layer is right over another, nobody can have changed a request between them: what the upper one has kept
//! of its head is what the lower one would keep. It is handed over, and there is one copy. The request itself has no place
//! for it that costs nothing. But the upper one's call is still running on this thread when the lower one's begins, and that
//! it is the lower one's, not that of a layer in between, is told by the type of the service that was called.

use std::{any::TypeId, cell::Cell, sync::Arc};

use super::head::Head;

thread_local! {
    static HANDED: Cell<Option<Handed>> = const { Cell::new(None) };
}

struct Handed {
    to: TypeId,
    head: Arc<Head>,
}

/// While it is there, the service that is called next may take what was handed over. It is for nobody else, so it goes with
/// this, also if the call panics.
#[must_use]
pub(crate) struct HandedOver(());

/// Hands over what was kept of the request that an `S` is called with right after.
#[inline]
pub(super) fn hand_over<S>(head: Arc<Head>) -> HandedOver {
    let to = typeid::of::<S>();
    // Where the thread has no such place any more, the next layer makes a copy of its own.
    let _ = HANDED.try_with(|handed| handed.set(Some(Handed { to, head })));
    HandedOver(())
}

/// The head of the request that an `L` is just called with, if the layer right above has kept it. To be asked before
/// anything else is done.
#[inline]
pub(crate) fn handed_to<L>() -> Option<Arc<Head>> {
    let handed = take().filter(|handed| handed.to == typeid::of::<L>())?;
    Some(handed.head)
}

#[inline]
fn take() -> Option<Handed> {
    HANDED.try_with(Cell::take).ok().flatten()
}

impl Drop for HandedOver {
    #[inline]
    fn drop(&mut self) {
        take();
    }
}

#[cfg(test)]
#[cfg(all(feature = "retry-401", feature = "rate-limit-backoff"))]
mod tests;
