//! Tokens that are refused.

use super::*;
use crate::model::explore;

#[test]
fn a_revoked_token_costs_one_refresh_however_late_its_refusals_come() {
    let seen = explore(|world| {
        let servers = Servers::new(world, []);
        let auth = servers.auth();
        let client = servers.client(&auth);
        assert_eq!(block_on(send(client.clone())), Ok(200));

        let fickle = spawn(send(client.clone()));
        let calls = calls(3, &client);
        dawdle();
        servers.revoke(1);
        dawdle();
        fickle.abort();
        for call in calls {
            assert_eq!(outcome(call), Ok(200));
        }
        assert_eq!(block_on(send(client)), Ok(200));
        assert_eq!((servers.minted(), auth.generation()), (2, 2));
        if auth.status().refusals > 1 {
            world.note("refused more than once");
        }
    });
    seen.must_include(["refused more than once"]);
}

#[test]
fn a_token_on_trial_is_the_next_callers_when_the_one_who_tries_it_gives_up() {
    let seen = explore(|world| {
        let servers = Servers::new(world, []);
        let auth = servers.auth();
        let (client, plain) = (servers.client(&auth), auth.layer(servers.clone()));
        // Never accepted: nobody knows whether any token would be. One refused call waits for what becomes of it, the
        // other does not, and then there is a second token to be tried.
        servers.revoke(1);
        let refused = spawn(send(client.clone()));
        assert!(block_on(send(plain.clone())).is_ok());
        let fickle = spawn(send(plain.clone()));
        let call = spawn(send(client));
        dawdle();
        fickle.abort();
        if block_on(fickle).is_err() {
            world.note("given up");
        }
        assert_eq!(outcome(refused), Ok(200));
        assert_eq!(outcome(call), Ok(200));
        assert_eq!(block_on(send(plain)), Ok(200));
        assert_eq!(servers.minted(), 2);
    });
    seen.must_include(["given up"]);
}
