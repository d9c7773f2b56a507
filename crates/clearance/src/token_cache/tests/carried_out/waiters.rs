//! When those who wait are let go, and with what.

use super::*;

#[tokio::test(start_paused = true)]
async fn all_who_wait_are_woken_by_the_token() {
    let (shared, source) = shared([Late(SECOND, token("a-token"))]);
    assert!(try_grant(&shared).is_none());
    let start = Instant::now();
    let waiters: Vec<_> = (0..3)
        .map(|_| {
            let shared = shared.clone();
            tokio::spawn(async move { grant(&shared).await })
        })
        .collect();
    for waiter in waiters {
        let grant = waiter.await.unwrap().unwrap();
        assert_eq!(start.elapsed(), SECOND);
        assert_eq!(grant.terms.held_since, Some(start));
        assert!(!grant.terms.on_trial);
    }
    assert_eq!(source.asked().len(), 1);
    let again = try_grant(&shared).unwrap().unwrap();
    assert_eq!((again.terms.held_since, again.token.id), (None, 1));
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_waits_again_later_waits_for_another_refresh() {
    let (shared, _) = shared([Gives(token("a-token"))]);
    let mut waiting = Waiting::default();
    assert!(shared.try_grant(Duration::ZERO, &mut waiting).is_none());
    tokio::task::yield_now().await;
    assert!(shared.try_grant(Duration::ZERO, &mut waiting).is_some());
    assert!(waiting.ticket.is_none(), "that refresh is history");
}

#[tokio::test(start_paused = true)]
async fn a_call_that_tries_a_token_frees_its_seat_or_hands_the_token_on() {
    let (shared, _) = shared([Gives(token("one")), Gives(token("two"))]);
    grant(&shared).await.unwrap();
    let _ = shared.refused(refusal(1));
    let trial = grant(&shared).await.unwrap();
    assert_eq!((trial.token.id, trial.terms.on_trial), (2, true));
    assert!(try_grant(&shared).is_none(), "held for the verdict");
    shared.seat_left(2);
    assert!(try_grant(&shared).unwrap().unwrap().terms.on_trial);
    shared.not_refused(2);
    let grant = try_grant(&shared).unwrap().unwrap();
    assert_eq!((grant.token.id, grant.terms.on_trial), (2, false));
}
