//! Layers that are dropped: how long does a task of theirs outlive them, and when is there none at all?

use clearance::TokenError;
use clearance_test::{ScriptedSource, Step};
use tokio::time::sleep;
use tower::ServiceExt;

use crate::{
    paused,
    support::{Api, SECOND, get, stack},
    tasks,
};

#[test]
fn no_task_outlives_the_layers_by_more_than_the_refresh_deadline() {
    for step in [
        Step::Hang,
        Step::Fail(TokenError::unavailable("down")),
        Step::Fail(TokenError::throttled(Some(6 * SECOND), "slow down")),
        Step::Fresh.after(14 * SECOND),
    ] {
        let source = ScriptedSource::script([step.clone()]);
        paused().block_on(async {
            let (auth, stack) = stack(source.clone(), Api::new(|_, _| 200).service());
            let calls: Vec<_> = (0..20)
                .map(|_| tokio::spawn(stack.clone().oneshot(get())))
                .collect();
            sleep(SECOND / 20).await;
            assert_eq!(tasks(), 21, "the callers', and the refresh");
            drop((auth, stack));
            calls.iter().for_each(|call| call.abort());
            drop(calls);
            tokio::task::yield_now().await;
            assert_eq!(tasks(), 1, "{step:?}: the refresh goes on for who may wait");
            sleep(15 * SECOND).await;
            assert_eq!(tasks(), 0, "{step:?}");
        });
    }
}

#[test]
fn layers_without_a_refresh_in_flight_have_no_task() {
    paused().block_on(async {
        let source = ScriptedSource::counting();
        let (auth, stack) = stack(source, Api::new(|_, _| 200).service());
        assert_eq!(tasks(), 0, "none before the first call");
        stack.clone().oneshot(get()).await.unwrap();
        sleep(SECOND).await;
        assert_eq!(tasks(), 0);
        drop((auth, stack));
    });
}
