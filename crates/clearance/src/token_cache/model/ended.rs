//! How a refresh ends: with a token, an error, a panic, or not at all.

use clearance_core::AnyTokenSource;

use super::*;
use crate::{
    model::{exhaust, explore, revive, shut_down, vanish},
    token_cache::{Shared, Waiting},
};

#[test]
fn callers_of_an_empty_cache_share_one_refresh_though_some_give_up() {
    let seen = explore(|world| {
        let servers = Servers::new(world, []);
        let client = servers.client(&servers.auth());
        let fickle = spawn(send(client.clone()));
        let calls = calls(2, &client);
        dawdle();
        fickle.abort();
        if block_on(fickle).is_err() {
            world.note("given up");
        }
        for call in calls {
            assert_eq!(outcome(call), Ok(200));
        }
        assert_eq!(block_on(send(client)), Ok(200));
        assert_eq!(servers.asked(), 1);
    });
    seen.must_include(["given up"]);
}

#[test]
fn a_failure_is_everybodys_and_is_remembered() {
    let seen = explore(|world| {
        let servers = Servers::new(world, [Answer::Deny]);
        let auth = servers.auth();
        let client = servers.client(&auth);
        for call in calls(3, &client) {
            assert!(outcome(call).unwrap_err().contains("no such client"));
        }
        assert_eq!(servers.asked(), 1);
        auth.retry_now();
        for call in calls(2, &client) {
            assert_eq!(outcome(call), Ok(200));
        }
        assert_eq!(servers.asked(), 2);
        world.note("cured");
    });
    seen.must_include(["cured"]);
}

#[test]
fn a_panic_of_the_source_is_a_slip() {
    let seen = explore(|world| {
        let servers = Servers::new(world, [Answer::Panic]);
        let client = servers.client(&servers.auth());
        for call in calls(3, &client) {
            match outcome(call) {
                Ok(status) => {
                    assert_eq!(status, 200);
                    world.note("asked after the panic");
                }
                Err(error) => {
                    assert!(error.contains("panicked"), "{error}");
                    world.note("waited for what panicked");
                }
            }
        }
        // Nothing of it is left.
        assert_eq!(block_on(send(client)), Ok(200));
        assert_eq!((servers.asked(), servers.minted()), (2, 1));
    });
    seen.must_include(["asked after the panic", "waited for what panicked"]);
}

#[test]
fn a_refresh_whose_task_vanishes_frees_its_seat() {
    let seen = explore(|world| {
        let servers = Servers::new(world, []);
        let client = servers.client(&servers.auth());
        let calls = calls(3, &client);
        dawdle();
        vanish();
        for call in calls {
            assert_eq!(outcome(call), Ok(200));
        }
        assert_eq!(block_on(send(client)), Ok(200));
        assert!(servers.minted() <= 1 + u64::from(servers.asked() > 1));
        if servers.asked() > 1 {
            world.note("asked anew");
        }
    });
    seen.must_include(["asked anew"]);
}

#[test]
fn a_runtime_that_is_shut_down_is_an_error_and_no_wait() {
    let seen = explore(|world| {
        let servers = Servers::new(world, []);
        let client = servers.client(&servers.auth());
        let calls = calls(2, &client);
        dawdle();
        shut_down();
        for call in calls {
            match outcome(call) {
                Ok(status) => assert_eq!(status, 200),
                Err(error) => {
                    assert!(error.contains("two refreshes vanished"), "{error}");
                    world.note("two vanished");
                }
            }
        }
        revive();
        assert_eq!(block_on(send(client)), Ok(200));
    });
    seen.must_include(["two vanished"]);
}

#[test]
fn a_caller_whose_refresh_vanishes_asks_anew() {
    let seen = exhaust(100_000, |world| {
        let servers = Servers::new(world, []);
        let mut shared = Shared::new(AnyTokenSource::new(servers.clone()));
        shared.set_wall_clock(Arc::new(Wall(Instant::now())));
        let shared = Arc::new(shared);
        let call = spawn(shared.grant(Duration::ZERO, Waiting::default()));
        thread::yield_now();
        vanish();
        let (granted, _) = block_on(call).unwrap();
        assert!(granted.is_ok());
        world.note(if servers.asked() > 1 {
            "asked anew"
        } else {
            "asked once"
        });
    });
    seen.must_include(["asked once", "asked anew"]);
}
