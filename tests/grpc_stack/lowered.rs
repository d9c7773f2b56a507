//! Whatever a call waits for, is it taken off the deadline that the server is told?

use std::{
    sync::atomic::{AtomicUsize, Ordering::SeqCst},
    time::Duration,
};

use clearance::SkewAuthLayer;
use clearance_test::{ScriptedSource, Step};
use tokio::time::Instant;
use tonic::Status;

use crate::{
    MILLISECOND, SECOND,
    api::Api,
    client, get, get_within,
    rules::{Rule, all_but, limited, limited_once},
    seen::Seen,
    within,
};

/// Takes every call without a deadline, and judges the others by the rule.
fn with_a_deadline(rule: impl Rule) -> impl Rule {
    let before = AtomicUsize::new(0);
    move |seen: &Seen, _| match seen.timeout {
        Some(_) => rule(seen, before.fetch_add(1, SeqCst)),
        None => Ok(()),
    }
}

/// That each request was given less time than the one before, by what was waited in between, which was this at least; and
/// not by more than had passed since the call began.
fn assert_lowered(seen: &[Seen], (given, began): (Duration, Instant), waits: &[Duration]) {
    let given_to = |seen: &Seen| seen.timeout.unwrap();
    assert_eq!(seen.len(), waits.len() + 1);
    assert_eq!(given_to(&seen[0]), given);
    for (pair, waited) in seen.windows(2).zip(waits) {
        let (before, after) = (given_to(&pair[0]), given_to(&pair[1]));
        assert!(
            after + *waited <= before,
            "{before:?}, {waited:?} later {after:?}"
        );
        let (lowered, passed) = (given - after, pair[1].at - began);
        assert!(lowered <= passed, "{lowered:?} of {passed:?}");
    }
}

/// Calls once without a deadline, so that there is a token, and then with this one: which, and from when.
async fn call_within(longest: Duration, api: &Api, source: ScriptedSource) -> (Duration, Instant) {
    let mut client = client(api.serve().await, &SkewAuthLayer::new(source));
    within(client.get(get(0))).await.unwrap();
    let began = Instant::now();
    within(client.get(get_within(longest))).await.unwrap();
    (longest, began)
}

/// A token that is good until it is refused, and then one that takes this long to come.
fn then_fresh_after(delay: Duration) -> ScriptedSource {
    ScriptedSource::script([Step::token("stale"), Step::token("fresh").after(delay)])
}

#[tokio::test]
async fn a_push_back_is_taken_off_the_deadline() {
    let api = Api::new(with_a_deadline(limited_once(Some("400"))));
    let call = call_within(20 * SECOND, &api, ScriptedSource::counting()).await;
    assert_lowered(&api.seen()[1..], call, &[400 * MILLISECOND]);
}

#[tokio::test]
async fn a_refresh_is_taken_off_the_deadline() {
    let api = Api::new(with_a_deadline(all_but("stale")));
    let call = call_within(20 * SECOND, &api, then_fresh_after(400 * MILLISECOND)).await;
    assert_lowered(&api.seen()[1..], call, &[400 * MILLISECOND]);
}

#[tokio::test]
async fn a_refresh_and_then_a_push_back_are_taken_off_the_deadline() {
    let api = Api::new(with_a_deadline(|_, before| match before {
        0 => Err(Status::unauthenticated("revoked")),
        1 => Err(limited(Some("300"))),
        _ => Ok(()),
    }));
    let call = call_within(20 * SECOND, &api, then_fresh_after(400 * MILLISECOND)).await;
    let waits = [400 * MILLISECOND, 300 * MILLISECOND];
    assert_lowered(&api.seen()[1..], call, &waits);
}

#[tokio::test]
async fn a_push_back_and_then_a_refresh_are_taken_off_the_deadline() {
    let api = Api::new(with_a_deadline(|_, before| match before {
        0 => Err(limited(Some("300"))),
        1 => Err(Status::unauthenticated("revoked")),
        _ => Ok(()),
    }));
    let call = call_within(20 * SECOND, &api, then_fresh_after(400 * MILLISECOND)).await;
    let waits = [300 * MILLISECOND, 400 * MILLISECOND];
    assert_lowered(&api.seen()[1..], call, &waits);
}

#[tokio::test]
async fn the_wait_for_the_first_token_is_taken_off_the_deadline() {
    let api = Api::new(|_, _| Ok(()));
    let source = ScriptedSource::counting().with_delay(400 * MILLISECOND);
    let mut client = client(api.serve().await, &SkewAuthLayer::new(source));
    let began = Instant::now();
    within(client.get(get_within(20 * SECOND))).await.unwrap();
    let given = api.seen()[0].timeout.unwrap();
    let lowered = 20 * SECOND - given;
    assert!(lowered >= 400 * MILLISECOND, "{lowered:?}");
    assert!(lowered <= began.elapsed(), "{lowered:?}");
}

#[tokio::test]
async fn the_wait_for_the_first_token_stays_taken_off_when_the_call_is_sent_again() {
    let api = Api::new(limited_once(Some("300")));
    let source = ScriptedSource::counting().with_delay(400 * MILLISECOND);
    let mut client = client(api.serve().await, &SkewAuthLayer::new(source));
    within(client.get(get_within(20 * SECOND))).await.unwrap();
    let seen = api.seen();
    let given: Vec<_> = seen.iter().map(|seen| seen.timeout.unwrap()).collect();
    assert!(given[0] <= 20 * SECOND - 400 * MILLISECOND, "{given:?}");
    assert!(given[1] <= given[0] - 300 * MILLISECOND, "{given:?}");
}
