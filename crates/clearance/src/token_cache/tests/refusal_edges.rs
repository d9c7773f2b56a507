//! Refusals that differ in one thing from those of `refusals`: when, of which token, at which date.

use super::*;

const NANOSECOND: Duration = Duration::from_nanos(1);

/// Whether it is final for a reason that begins so.
pub(super) fn is_final(refused: &Refused, reason: &str) -> bool {
    matches!(refused, Refused::Final(said) if format!("{said:?}").starts_with(reason))
}

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
