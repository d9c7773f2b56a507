//! Every future of the layers, dropped at every await: no seat stays taken, nothing is held, and the next call costs no token
//! request more than if nothing had been dropped.
//!
//! The sources are in `cancelled_sources`. Not here: `HttpsFuture`, which is hyper-util's and lives on sockets; the soak run
//! gives up calls on those.
#![allow(clippy::unwrap_used, reason = "test code")]

mod dropped;
mod support;
mod worlds;

use clearance::TokenRefused;
use dropped::dropped_after;
use support::{SECOND, get};
use tokio::time::Instant;
use tower::ServiceExt;
use worlds::{Layers, State, World};

/// Drops a call of this stack at each of its awaits. At how many?
async fn each_await(layers: Layers, state: State) -> usize {
    let world = World::new(layers, state).await;
    world.call().await;
    let expected = world.aftermath().await;
    for waits in 0.. {
        let mut ended = None;
        // The next call comes when all has calmed down, or at once.
        for at_once in [false, true] {
            let world = World::new(layers, state).await;
            let call = world.stack.clone().oneshot(get());
            ended = dropped_after(waits, call).await;
            if at_once {
                let begun = Instant::now();
                world.call().await;
                // A pause takes two seconds, and what is young three. Held for the verdict on a token that nobody tries
                // any more it would be five.
                let took = begun.elapsed();
                let is_cured = layers != Layers::Auth;
                assert!(
                    took < SECOND * 9 / 2 || !is_cured,
                    "{layers:?}, {state:?}: the next call took {took:?} after {waits} waits"
                );
            }
            let requests = world.aftermath().await;
            assert_eq!(
                requests, expected,
                "{layers:?}, {state:?}: token requests, dropped after {waits} waits"
            );
        }
        if let Some(ended) = ended {
            ended.unwrap();
            return waits;
        }
    }
    unreachable!("it ends")
}

#[test]
fn a_call_dropped_at_any_await_leaves_nothing_behind() {
    let awaits = |layers, state| {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(each_await(layers, state))
    };
    for layers in Layers::ALL {
        let fresh = awaits(layers, State::Fresh);
        // The latency, and the service's own readiness.
        assert!(fresh >= 3, "{layers:?}: {fresh} awaits");
        for &state in layers.states() {
            let waits = awaits(layers, state);
            println!("{layers:?}, {state:?}: dropped at {waits} awaits, {fresh} if fresh");
            let is_cured_above = layers == Layers::Auth
                && matches!(state, State::Revoked | State::Suspect | State::Young);
            if state != State::Ageing && !is_cured_above {
                // Below `ReplayBody` the readiness is awaited with the reply.
                let more = usize::from(layers != Layers::Kept);
                assert!(waits >= fresh + more, "{layers:?}, {state:?}: {waits}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn settled_dropped_at_any_await_leaves_nothing_behind() {
    for state in [State::Revoked, State::Suspect, State::Young] {
        let mut ended = None;
        let mut waits = 0;
        while ended.is_none() {
            let world = World::new(Layers::Auth, state).await;
            let reply = world.stack.clone().oneshot(get()).await.unwrap();
            assert_eq!(reply.status(), 401);
            let refused: TokenRefused = reply.extensions().get().cloned().unwrap();
            ended = dropped_after(waits, refused.settled()).await;
            drop((refused, reply));
            let requests = world.aftermath().await;
            assert_eq!(
                requests,
                if state == State::Young { 1 } else { 2 },
                "{state:?}"
            );
            waits += 1;
        }
        assert!(waits > 1 && ended.unwrap().is_ok(), "{state:?}: {waits}");
    }
}
