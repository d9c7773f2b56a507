//! Keys that are found, entered and forgotten at once: none loses its pause, and the signal counts them.

use shuttle::thread::spawn;

use super::{gate::Seat, gates::Gates, *};
use crate::model::exhaust;

/// A call of `key` is refused. From the step returned on the pause is on, until then.
fn refuse(gates: &Gates, key: &str) -> (usize, Instant) {
    let now = Instant::now();
    let mut seat = Seat::new(gates.enter(&key.into(), now));
    seat.count_refused(now);
    let until = seat.limited(now, gates.sight().round, Some(SECOND));
    (context_switches(), until)
}

/// Whether a call of `key` that comes now is held.
fn is_held(gates: &Gates, key: &str) -> bool {
    let now = Instant::now();
    !gates.sight().clear
        && gates
            .find(&key.into(), now)
            .is_some_and(|gate| Seat::new(gate).pass(now).is_some())
}

#[test]
fn a_pause_is_found_from_its_first_moment_to_its_last() {
    let seen = explore(|world| {
        let gates = Arc::new(Gates::new(None));
        // An old key that is about to be forgotten, by whoever comes first.
        refuse(&gates, "a");
        world.pass(FORGOTTEN);
        let enter = |key: &'static str| {
            let gates = gates.clone();
            spawn(move || refuse(&gates, key))
        };
        let entered = [enter("a"), enter("b")];
        let (world_of_call, gates_of_call) = (world.clone(), gates.clone());
        let call = spawn(move || {
            if is_held(&gates_of_call, "a") {
                world_of_call.note("held");
            } else {
                world_of_call.note("passed");
            }
        });
        dawdle();
        if thread_rng().gen_bool(0.3) {
            world.pass(FORGOTTEN);
        }
        call.join().unwrap();
        for (thread, key) in entered.into_iter().zip(["a", "b"]) {
            let (_, until) = thread.join().unwrap();
            if Instant::now() < until {
                assert!(is_held(&gates, key), "the pause of {key} was lost");
                world.note("found");
            }
        }
        // With all of it long past, nothing is in sight.
        world.pass(2 * FORGOTTEN);
        assert!(gates.find(&"c".into(), Instant::now()).is_none());
        assert!(gates.sight().clear, "{:?}", gates.sight());
    });
    seen.must_include(["held", "passed", "found"]);
}

#[test]
fn a_call_that_comes_after_a_refusal_is_held_in_every_order() {
    let seen = exhaust(100_000, |world| {
        let gates = Arc::new(Gates::new(None));
        let (world_of_call, gates_of_call) = (world.clone(), gates.clone());
        let call = spawn(move || {
            let (step, held) = (context_switches(), is_held(&gates_of_call, "a"));
            world_of_call.note(if held { "held" } else { "passed" });
            (step, held)
        });
        let (begun, _) = refuse(&gates, "a");
        let (came, held) = call.join().unwrap();
        assert!(held || came < begun);
        assert!(is_held(&gates, "a"));
    });
    seen.must_include(["held", "passed"]);
}
