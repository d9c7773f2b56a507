//! Held calls to the moment: until when they wait, for what, and whose answer counts in a trial.

use super::{refusal_edges::is_final, *};

#[test]
fn while_nobody_is_held_a_refusal_of_a_suspect_token_is_final() {
    let mut bench = Bench::with_token(3600 * SECOND);
    bench.cache.refused_in_row = 2;
    assert!(matches!(bench.refused(1), Refused::Pending(_)));
    let joined = bench.refused(1);
    assert!(is_final(&joined, "RefusedAgain"), "{joined:?}");
    bench.refresh(3600 * SECOND);
    let joined = bench.refused(1);
    assert!(is_final(&joined, "RefusedAgain"), "{joined:?}");
}

#[test]
fn a_call_that_did_not_try_is_no_verdict_on_the_token_that_is_tried() {
    let mut bench = Bench::with_token(3600 * SECOND);
    let _ = bench.refused(1);
    bench.refresh(3600 * SECOND);
    assert!(matches!(bench.ask(), Answer::Try(_)));
    assert!(is_final(&bench.refused(2), "RefusedAgain"));
    let _ = bench.tried(1);
    assert_eq!(
        bench.cache.trial.as_ref().map(|trial| trial.token.id),
        Some(2)
    );
}

#[test]
fn who_waits_for_a_cure_at_the_last_call_waits_on() {
    let mut bench = Bench::with_token(100 * SECOND);
    bench.accepted(1);
    let life = bench.cache.life().unwrap();
    bench.now = life.last_call;
    let _ = bench.refused(1);
    assert!(matches!(bench.ask(), Answer::Wait(until) if until == bench.now + 16 * SECOND));
}

#[test]
fn a_waiter_is_told_of_the_failure_that_it_waited_for() {
    let mut bench = Bench::with_token(3600 * SECOND);
    bench.accepted(1);
    let Refused::Pending(mut waiting) = bench.refused(1) else {
        panic!("not pending")
    };
    bench.fail(TokenError::unavailable("down"));
    // It asks late: the hold-off is over.
    bench.now += 5 * SECOND;
    let settled = bench.settle(1, &mut waiting);
    assert!(matches!(
        settled,
        Settlement::Ended(Err(RefusalReason::RefreshFailed(_)))
    ));
    assert!(bench.cache.order.is_none());
}

#[test]
fn a_waiter_whose_refresh_vanished_begins_another_unless_held_off() {
    let mut bench = Bench::with_token(3600 * SECOND);
    bench.accepted(1);
    let Refused::Pending(mut waiting) = bench.refused(1) else {
        panic!("not pending")
    };
    let asks_again_in = |settlement, now| match settlement {
        Settlement::Wait(until) => Some(until - now),
        Settlement::Ended(_) => None,
    };
    let settled = bench.settle(1, &mut waiting);
    assert_eq!(asks_again_in(settled, bench.now), Some(SECOND));
    let ticket = bench.ticket();
    bench.cache.vanished(ticket);
    let settled = bench.settle(1, &mut waiting);
    assert_eq!(asks_again_in(settled, bench.now), Some(16 * SECOND));
    assert!(bench.ticket() > ticket);

    let without = bench.cache.in_flight.take();
    assert!(without.is_some());
    let settled = bench.settle(1, &mut Waiting::default());
    assert!(
        matches!(settled, Settlement::Ended(Err(RefusalReason::RefusedAgain))),
        "it waited for none"
    );
    assert!(bench.cache.order.is_none());
}

#[test]
fn an_older_token_than_the_one_refused_is_no_cure() {
    let mut bench = Bench::with_token(3600 * SECOND);
    let settled = bench.settle(2, &mut Waiting::default());
    assert!(matches!(settled, Settlement::Ended(Err(_))));
    let settled = bench.settle(1, &mut Waiting::default());
    assert!(matches!(settled, Settlement::Ended(Ok(()))));
}

#[test]
fn a_call_is_held_for_its_patience_and_not_a_moment_longer() {
    let mut bench = Bench::with_token(3600 * SECOND);
    let _ = bench.refused(1);
    let start = bench.now;
    let mut waiting = Waiting::default();
    let mut ask = |bench: &mut Bench| {
        let now = bench.now;
        bench.cache.ask(now, WALL, Duration::ZERO, &mut waiting)
    };
    assert!(matches!(ask(&mut bench), Answer::Wait(until) if until == start + 5 * SECOND));
    bench.now = start + 5 * SECOND;
    assert!(matches!(ask(&mut bench), Answer::Attach(_)));
}

#[test]
fn while_a_token_is_tried_a_call_is_held_until_the_seat_is_free_or_its_patience_ends() {
    let mut bench = Bench::with_token(3600 * SECOND);
    let _ = bench.refused(1);
    bench.refresh(3600 * SECOND);
    assert_eq!(bench.cache.free_to_try(), Some(2));
    assert_eq!(bench.cache.published().map(|token| token.id), None);
    assert!(matches!(bench.ask(), Answer::Try(_)));
    assert_eq!(bench.cache.free_to_try(), None);
    let taken = bench.now;
    let mut waiting = Waiting::default();
    bench.now += 2 * SECOND;
    let mut ask = |bench: &mut Bench| {
        let now = bench.now;
        bench.cache.ask(now, WALL, Duration::ZERO, &mut waiting)
    };
    assert!(matches!(ask(&mut bench), Answer::Wait(until) if until == taken + 5 * SECOND));
    // Another one takes the seat over; this one has waited for two seconds less than it will.
    bench.now = taken + 5 * SECOND;
    bench.cache.seat_left(2);
    assert_eq!(bench.cache.free_to_try(), Some(2));
    let _ = bench.ask();
    let mut later = Waiting::default();
    let now = bench.now + SECOND;
    let answer = bench.cache.ask(now, WALL, Duration::ZERO, &mut later);
    assert!(matches!(answer, Answer::Wait(until) if until == bench.now + 5 * SECOND));
}

#[test]
fn an_answer_to_another_token_ends_no_trial() {
    let mut bench = Bench::with_token(3600 * SECOND);
    let _ = bench.refused(1);
    bench.refresh(3600 * SECOND);
    assert!(matches!(bench.ask(), Answer::Try(_)));
    bench.cache.not_refused(1);
    assert_eq!(bench.cache.generation(), 1);
    bench.cache.not_refused(2);
    assert_eq!(bench.cache.published().map(|token| token.id), Some(2));
}

#[test]
fn a_token_is_published_only_without_a_verdict_and_a_trial() {
    let mut bench = Bench::with_token(3600 * SECOND);
    let _ = bench.refused(1);
    bench.refresh(3600 * SECOND);
    bench.cache.verdict = None;
    assert!(bench.cache.trial.is_some() && bench.cache.published().is_none());
    bench.cache.trial = None;
    bench.cache.verdict = Some(refusal::Verdict::Suspect);
    assert!(bench.cache.published().is_none());
}

/// How long an issuer takes is no patience with a token that nobody has tried.
#[test]
fn a_refusal_whose_refresh_took_longer_than_patience_tries_what_it_brought() {
    let mut bench = Bench::with_token(3600 * SECOND);
    let mut refused = Vec::new();
    for _ in 0..2 {
        let Refused::Pending(mut waiting) = bench.refused(1) else {
            panic!("not pending");
        };
        let settled = bench.settle(1, &mut waiting);
        assert!(matches!(settled, Settlement::Wait(_)));
        refused.push(waiting);
    }
    bench.now += 6 * SECOND;
    bench.refresh(3600 * SECOND);
    assert_eq!(bench.cache.free_to_try(), Some(2), "nobody has tried it");
    let settled = bench.settle(1, &mut refused[0]);
    assert!(matches!(settled, Settlement::Ended(Ok(()))), "{settled:?}");
    let settled = bench.settle(1, &mut refused[1]);
    assert!(matches!(settled, Settlement::Wait(_)), "one is enough");
    bench.now += 5 * SECOND;
    let ended = bench.settle(1, &mut refused[1]);
    assert!(matches!(ended, Settlement::Ended(Err(_))), "{ended:?}");
}
