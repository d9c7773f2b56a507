//! The refresh in its task.

use std::{
    future::pending,
    sync::atomic::{AtomicUsize, Ordering},
};

use clearance_core::{AnyTokenSource, Token, token_source_fn};
use tokio::time::advance;

use super::*;

/// Counts those who hold it, and how many did at most.
#[derive(Default)]
struct Turnstile {
    inside: AtomicUsize,
    most: AtomicUsize,
}

impl Turnstile {
    async fn stay(&self) -> Result<Token, TokenError> {
        let inside = self.inside.fetch_add(1, Ordering::Relaxed) + 1;
        self.most.fetch_max(inside, Ordering::Relaxed);
        let _left = Left(self);
        pending().await
    }
}

struct Left<'a>(&'a Turnstile);

impl Drop for Left<'_> {
    fn drop(&mut self) {
        self.0.inside.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Its seat was once given up 16 s after its order, though its own 15 s began with its task: one that began a few seconds
/// late was still asking when a second one was sent beside it.
#[tokio::test(start_paused = true)]
async fn a_refresh_that_begins_late_keeps_its_seat_to_its_end() {
    let requests = Arc::new(Turnstile::default());
    let asked = requests.clone();
    let source = token_source_fn(Audience::any(), move || {
        let asked = asked.clone();
        async move { asked.stay().await }
    });
    let shared = Arc::new(Shared::new(AnyTokenSource::new(source)));
    let start = Instant::now();
    let mut waiting = Waiting::default();
    assert!(shared.try_grant(Duration::ZERO, &mut waiting).is_none());
    // It is spawned, and its runtime is busy with something else.
    advance(5 * SECOND).await;
    let (granted, _) = shared.grant(Duration::ZERO, waiting).await;
    assert!(granted.unwrap_err().to_string().contains("15 s"));
    assert_eq!(start.elapsed().as_secs(), 5 + 15);
    assert_eq!(requests.most.load(Ordering::Relaxed), 1);
}
