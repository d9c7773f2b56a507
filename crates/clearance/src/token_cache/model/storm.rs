//! Everything at once, while time passes.

use super::*;
use crate::model::{explore, vanish};

/// Moments at which something changes in the life of a token, of a refresh or of a hold-off, are this far apart or less.
const STEPS: [u64; 5] = [100, 1_000, 2_500, 5_000, 20_000];

#[test]
fn in_a_storm_every_caller_gets_an_outcome_and_no_newer_token_is_lost() {
    let seen = explore(|world| {
        let servers = Servers::new(world, script());
        let auth = servers.auth();
        let client = servers.client(&auth);
        let mut calls: Vec<_> = (0..3).map(|_| spawn(customer(client.clone()))).collect();
        let fickle = spawn(customer(client.clone()));

        let mut newest = 0;
        while !calls.iter().all(JoinHandle::is_finished) {
            match thread_rng().gen_range(0..12) {
                0 => fickle.abort(),
                1 => vanish(),
                2 => servers.revoke(servers.minted()),
                3 => auth.retry_now(),
                4..8 => {
                    let step = STEPS[thread_rng().gen_range(0..STEPS.len())];
                    world.pass(Duration::from_millis(step));
                }
                _ => thread::yield_now(),
            }
            let generation = auth.generation();
            assert!(generation >= newest, "{newest} was evicted by {generation}");
            newest = generation;
        }
        for call in calls.drain(..) {
            for outcome in block_on(call).unwrap() {
                world.note(match outcome {
                    Ok(200) => "200",
                    Ok(401) => "401",
                    Ok(status) => panic!("{status}"),
                    Err(error) if error.contains("no such client") => "denied",
                    Err(error) if error.contains("out of order") => "failed",
                    Err(error) if error.contains("panicked") => "panicked",
                    Err(error) if error.contains("two refreshes vanished") => "vanished",
                    Err(error) if error.contains("no answer within 15 s") => "hung",
                    Err(error) => panic!("{error}"),
                });
            }
        }

        // The storm is over, and the issuer well again: soon all is as ever.
        servers.recover();
        fickle.abort();
        let after = || {
            world.pass(LIFETIME);
            let call = spawn(send(client.clone()));
            while !call.is_finished() {
                world.pass(Duration::from_secs(1));
                thread::yield_now();
            }
            outcome(call)
        };
        // One may still hear of a refresh that hung in the storm, or of its own, if that is not polled for 15 s.
        let mut outcomes = (0..8).map(|_| after());
        assert!(
            outcomes.any(|outcome| outcome == Ok(200)),
            "it never recovers"
        );
    });
    seen.must_include(["200", "401", "denied", "panicked", "hung", "vanished"]);
}

/// What the issuer does before it is well again.
fn script() -> Vec<Answer> {
    let all = [
        Answer::Mint(Duration::from_secs(20)),
        Answer::Mint(LIFETIME),
        Answer::Deny,
        Answer::Fail,
        Answer::Panic,
        Answer::Hang,
    ];
    let any = || all[thread_rng().gen_range(0..all.len())];
    (0..4).map(|_| any()).collect()
}

/// Two calls, one after the other.
async fn customer(client: Client) -> [Outcome; 2] {
    let first = send(client.clone()).await;
    [first, send(client).await]
}
