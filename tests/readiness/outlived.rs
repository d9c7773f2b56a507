//! A readiness that takes longer to come than the token lives: which token is sent, and who keeps the place?

use clearance::SkewAuthLayer;
use clearance_test::{ReadyProbe, ScriptedSource, Step};
use tokio::time::sleep;
use tower::{Layer, ServiceBuilder, ServiceExt, limit::GlobalConcurrencyLimitLayer};

use crate::support::{Api, SECOND, get};

/// The readiness of a service that takes long to come may outlive the token.
#[tokio::test(start_paused = true)]
async fn a_token_is_judged_after_the_last_wait() {
    let source = ScriptedSource::counting()
        .with_lifetime(10 * SECOND)
        .with_delay(SECOND / 10);
    let api = Api::new(|_, _| 200);
    let limit = GlobalConcurrencyLimitLayer::new(1);
    let limited = limit.layer(api.service());
    let stack = ServiceBuilder::new()
        .layer(SkewAuthLayer::new(source.clone()))
        .service(limited.clone());
    let mut busy = limited;
    let call = tokio::spawn(stack.oneshot(get()));
    sleep(SECOND / 20).await;
    // Takes the one place while the call waits for its token, and keeps it past the token's end.
    busy.ready().await.unwrap();
    sleep(30 * SECOND).await;
    drop(busy);
    assert_eq!(call.await.unwrap().unwrap().status(), 200);
    assert_eq!(api.seen()[0].token, "token-2");
}

/// As before, but the token that is fetched then takes its time, too: the place that was waited for is not kept meanwhile.
#[tokio::test(start_paused = true)]
async fn a_readiness_that_outlived_its_token_is_given_back_for_the_next_fetch() {
    let source = ScriptedSource::script([
        Step::Fresh.after(SECOND / 10),
        Step::Fresh.after(10 * SECOND),
    ])
    .with_lifetime(10 * SECOND);
    let api = Api::new(|_, _| 200);
    let limited = GlobalConcurrencyLimitLayer::new(1).layer(api.service());
    let probe = ReadyProbe::new(limited.clone());
    let handle = probe.handle();
    let mut busy = limited;
    let call = tokio::spawn(
        SkewAuthLayer::new(source.clone())
            .layer(probe)
            .oneshot(get()),
    );
    sleep(SECOND / 20).await;
    busy.ready().await.unwrap();
    sleep(30 * SECOND).await;
    drop(busy);
    sleep(5 * SECOND).await;
    assert_eq!((source.fetches(), handle.held(), handle.calls()), (2, 0, 0));
    assert_eq!(call.await.unwrap().unwrap().status(), 200);
    assert_eq!((handle.held(), handle.most_held()), (0, 1));
    assert_eq!(api.seen()[0].token, "token-2");
}
