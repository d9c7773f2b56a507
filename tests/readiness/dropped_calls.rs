//! A call that is dropped at any await: what is left of it, and what does it cost the others?

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use clearance::{RateLimitBackoffLayer, Retry401Layer, SkewAuthLayer};
use clearance_test::{ScriptedSource, Step};
use tokio::time::{Instant, sleep, timeout};
use tower::{Layer, ServiceBuilder, ServiceExt, limit::GlobalConcurrencyLimitLayer};

use crate::{
    rough, stacks,
    support::{Api, MINUTE, SECOND, get, stack},
};

/// Polls a future this often at most, and then gives it up.
struct Polls<F> {
    future: Pin<Box<F>>,
    left: usize,
}

impl<F: Future> Future for Polls<F> {
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        self.left -= 1;
        match self.future.as_mut().poll(cx) {
            Poll::Pending if self.left == 0 => Poll::Ready(None),
            poll => poll.map(Some),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_dropped_at_any_await_leaves_no_trace() {
    let count = stacks(&ScriptedSource::counting(), &Api::new(|_, _| 200)).len();
    for nth in 0..count {
        let mut ended = false;
        for polls in 1..100 {
            let source = ScriptedSource::script([Step::token("token-1"), Step::Fresh])
                .with_delay(SECOND / 10);
            let probe = Api::new(rough).service();
            let handle = probe.handle();
            let (name, stack) = stacks(&source, &probe).swap_remove(nth);
            let future = Box::pin(stack.clone().oneshot(get()));
            ended = Polls {
                future,
                left: polls,
            }
            .await
            .is_some();
            assert_eq!(handle.held(), 0, "{name}, dropped after {polls} polls");
            let next = timeout(MINUTE, stack.oneshot(get())).await;
            next.unwrap_or_else(|_| {
                panic!("{name}: the call after one dropped after {polls} polls hangs")
            })
            .unwrap();
            if ended {
                break;
            }
        }
        assert!(ended, "a call was never polled to its end");
    }
}

/// The one that started the refresh, or tries the new token for all, may be gone at any moment.
#[tokio::test(start_paused = true)]
async fn a_call_dropped_at_any_await_costs_those_nothing_that_wait_for_the_same_refresh() {
    const CALLS: usize = 6;
    for nth in 0..CALLS {
        let mut ended = false;
        for polls in 1..100 {
            let dropped = format!("call {nth} of {CALLS}, dropped after {polls} polls");
            let source = ScriptedSource::new(["stale", "fresh"]).with_delay(SECOND / 10);
            let api = Api::new(|seen, _| if seen.token == "fresh" { 200 } else { 401 });
            let probe = api.service();
            let handle = probe.handle();
            let stack = ServiceBuilder::new()
                .layer(Retry401Layer::new())
                .layer(RateLimitBackoffLayer::new())
                .layer(SkewAuthLayer::new(source.clone()))
                .layer(GlobalConcurrencyLimitLayer::new(CALLS - 1))
                .service(probe);
            let calls: Vec<_> = (0..CALLS)
                .map(|call| {
                    let future = Box::pin(stack.clone().oneshot(get()));
                    let left = if call == nth { polls } else { usize::MAX };
                    tokio::spawn(Polls { future, left })
                })
                .collect();
            let start = Instant::now();
            for (call, task) in calls.into_iter().enumerate() {
                let response = timeout(MINUTE, task).await.expect(&dropped).unwrap();
                if call == nth {
                    ended = response.is_some();
                }
                match response {
                    Some(response) => assert_eq!(response.unwrap().status(), 200, "{dropped}"),
                    None => assert_eq!(call, nth),
                }
            }
            assert!(start.elapsed() < SECOND / 2, "{dropped}");
            assert_eq!((source.fetches(), handle.held()), (2, 0), "{dropped}");
            if ended {
                break;
            }
        }
        assert!(ended, "a call was never polled to its end");
    }
}

/// Who is to try the new token for all may be gone while it queues for its place: the others are told in a second.
#[tokio::test(start_paused = true)]
async fn a_call_dropped_in_the_queue_leaves_the_trial_to_another() {
    // Calls that were refused, and calls that were held before they were sent.
    for (refused, held) in [(2, 0), (1, 2), (2, 2)] {
        for nth in 0..refused + held {
            let source = ScriptedSource::new(["stale", "fresh"]).with_delay(SECOND);
            let api = Api::new(|seen, _| if seen.token == "fresh" { 200 } else { 401 });
            let limited = GlobalConcurrencyLimitLayer::new(2).layer(api.service());
            let mut busy = [limited.clone(), limited.clone()];
            let (_, stack) = stack(source.clone(), limited);
            let call = || tokio::spawn(stack.clone().oneshot(get()));
            let mut calls: Vec<_> = (0..refused).map(|_| call()).collect();
            sleep(SECOND + SECOND / 2).await;
            assert_eq!((api.seen().len(), source.fetches()), (refused, 2));
            calls.extend((0..held).map(|_| call()));
            sleep(SECOND / 10).await;
            for place in &mut busy {
                place.ready().await.unwrap();
            }
            // The new token comes, and nobody gets through with it.
            sleep(SECOND).await;
            calls.remove(nth).abort();
            drop(busy);
            let start = Instant::now();
            for call in calls {
                assert_eq!(call.await.unwrap().unwrap().status(), 200);
            }
            let took = start.elapsed();
            assert!(
                took < SECOND,
                "without call {nth} of {refused} and {held}: {took:?}"
            );
            assert_eq!(source.fetches(), 2);
        }
    }
}
