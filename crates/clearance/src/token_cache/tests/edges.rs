//! Moments on the edge, and cases that differ in one thing from those of the other tests.

use super::*;

const NANOSECOND: Duration = Duration::from_nanos(1);

fn elsewhere() -> OriginSlot {
    let uri = "https://b.example.com".parse().unwrap();
    Audience::any()
        .admits(&Method::GET, &uri, &HeaderMap::new())
        .unwrap()
}

fn is_final(refused: &Refused, reason: &str) -> bool {
    matches!(refused, Refused::Final(said) if format!("{said:?}").starts_with(reason))
}

// ===== tokens =====

#[test]
fn a_token_is_over_after_its_end_by_the_wall_clock_and_not_at_it() {
    let bench = Bench::with_token(600 * SECOND);
    let token = bench.cache.published().unwrap();
    assert!(!token.is_over(WALL + 600 * SECOND));
    assert!(token.is_over(WALL + 600 * SECOND + NANOSECOND));
}

#[test]
fn each_origin_accepts_for_itself() {
    let bench = Bench::with_token(600 * SECOND);
    let token = bench.cache.published().unwrap();
    assert!(!token.was_accepted_anywhere());
    token.note_accepted(elsewhere());
    assert!(token.was_accepted_anywhere());
    assert!(token.was_accepted(elsewhere()) && !token.was_accepted(slot()));
}

#[tokio::test(start_paused = true)]
async fn a_token_outlives_what_it_lives_for() {
    let bench = Bench::with_token(600 * SECOND);
    let token = bench.cache.published().unwrap();
    assert!(token.outlives(600 * SECOND));
    assert!(!token.outlives(600 * SECOND + NANOSECOND));
}

// ===== refreshes =====

#[test]
fn a_successor_that_is_ripe_is_published_at_once() {
    let mut bench = Bench::with_token(600 * SECOND);
    bench.now += 500 * SECOND;
    assert_eq!(bench.sends(), Some(1));
    bench.refresh(600 * SECOND);
    assert_eq!(bench.cache.published().map(|token| token.id), Some(2));
}

#[test]
fn a_successor_is_asked_for_early_enough_to_ripen() {
    let mut bench = Bench::new();
    bench.cache.ripening.insert(slot().index(), 20 * SECOND);
    let _ = bench.ask();
    bench.now += 2 * SECOND;
    bench.refresh(100 * SECOND);
    let life = bench.cache.life().unwrap();
    // Twice what a refresh takes and half of the ripening: more than a fifth of the life.
    assert_eq!(life.deadline - life.soft, 24 * SECOND);
}

#[test]
fn a_hosts_lead_shortens_a_life_by_half_at_most() {
    let mut bench = Bench::new();
    bench.cache.shorten(900 * SECOND);
    let _ = bench.ask();
    let ticket = bench.ticket();
    let stamped = Minted {
        expires_at: Some(WALL + 600 * SECOND),
        ..minted(HeaderValue::from(9), bench.now, 600 * SECOND)
    };
    bench
        .cache
        .refreshed(bench.now, ticket, stamped, 0.0)
        .unwrap();
    assert_eq!(bench.cache.deadline(), Some(bench.now + 300 * SECOND));
}

#[test]
fn a_shorter_token_is_no_successor_unless_the_old_one_was_refused() {
    for refused in [false, true] {
        let mut bench = Bench::with_token(600 * SECOND);
        bench.accepted(1);
        if refused {
            let _ = bench.refused(1);
        } else {
            bench.now += 540 * SECOND;
            let _ = bench.ask();
        }
        let ticket = bench.ticket();
        let shorter = minted(HeaderValue::from(9), bench.now, 30 * SECOND);
        let taken = bench.cache.refreshed(bench.now, ticket, shorter, 0.0);
        assert_eq!(taken.is_ok(), refused);
    }
}

#[test]
fn a_stored_token_handed_out_again_at_its_very_end_is_held_off_too() {
    let mut bench = Bench::new();
    let stored = |now, left| Minted {
        expires_at: Some(WALL + 600 * SECOND),
        ..minted(HeaderValue::from(9), now, left)
    };
    let _ = bench.ask();
    let ticket = bench.ticket();
    let first = stored(bench.now, 600 * SECOND);
    bench
        .cache
        .refreshed(bench.now, ticket, first, 0.0)
        .unwrap();
    bench.now += 600 * SECOND;
    assert!(matches!(bench.ask(), Answer::Wait(_)));
    let ticket = bench.ticket();
    let again = stored(bench.now, Duration::ZERO);
    let kept = bench.cache.refreshed(bench.now, ticket, again, 0.0);
    assert!(kept.is_err());
    assert!(matches!(bench.ask(), Answer::Fail(_)), "held off");
    assert!(bench.cache.order.is_none());
}

#[test]
fn a_token_that_is_over_may_come_again_with_a_new_end() {
    let stamped = |now, end| Minted {
        expires_at: end,
        ..minted(HeaderValue::from(9), now, 600 * SECOND)
    };
    for (first, second) in [
        (None, None),
        (Some(WALL + 600 * SECOND), Some(WALL + 1200 * SECOND)),
    ] {
        let mut bench = Bench::new();
        let _ = bench.ask();
        let ticket = bench.ticket();
        let token = stamped(bench.now, first);
        bench
            .cache
            .refreshed(bench.now, ticket, token, 0.0)
            .unwrap();
        bench.now += 600 * SECOND;
        let _ = bench.ask();
        let ticket = bench.ticket();
        let token = stamped(bench.now, second);
        bench
            .cache
            .refreshed(bench.now, ticket, token, 0.0)
            .unwrap();
        assert_eq!(bench.cache.generation(), 2);
    }
}

#[test]
fn a_token_handed_out_once_more_explains_a_jump_of_the_wall_clock() {
    let mut bench = Bench::with_token(3600 * SECOND);
    let later = WALL + 7200 * SECOND;
    let ask = |bench: &mut Bench| {
        bench
            .cache
            .ask(bench.now, later, Duration::ZERO, &mut Waiting::default())
    };
    assert!(matches!(ask(&mut bench), Answer::Wait(_)));
    let ticket = bench.ticket();
    let same = Minted {
        wall: later,
        ..minted(HeaderValue::from(1), bench.now, 3600 * SECOND)
    };
    let kept = bench.cache.refreshed(bench.now, ticket, same, 0.0);
    assert!(kept.is_err());
    bench.now += 60 * SECOND;
    assert!(matches!(ask(&mut bench), Answer::Attach(_)));
    assert!(
        bench.cache.order.is_none(),
        "the clock was set: all is well"
    );
}

#[test]
fn retry_now_ends_all_hold_offs() {
    let mut bench = Bench::with_token(3600 * SECOND);
    bench.now += 3590 * SECOND;
    let _ = bench.ask();
    bench.fail(TokenError::denied("no"));
    let _ = bench.sends();
    assert!(bench.cache.order.is_none(), "held off");
    bench.cache.retry_now();
    assert!(matches!(bench.ask(), Answer::Wait(_)));
    assert_eq!(bench.cache.take_order().unwrap().attempts, 3);
}

#[test]
fn a_hold_off_ends_at_its_moment() {
    let mut bench = Bench::new();
    let _ = bench.ask();
    bench.fail(TokenError::unavailable("down"));
    let until = bench.now + SECOND;
    assert!(bench.cache.is_held_off(until - NANOSECOND));
    assert!(!bench.cache.is_held_off(until));
    bench.now = until - NANOSECOND;
    assert!(matches!(bench.ask(), Answer::Fail(_)));
    bench.now = until;
    assert!(matches!(bench.ask(), Answer::Wait(_)));
}

#[test]
fn at_its_deadline_a_token_is_sent_no_more() {
    let mut bench = Bench::with_token(100 * SECOND);
    bench.now += 99 * SECOND;
    let _ = bench.ask();
    bench.fail(TokenError::denied("no"));
    bench.now += SECOND - NANOSECOND;
    assert_eq!(bench.sends(), Some(1));
    bench.now += NANOSECOND;
    assert!(matches!(bench.ask(), Answer::Fail(_)));
}

#[test]
fn a_wish_that_is_just_met_renews_nothing() {
    let mut bench = Bench::with_token(100 * SECOND);
    bench.now += 60 * SECOND;
    let wish = |bench: &mut Bench, wish| {
        bench
            .cache
            .ask(bench.now, WALL, wish, &mut Waiting::default())
    };
    assert!(matches!(wish(&mut bench, 40 * SECOND), Answer::Attach(_)));
    assert!(matches!(
        wish(&mut bench, 40 * SECOND + NANOSECOND),
        Answer::Wait(_)
    ));
}

#[test]
fn who_waits_for_a_refresh_takes_the_old_token_at_the_last_call() {
    let mut bench = Bench::with_token(100 * SECOND);
    let life = bench.cache.life().unwrap();
    bench.now = life.hard;
    let mut waiting = Waiting::default();
    let mut ask = |bench: &mut Bench| {
        let now = bench.now;
        bench.cache.ask(now, WALL, Duration::ZERO, &mut waiting)
    };
    assert!(matches!(ask(&mut bench), Answer::Wait(_)));
    assert!(matches!(ask(&mut bench), Answer::Wait(until) if until == life.last_call));
    bench.now = life.last_call - NANOSECOND;
    assert!(matches!(ask(&mut bench), Answer::Wait(until) if until == life.last_call));
    bench.now = life.last_call;
    assert!(matches!(ask(&mut bench), Answer::Attach(token) if token.id == 1));
}

#[test]
fn who_has_nothing_else_waits_until_the_refresh_must_have_been_abandoned() {
    let mut bench = Bench::new();
    let _ = bench.ask();
    let started = bench.now;
    bench.now += 3 * SECOND;
    assert!(matches!(bench.ask(), Answer::Wait(until) if until == started + 16 * SECOND));
}

#[test]
fn who_began_a_refresh_after_a_failure_waits_for_it_and_the_others_do_not() {
    let mut bench = Bench::new();
    let _ = bench.ask();
    bench.fail(TokenError::unavailable("down"));
    bench.now += SECOND;
    let mut one = Waiting::default();
    let mut ask = |bench: &mut Bench| {
        let now = bench.now;
        bench.cache.ask(now, WALL, Duration::ZERO, &mut one)
    };
    assert!(matches!(ask(&mut bench), Answer::Wait(_)));
    assert!(matches!(ask(&mut bench), Answer::Wait(_)), "asked again");
    assert!(matches!(bench.ask(), Answer::Fail(_)));
}

// ===== refusals =====

#[test]
fn another_scheme_in_the_challenge_to_an_accepted_token_is_a_revocation() {
    let mut bench = Bench::with_token(3600 * SECOND);
    bench.accepted(1);
    let challenged = Refusal {
        challenge: Challenge::OtherScheme,
        ..refusal(1)
    };
    let refused = bench.cache.refused(bench.now, challenged);
    assert!(matches!(refused, Refused::Pending(_)));
}

#[test]
fn in_a_hold_off_a_refusal_ends_with_the_remembered_error() {
    for (after, ends) in [(SECOND - NANOSECOND, true), (SECOND, false)] {
        let mut bench = Bench::with_token(100 * SECOND);
        bench.accepted(1);
        bench.now += 85 * SECOND;
        let _ = bench.ask();
        bench.fail(TokenError::unavailable("down"));
        bench.now += after;
        let refused = bench.refused(1);
        assert_eq!(is_final(&refused, "RefreshFailed"), ends, "{refused:?}");
        if ends {
            let joined = bench.refused(1);
            assert!(is_final(&joined, "RefreshFailed"), "{joined:?}");
        }
    }
}

#[test]
fn before_the_next_try_a_suspect_token_costs_nothing_and_a_revoked_one_is_cured() {
    for (accepted, after, pending) in [
        (false, SECOND - NANOSECOND, false),
        (false, SECOND, true),
        (true, SECOND - NANOSECOND, true),
    ] {
        let mut bench = Bench::with_token(3600 * SECOND);
        bench.cache.next_try = Some(bench.now + SECOND);
        if accepted {
            bench.cache.published().unwrap().note_accepted(slot());
        }
        bench.now += after;
        let refused = bench.refused(1);
        assert_eq!(
            matches!(refused, Refused::Pending(_)),
            pending,
            "{refused:?}"
        );
        assert_eq!(bench.cache.order.is_some(), pending);
    }
}

#[test]
fn a_server_in_step_with_the_issue_is_not_behind() {
    let mut bench = Bench::with_token(3600 * SECOND);
    assert!(matches!(bench.refused_at(1, BORN), Refused::Pending(_)));
    assert!(bench.cache.order.is_some(), "another token is asked for");
}

#[test]
fn thirty_seconds_are_waited_for_and_no_more_in_all() {
    for (behind, waited) in [(30 * SECOND, true), (30 * SECOND + NANOSECOND, false)] {
        let mut bench = Bench::with_token(3600 * SECOND);
        let _ = bench.refused_at(1, BORN - behind);
        assert_eq!(bench.cache.order.is_none(), waited);
    }
    let mut bench = Bench::with_token(3600 * SECOND);
    for (after, waited) in [(0, true), (10, true), (1, false)] {
        bench.now += after * SECOND;
        let _ = bench.refused_at(1, BORN - 20 * SECOND);
        assert_eq!(bench.cache.behind.is_none(), waited, "{after}");
    }
}

#[test]
fn of_several_replies_the_one_that_lets_a_token_ripen_first_counts() {
    let mut bench = Bench::with_token(3600 * SECOND);
    let _ = bench.refused_at(1, BORN - 10 * SECOND);
    bench.now += SECOND;
    let _ = bench.refused_at(1, BORN - 5 * SECOND);
    assert!(matches!(bench.ask(), Answer::Wait(until) if until == bench.now + 5 * SECOND));
    let _ = bench.refused_at(1, BORN - 8 * SECOND);
    assert!(matches!(bench.ask(), Answer::Wait(until) if until == bench.now + 5 * SECOND));
    let joined = bench.refused(1);
    assert!(matches!(joined, Refused::Pending(_)), "{joined:?}");
    assert!(bench.cache.order.is_none(), "it has but to wait");
}

#[test]
fn a_late_refusal_of_an_older_token_joins_what_is_under_way() {
    let mut bench = Bench::with_token(3600 * SECOND);
    bench.accepted(1);
    let _ = bench.refused(1);
    bench.refresh(3600 * SECOND);
    // The second one was never accepted: its successor is being tried.
    let _ = bench.refused(2);
    let joined = bench.refused(1);
    assert!(matches!(joined, Refused::Pending(_)), "{joined:?}");
    bench.refresh(3600 * SECOND);
    assert!(matches!(bench.ask(), Answer::Try(token) if token.id == 3));
    let joined = bench.refused(1);
    assert!(matches!(joined, Refused::Pending(_)), "{joined:?}");
    bench.accepted(3);
    assert!(matches!(bench.refused(1), Refused::Replay));
}

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
fn a_refusal_that_joins_takes_from_the_bucket_too() {
    let mut bench = Bench::with_token(3600 * SECOND);
    bench.accepted(1);
    let _ = bench.refused(1);
    let ticket = bench.ticket();
    bench.cache.vanished(ticket);
    while bench.cache.bucket.take(bench.now) {}
    let joined = bench.refused(1);
    assert!(is_final(&joined, "HeldOff"), "{joined:?}");
    assert!(bench.cache.order.is_none());
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
fn a_route_that_refuses_every_token_is_no_witness_in_a_trial() {
    for (known, accepted, witness) in [
        (true, true, false),
        (true, false, true),
        (false, true, true),
    ] {
        let mut bench = Bench::with_token(3600 * SECOND);
        if accepted {
            bench.accepted(1);
        }
        if known {
            bench.cache.routes.refused(bench.now, 7, 1, false);
        }
        bench.cache.verdict = Some(refusal::Verdict::Suspect);
        bench.cache.start(bench.now, Cause::Refused);
        bench.refresh(3600 * SECOND);
        assert!(matches!(bench.ask(), Answer::Try(_)));
        let on_route = Refusal {
            on_trial: true,
            route: Some(7),
            ..refusal(2)
        };
        let refused = bench.cache.refused(bench.now, on_route);
        let still = bench.cache.trial.as_ref().map(|trial| trial.token.id) == Some(2);
        assert_eq!(still, !witness, "{refused:?}");
        assert_eq!(is_final(&refused, "RouteRefuses"), !witness, "{refused:?}");
    }
}

#[test]
fn a_known_route_accuses_no_token_that_is_accepted_elsewhere() {
    for (known, anywhere, accuses) in [
        (true, true, false),
        (true, false, true),
        (false, true, true),
    ] {
        let mut bench = Bench::with_token(3600 * SECOND);
        if known {
            bench.cache.routes.refused(bench.now, 7, 1, false);
        }
        if anywhere {
            bench.cache.published().unwrap().note_accepted(elsewhere());
        }
        let on_route = Refusal {
            route: Some(7),
            ..refusal(1)
        };
        let refused = bench.cache.refused(bench.now, on_route);
        assert_eq!(
            matches!(refused, Refused::Pending(_)),
            accuses,
            "{refused:?}"
        );
    }
}

#[test]
fn a_late_refusal_of_an_old_token_is_no_habit_of_its_route() {
    let mut bench = Bench::with_token(3600 * SECOND);
    let on_route = |id| Refusal {
        route: Some(7),
        ..refusal(id)
    };
    bench.accepted(1);
    let _ = bench.cache.refused(bench.now, on_route(1));
    bench.refresh(3600 * SECOND);
    bench.accepted(2);
    let _ = bench.refused(2);
    bench.refresh(3600 * SECOND);
    bench.accepted(3);
    let _ = bench.cache.refused(bench.now, on_route(2));
    assert!(
        matches!(bench.cache.refused(bench.now, on_route(2)), Refused::Replay),
        "a newer one is there"
    );
    bench.now += SECOND;
    let refused = bench.cache.refused(bench.now, on_route(3));
    assert!(is_final(&refused, "RouteRefuses"), "{refused:?}");
}

#[test]
fn what_an_older_token_waited_for_says_nothing_of_a_newer_one() {
    let mut bench = Bench::with_token(600 * SECOND);
    let _ = bench.refused_at(1, BORN - 20 * SECOND);
    bench.now += 590 * SECOND;
    let _ = bench.ask();
    bench.refresh(600 * SECOND);
    let _ = bench.refused_at(2, BORN - 20 * SECOND);
    assert!(matches!(bench.ask(), Answer::Wait(until) if until == bench.now + 20 * SECOND));
}

#[test]
fn a_late_refusal_waits_with_the_token_that_ripens() {
    let mut bench = Bench::with_token(600 * SECOND);
    bench.accepted(1);
    let _ = bench.refused(1);
    bench.refresh(600 * SECOND);
    let _ = bench.refused_at(2, BORN - 10 * SECOND);
    assert!(matches!(bench.refused(1), Refused::Pending(_)));
    assert!(bench.cache.order.is_none(), "no other is asked for");
}

#[test]
fn a_suspect_token_that_the_issuer_hands_back_stays_suspect() {
    let mut bench = Bench::with_token(600 * SECOND);
    let _ = bench.refused(1);
    let ticket = bench.ticket();
    let same = minted(HeaderValue::from(1), bench.now, 600 * SECOND);
    let kept = bench.cache.refreshed(bench.now, ticket, same, 0.0);
    assert!(kept.is_err() && bench.cache.published().is_none());
}

#[test]
fn those_who_join_take_nothing_from_the_bucket() {
    let mut bench = Bench::with_token(600 * SECOND);
    bench.accepted(1);
    for nth in 0..10 {
        let refused = bench.refused(1);
        assert!(matches!(refused, Refused::Pending(_)), "{nth}: {refused:?}");
    }
}

#[test]
fn a_route_has_no_habit_while_the_new_token_was_not_accepted_elsewhere() {
    let mut bench = Bench::with_token(600 * SECOND);
    let on_route = |id| Refusal {
        route: Some(7),
        ..refusal(id)
    };
    bench.accepted(1);
    let _ = bench.cache.refused(bench.now, on_route(1));
    bench.refresh(600 * SECOND);
    let refused = bench.cache.refused(bench.now, on_route(2));
    assert!(matches!(refused, Refused::Pending(_)), "{refused:?}");
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

// ===== settling =====

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

// ===== trials =====

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

// ===== routes =====

#[test]
fn a_route_is_forgotten_ten_minutes_after_it_refused_or_was_left_alone() {
    let start = Instant::now();
    for (after, known) in [(600 * SECOND - NANOSECOND, true), (600 * SECOND, false)] {
        let mut routes = routes::Routes::default();
        let _ = routes.refused(start, 7, 1, false);
        let _ = routes.refused(start + after, 8, 1, false);
        assert_eq!(routes.is_known(7), known);
    }
}

#[test]
fn of_64_routes_the_one_that_refused_longest_ago_makes_place_for_another() {
    let now = Instant::now();
    let mut routes = routes::Routes::default();
    for route in 1..=64 {
        let _ = routes.refused(now + SECOND * route, route.into(), 1, false);
        assert!(routes.is_known(1));
    }
    let _ = routes.refused(now + 65 * SECOND, 64, 1, false);
    assert_eq!(routes.known().count(), 64);
    assert!(routes.is_known(1), "a known one needs no place");
    let _ = routes.refused(now + 66 * SECOND, 65, 1, false);
    assert_eq!(routes.known().count(), 64);
    assert!(!routes.is_known(1) && routes.is_known(2));
}

#[test]
fn a_quiet_time_ends_at_its_moment() {
    let start = Instant::now();
    let mut routes = routes::Routes::default();
    let _ = routes.refused(start, 7, 1, true);
    assert!(routes.refused(start, 7, 2, true));
    assert!(routes.refused(start + 5 * SECOND - NANOSECOND, 7, 2, true));
    assert!(!routes.refused(start + 5 * SECOND, 7, 2, true));
}
