//! Nothing is sent during a pause that had begun before it was due to be sent.

use tower::limit::ConcurrencyLimit;

use super::*;

#[test]
fn nothing_is_sent_in_a_pause_that_had_begun() {
    let seen = explore(|world| {
        // As many as are sent before the first reply, and the first one after the pause.
        let refuses = (0..4).map(|_| thread_rng().gen_bool(0.6));
        let (layer, server) = (RateLimitBackoffLayer::new(), Server::new(refuses));
        let call = || spawn(send(layer.clone(), server.clone(), server.clone()));
        let mut calls = vec![call(), call()];
        dawdle();
        calls.push(call());
        wait_for(world, &calls);
        for call in calls {
            assert_eq!(block_on(call).unwrap(), Some(200));
        }
        if server.book().refused > 2 {
            world.note("refused again");
        }
    });
    seen.must_include(["refused again"]);
}

#[test]
fn a_pause_that_begins_while_a_call_waits_for_readiness_holds_it() {
    let seen = explore(|world| {
        let (layer, server) = (
            RateLimitBackoffLayer::new(),
            Server::new([true, false, true]),
        );
        let inner = ConcurrencyLimit::new(server.clone(), 1);
        let call = || spawn(send(layer.clone(), server.clone(), inner.clone()));
        let calls = [call(), call(), call()];
        wait_for(world, &calls);
        for call in calls {
            assert_eq!(block_on(call).unwrap(), Some(200));
        }
        world.note("done");
    });
    seen.must_include(["done"]);
}
