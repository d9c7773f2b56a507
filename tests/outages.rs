//! The issuer is away, throttles, or answers nonsense: what its callers see, and what it sees of them.

mod support;

use std::time::Duration;

use clearance::{Audience, TokenError, token_source_fn};
use clearance_test::{ScriptedSource, Step};
use support::{Api, MINUTE, SECOND, callers, get, stack};
use tokio::time::{Instant, sleep};
use tower::ServiceExt;

#[tokio::test(start_paused = true)]
async fn an_issuer_that_is_down_for_a_minute_is_not_hammered_and_callers_learn_at_once() {
    for down in [
        Step::Fail(TokenError::unavailable("connection refused")),
        Step::Hang,
    ] {
        let hangs = matches!(down, Step::Hang);
        let source = ScriptedSource::script([down]);
        let api = Api::new(|_, _| 200);
        let (_, stack) = stack(source.clone(), api.service());
        let asked = {
            let source = source.clone();
            tokio::spawn(async move {
                sleep(MINUTE).await;
                let asked = source.fetches();
                source.set([Step::Fresh]);
                asked
            })
        };
        let calls = callers(64, SECOND / 4, 92 * SECOND, &stack).await;
        let asked = asked.await.unwrap();
        assert!(asked <= 20, "{asked} token requests");
        let during: Vec<_> = calls
            .iter()
            .filter(|call| (15..60).contains(&call.began.as_secs()))
            .collect();
        let prompt = during
            .iter()
            .filter(|call| call.result.is_err() && call.took < SECOND / 10)
            .count();
        assert!(
            prompt * 100 >= during.len() * 95,
            "{prompt} of {} calls failed at once",
            during.len()
        );
        let text = during[0].result.as_ref().unwrap_err().to_string();
        assert!(
            text.contains(if hangs { "15 s" } else { "connection refused" }),
            "{text}"
        );
        let later: Vec<_> = calls
            .iter()
            .filter(|call| call.began > 90 * SECOND)
            .collect();
        assert!(!later.is_empty() && later.iter().all(|call| call.status() == Some(200)));
    }
}

/// Found by the fault matrix: two attempts of 7 s, and 15 s are over in the third.
#[tokio::test(start_paused = true)]
async fn an_issuer_that_hangs_is_named_when_its_refresh_is_cut_off() {
    let source = token_source_fn(Audience::any(), || async {
        sleep(7 * SECOND).await;
        let endpoint = "https://login.example.com/oauth/token".parse().unwrap();
        Err(TokenError::unavailable("no answer within 7s").at(&endpoint))
    });
    let (_, stack) = stack(source, Api::new(|_, _| 200).service());
    let began = Instant::now();
    let error = stack.oneshot(get()).await.unwrap_err();
    assert_eq!(began.elapsed(), 15 * SECOND);
    assert_eq!(
        error.to_string(),
        "no token to be had from https://login.example.com/oauth/token: no answer within 7s"
    );
}

#[tokio::test(start_paused = true)]
async fn one_bad_answer_loses_no_call() {
    for slip in [
        Step::Fail(TokenError::unavailable("status 500")),
        Step::Fail(TokenError::malformed("it is HTML")),
        Step::Fail(TokenError::throttled(Some(2 * SECOND), "slow down")),
        Step::Fail(TokenError::throttled(None, "slow down")),
    ] {
        let source = ScriptedSource::script([slip, Step::Fresh]);
        let (_, stack) = stack(source.clone(), Api::new(|_, _| 200).service());
        let calls = callers(64, SECOND, SECOND / 2, &stack).await;
        assert!(calls.iter().all(|call| call.status() == Some(200)));
        assert_eq!(source.fetches(), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn a_throttled_issuer_is_left_alone_for_as_long_as_it_asked() {
    let throttled = Step::Fail(TokenError::throttled(Some(40 * SECOND), "slow down"));
    let source = ScriptedSource::script([throttled, Step::Fresh]);
    let (_, stack) = stack(source.clone(), Api::new(|_, _| 200).service());
    assert!(stack.clone().oneshot(get()).await.is_err());
    sleep(39 * SECOND).await;
    assert!(stack.clone().oneshot(get()).await.is_err());
    assert_eq!(source.fetches(), 1);
    sleep(SECOND).await;
    assert_eq!(stack.oneshot(get()).await.unwrap().status(), 200);
}

#[tokio::test(start_paused = true)]
async fn denied_credentials_are_tried_again_later_or_when_told_to() {
    let source = ScriptedSource::script([Step::Fail(TokenError::denied("wrong secret"))]);
    let (auth, stack) = stack(source.clone(), Api::new(|_, _| 200).service());
    assert!(stack.clone().oneshot(get()).await.is_err());
    assert_eq!(
        source.fetches(),
        1,
        "the same credentials are not tried again at once"
    );
    source.set([Step::Fresh]);
    sleep(SECOND).await;
    assert!(stack.clone().oneshot(get()).await.is_err(), "held off");
    auth.retry_now();
    assert_eq!(stack.oneshot(get()).await.unwrap().status(), 200);
    assert_eq!(source.fetches(), 2);
}

#[tokio::test(start_paused = true)]
async fn hold_offs_end_by_themselves_for_every_kind_of_failure() {
    for (error, longest) in [
        (TokenError::denied("no"), 60),
        (TokenError::malformed("no"), 30),
    ] {
        let source = ScriptedSource::script([Step::Fail(error)]);
        let (_, stack) = stack(source.clone(), Api::new(|_, _| 200).service());
        let down = callers(4, SECOND, 10 * MINUTE, &stack).await;
        assert!(down.iter().all(|call| call.result.is_err()));
        source.set([Step::Fresh]);
        sleep(Duration::from_secs(longest)).await;
        assert_eq!(stack.oneshot(get()).await.unwrap().status(), 200);
    }
}

#[tokio::test(start_paused = true)]
async fn an_issuer_that_asks_for_no_wait_at_all_is_not_hammered() {
    let throttled = Step::Fail(TokenError::throttled(Some(Duration::ZERO), "slow down"));
    let source = ScriptedSource::script([throttled]);
    let (_, stack) = stack(source.clone(), Api::new(|_, _| 200).service());
    let calls = callers(64, SECOND / 20, 10 * SECOND, &stack).await;
    assert!(calls.iter().all(|call| call.result.is_err()));
    assert!(source.fetches() <= 20, "{} in 10 s", source.fetches());
}
