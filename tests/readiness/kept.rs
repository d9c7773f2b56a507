//! A service that is kept between its calls: does it hold a readiness while a call waits, or after one that failed?

use clearance::{RateLimitBackoffLayer, SkewAuthLayer, TokenError};
use clearance_test::{ScriptedSource, Step};
use tokio::time::sleep;
use tower::{Layer, Service, ServiceExt};

use crate::support::{Api, SECOND, Verdict, get};

/// A service that is kept gives its readiness back before it waits: the issuer may be behind the same limit.
#[tokio::test(start_paused = true)]
async fn a_kept_service_holds_no_readiness_while_its_call_waits_for_a_token() {
    let source = ScriptedSource::counting().with_delay(10 * SECOND);
    let probe = Api::new(|_, _| 200).service();
    let handle = probe.handle();
    let mut kept = SkewAuthLayer::new(source).layer(probe);
    let call = tokio::spawn(kept.ready().await.unwrap().call(get()));
    sleep(5 * SECOND).await;
    assert_eq!((handle.held(), handle.calls()), (0, 0));
    assert_eq!(call.await.unwrap().unwrap().status(), 200);
    assert_eq!((handle.held(), handle.calls()), (0, 1));
    drop(kept);
}

#[tokio::test(start_paused = true)]
async fn a_kept_service_holds_no_readiness_after_a_call_that_failed_at_once() {
    let source = ScriptedSource::script([Step::Fail(TokenError::denied("no"))]);
    let probe = Api::new(|_, _| 200).service();
    let handle = probe.handle();
    let mut kept = SkewAuthLayer::new(source.clone()).layer(probe);
    for failed in 1..=2 {
        let error = kept.ready().await.unwrap().call(get()).await.unwrap_err();
        assert!(error.downcast_ref::<TokenError>().is_some(), "{error}");
        assert_eq!(handle.held(), 0, "after call {failed}");
    }
    assert_eq!(source.fetches(), 1, "the second one was held off");
    assert_eq!(handle.calls(), 0);
    drop(kept);
}

#[tokio::test(start_paused = true)]
async fn a_kept_service_holds_no_readiness_while_its_call_waits_out_a_pause() {
    let api = Api::new(|_, before| match before {
        0 => Verdict::from(429).with("retry-after", 10),
        _ => 200.into(),
    });
    let probe = api.service();
    let handle = probe.handle();
    let mut kept = RateLimitBackoffLayer::new().layer(probe);
    let refused = tokio::spawn(kept.ready().await.unwrap().call(get()));
    sleep(SECOND).await;
    // One that is held on its way in, after one that was refused.
    let unsent = tokio::spawn(kept.ready().await.unwrap().call(get()));
    sleep(SECOND).await;
    assert_eq!((handle.held(), handle.calls()), (0, 1));
    for call in [refused, unsent] {
        assert_eq!(call.await.unwrap().unwrap().status(), 200);
    }
    assert_eq!((handle.held(), handle.calls()), (0, 3));
    drop(kept);
}
