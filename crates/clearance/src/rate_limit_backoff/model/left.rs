//! A call that is dropped leaves no trace.

use super::*;

#[test]
fn held_calls_that_are_dropped_hold_nobody() {
    let seen = explore(|world| {
        let (layer, server) = (RateLimitBackoffLayer::new(), Server::new([true, true]));
        let call = || spawn(send(layer.clone(), server.clone(), server.clone()));
        let calls = [call(), call(), call()];
        for call in &calls {
            dawdle();
            if thread_rng().gen_bool(0.3) {
                world.pass(SECOND);
            }
            call.abort();
        }
        for call in calls {
            if block_on(call).is_err() {
                world.note("dropped");
            }
        }
        let held: usize = layer.status().keys.iter().map(|key| key.held).sum();
        assert_eq!(held, 0);
        // The pause is over, and its pace as well: whoever comes now is the first in line, and no time passes for it.
        world.pass(10 * SECOND);
        if !server.book().pauses.is_empty() {
            world.note("after a pause");
        }
        server.book().script.clear();
        assert_eq!(block_on(call()).unwrap(), Some(200));

        // A key with anybody in line is never forgotten. Any other one is, as soon as there is a new one.
        world.pass(FORGOTTEN);
        server.book().script.push_back(true);
        let mut request = request("https://other.example.com/");
        request.extensions_mut().insert(MaxWait(Duration::ZERO));
        let refused = block_on(layer.layer(server).oneshot(request)).unwrap();
        assert_eq!(refused.status(), 429);
        let keys = layer.status().keys;
        assert_eq!(keys.len(), 1, "{keys:?}");
    });
    seen.must_include(["dropped", "after a pause"]);
}
