//! A wait that does not fit into the deadline: is it skipped, and what does the caller get instead?

use clearance::{RateLimitBackoffLayer, SkewAuthLayer};
use clearance_test::{ScriptedSource, Step};
use tokio::time::Instant;
use tonic::Code;

use crate::{
    SECOND,
    api::Api,
    client, get, get_within, limited_client,
    rules::{all_but, limited_once},
    until_limited, within,
};

#[tokio::test]
async fn a_push_back_that_does_not_fit_is_not_slept() {
    let api = Api::new(limited_once(Some("20000")));
    let source = ScriptedSource::counting();
    let mut client = client(api.serve().await, &SkewAuthLayer::new(source));
    let began = Instant::now();
    let status = within(client.get(get_within(10 * SECOND)))
        .await
        .unwrap_err();
    assert!(began.elapsed() < 5 * SECOND, "{:?}", began.elapsed());
    assert_eq!(
        (status.code(), status.message()),
        (Code::ResourceExhausted, "slow down")
    );
    assert_eq!(api.seen().len(), 1);
}

#[tokio::test]
async fn a_refresh_that_does_not_fit_is_not_waited_for() {
    let api = Api::new(all_but("stale"));
    let source = ScriptedSource::script([Step::token("stale"), Step::Hang]);
    let mut client = client(api.serve().await, &SkewAuthLayer::new(source.clone()));
    let began = Instant::now();
    let status = within(client.get(get_within(2 * SECOND)))
        .await
        .unwrap_err();
    assert!(began.elapsed() < 8 * SECOND, "{:?}", began.elapsed());
    assert_eq!(
        (status.code(), status.message()),
        (Code::Unauthenticated, "no good token")
    );
    assert_eq!((api.seen().len(), source.fetches()), (1, 2));
}

#[tokio::test]
async fn a_token_that_comes_too_late_is_not_waited_for() {
    let api = Api::new(|_, _| Ok(()));
    let source = ScriptedSource::script([Step::Hang]);
    let mut client = client(api.serve().await, &SkewAuthLayer::new(source));
    let began = Instant::now();
    let status = within(client.get(get_within(2 * SECOND)))
        .await
        .unwrap_err();
    assert!(began.elapsed() < 8 * SECOND, "{:?}", began.elapsed());
    assert_eq!(status.code(), Code::Unavailable);
    assert_eq!(api.seen().len(), 0);
}

#[tokio::test]
async fn a_call_is_not_held_beyond_its_deadline() {
    let api = Api::new(limited_once(Some("20000")));
    let auth = SkewAuthLayer::new(ScriptedSource::counting());
    let limits = RateLimitBackoffLayer::new();
    let mut client = limited_client(api.serve().await, &auth, &limits);
    let mut patient = client.clone();
    let patient = tokio::spawn(async move { patient.get(get(1)).await });
    until_limited(&limits).await;

    let began = Instant::now();
    let status = within(client.get(get_within(10 * SECOND)))
        .await
        .unwrap_err();
    assert!(began.elapsed() < 5 * SECOND, "{:?}", began.elapsed());
    assert_eq!(status.code(), Code::ResourceExhausted);
    assert_eq!(api.seen().len(), 1, "it was never sent");
    patient.abort();
}
