//! The layers in every order: do they keep the contract of readiness, and which orders cure a refusal and a limit?

use clearance_test::ScriptedSource;
use tokio::time::timeout;
use tower::ServiceExt;

use crate::{
    rough, stacks,
    support::{Api, MINUTE, SECOND, get},
};

#[tokio::test(start_paused = true)]
async fn every_order_of_layers_keeps_the_contract_of_readiness() {
    let count = stacks(&ScriptedSource::counting(), &Api::new(|_, _| 200)).len();
    for nth in 0..count {
        let source = ScriptedSource::counting().with_delay(SECOND);
        let probe = Api::new(rough).service();
        let handle = probe.handle();
        let (name, stack) = stacks(&source, &probe).swap_remove(nth);
        let tasks: Vec<_> = (0..20)
            .map(|_| tokio::spawn(stack.clone().oneshot(get())))
            .collect();
        for task in tasks {
            timeout(10 * MINUTE, task)
                .await
                .expect(name)
                .unwrap()
                .unwrap();
        }
        assert_eq!(handle.held(), 0, "{name}");
        assert!(handle.calls() >= 20, "{name}");
    }
}

/// What each order is good for: the recommended ones cure a refusal and a limit, whichever comes first.
#[tokio::test(start_paused = true)]
async fn the_replay_layer_above_the_auth_layer_cures_a_401_in_every_order() {
    for name in [
        "retry, rate, auth",
        "retry, auth, rate",
        "rate, retry, auth",
    ] {
        let source = ScriptedSource::counting();
        let api = Api::new(rough);
        let stacks = stacks(&source, &api);
        let (_, stack) = stacks.iter().find(|(known, _)| *known == name).unwrap();
        for _ in 0..5 {
            let response = timeout(MINUTE, stack.clone().oneshot(get()))
                .await
                .expect(name)
                .unwrap();
            assert_eq!(response.status(), 200, "{name}");
        }
        assert_eq!(source.fetches(), 2, "{name}");
    }
}
