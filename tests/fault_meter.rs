//! Whether this machine kept time: a deadline that was missed for want of a processor says nothing of the library.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{
    task::{JoinSet, yield_now},
    time::{Instant, sleep},
};

/// How often it looks.
const TICK: Duration = Duration::from_millis(10);
/// From here on it is late.
const LATE: Duration = Duration::from_millis(300);

/// Tasks that do nothing but come back on time, if they can.
pub(crate) struct Meter {
    late: Arc<Mutex<Vec<Instant>>>,
    _looking: JoinSet<()>,
}

impl Meter {
    /// One for each worker, wherever they are put.
    pub(crate) fn start(workers: usize) -> Self {
        let late = Arc::<Mutex<Vec<Instant>>>::default();
        let mut looking = JoinSet::new();
        for _ in 0..workers {
            let late = late.clone();
            looking.spawn(async move {
                loop {
                    if lag().await > LATE {
                        late.lock().unwrap().push(Instant::now());
                    }
                }
            });
        }
        Self {
            late,
            _looking: looking,
        }
    }

    /// Whether a task came back late since then.
    pub(crate) fn was_late_since(&self, began: Instant) -> bool {
        let late = self.late.lock().unwrap();
        late.last().is_some_and(|at| *at >= began)
    }

    /// Comes back when this machine has time for something new, or soon.
    pub(crate) async fn has_time(&self) {
        for _ in 0..5 {
            if lag().await < TICK {
                return;
            }
        }
    }
}

/// By how much a task that slept is late, with all those before it in the queue.
async fn lag() -> Duration {
    let began = Instant::now();
    sleep(TICK).await;
    yield_now().await;
    began.elapsed().saturating_sub(TICK)
}
