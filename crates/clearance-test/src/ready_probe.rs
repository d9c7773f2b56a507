//! A service that watches over its own readiness.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    task::{Context, Poll},
};

use tower_service::Service;

/// A service around another that insists on tower's contract: every `call` needs a `poll_ready` of its own that said
/// *ready*, on the very same clone.
///
/// A clone is not ready, whatever its original is. Readiness that is not used for a call is given back on drop. The
/// [`ProbeHandle`] tells how much of it is held: a middleware that waits (for a token, out a pause) while it
/// holds readiness blocks everyone who shares a limit with it.
///
/// ```
/// use clearance_test::ReadyProbe;
/// use tower::{Service, ServiceExt, service_fn};
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
///
/// let mut probe = ReadyProbe::new(service_fn(|n: u32| async move { Ok::<_, std::io::Error>(n + 1) }));
/// let handle = probe.handle();
///
/// probe.ready().await?;
/// assert_eq!((handle.held(), handle.calls()), (1, 0));
/// assert_eq!(probe.call(41).await?, 42);
/// assert_eq!((handle.held(), handle.calls()), (0, 1));
///
/// let unready = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| probe.call(1)));
/// assert!(unready.is_err());
/// # Ok::<(), std::io::Error>(()) }).unwrap();
/// ```
#[must_use]
pub struct ReadyProbe<S> {
    inner: S,
    seat: Seat,
}

/// What all clones of one [`ReadyProbe`] counted.
#[derive(Clone)]
pub struct ProbeHandle(Arc<Counts>);

#[derive(Default)]
struct Counts {
    held: AtomicUsize,
    most_held: AtomicUsize,
    calls: AtomicUsize,
}

/// One clone's readiness. Apart from the probe, so that only it needs a `Drop` and the probe can be taken apart.
struct Seat {
    ready: bool,
    counts: Arc<Counts>,
}

// ===== impl ReadyProbe =====

impl<S> ReadyProbe<S> {
    /// A probe, not ready yet.
    pub fn new(inner: S) -> Self {
        let counts = Arc::default();
        let seat = Seat {
            ready: false,
            counts,
        };
        Self { inner, seat }
    }

    /// The counts of this probe and all its clones.
    #[must_use]
    pub fn handle(&self) -> ProbeHandle {
        ProbeHandle(Arc::clone(&self.seat.counts))
    }
}

impl<S, R> Service<R> for ReadyProbe<S>
where
    S: Service<R>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        let polled = self.inner.poll_ready(cx);
        // Asking again is allowed, and the latest answer counts.
        self.seat.set(matches!(polled, Poll::Ready(Ok(()))));
        polled
    }

    /// # Panics
    ///
    /// If this clone is not ready: that is what the probe is for.
    fn call(&mut self, request: R) -> S::Future {
        assert!(
            self.seat.ready,
            "a service was called that had not been made ready for this call"
        );
        self.seat.set(false);
        self.seat.counts.calls.fetch_add(1, SeqCst);
        self.inner.call(request)
    }
}

impl<S: Clone> Clone for ReadyProbe<S> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            seat: Seat {
                ready: false,
                counts: Arc::clone(&self.seat.counts),
            },
        }
    }
}

impl<S> fmt::Debug for ReadyProbe<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadyProbe")
            .field("ready", &self.seat.ready)
            .finish_non_exhaustive()
    }
}

// ===== impl Seat =====

impl Seat {
    fn set(&mut self, ready: bool) {
        match (self.ready, ready) {
            (false, true) => {
                let held = self.counts.held.fetch_add(1, SeqCst) + 1;
                self.counts.most_held.fetch_max(held, SeqCst);
            }
            (true, false) => {
                self.counts.held.fetch_sub(1, SeqCst);
            }
            _ => {}
        }
        self.ready = ready;
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.set(false);
    }
}

// ===== impl ProbeHandle =====

impl ProbeHandle {
    /// How many clones hold readiness now.
    #[must_use]
    pub fn held(&self) -> usize {
        self.0.held.load(SeqCst)
    }

    /// How many clones held readiness at once, at the most.
    #[must_use]
    pub fn most_held(&self) -> usize {
        self.0.most_held.load(SeqCst)
    }

    /// How many calls were made.
    #[must_use]
    pub fn calls(&self) -> usize {
        self.0.calls.load(SeqCst)
    }
}

impl fmt::Debug for ProbeHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProbeHandle")
            .field("held", &self.held())
            .field("most_held", &self.most_held())
            .field("calls", &self.calls())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use tower::{ServiceExt, limit::ConcurrencyLimit, service_fn};

    use super::*;

    async fn echo(n: u32) -> Result<u32, Infallible> {
        Ok(n)
    }

    #[tokio::test]
    #[should_panic(expected = "had not been made ready")]
    async fn one_readiness_is_good_for_one_call() {
        let mut probe = ReadyProbe::new(service_fn(echo));
        let _ = probe.ready().await.unwrap().call(1).await;
        let _ = probe.call(2).await;
    }

    #[tokio::test]
    #[should_panic(expected = "had not been made ready")]
    async fn a_clone_of_a_ready_probe_is_not_ready() {
        let mut probe = ReadyProbe::new(service_fn(echo));
        let _ = probe.ready().await.unwrap().clone().call(1).await;
    }

    #[tokio::test]
    async fn unused_readiness_is_given_back() {
        let mut probe = ReadyProbe::new(ConcurrencyLimit::new(service_fn(echo), 1));
        let (handle, mut other) = (probe.handle(), probe.clone());
        probe.ready().await.unwrap();
        probe.ready().await.unwrap();
        let pending = tokio::time::timeout(std::time::Duration::ZERO, other.ready()).await;
        assert!(pending.is_err(), "the limit is 1");
        assert_eq!((handle.held(), handle.most_held()), (1, 1));
        drop(probe);
        assert_eq!(handle.held(), 0);
        assert_eq!(other.ready().await.unwrap().call(7).await, Ok(7));
        assert_eq!(
            (handle.held(), handle.most_held(), handle.calls()),
            (0, 1, 1)
        );
    }
}
