//! Refused tokens: revoked, out of scope, on a bad route, too many.

use super::*;

#[test]
fn an_accepted_token_that_is_refused_was_revoked() {
    let mut bench = Bench::with_token(3600 * SECOND);
    bench.cache.accepted(bench.now, 1, slot(), None);
    let Refused::Pending(mut first) = bench.refused(1) else {
        panic!("not pending")
    };
    let Refused::Pending(_) = bench.refused(1) else {
        panic!("the second one joins")
    };
    assert_eq!(bench.sends(), None, "nobody sends it any more");
    assert!(matches!(bench.settle(1, &mut first), Settlement::Wait(_)));
    bench.refresh(3600 * SECOND);
    assert!(matches!(
        bench.settle(1, &mut first),
        Settlement::Ended(Ok(()))
    ));
    assert!(
        matches!(bench.refused(1), Refused::Replay),
        "a late refusal of the old token refuses nothing"
    );
    assert_eq!(bench.sends(), Some(2));
    assert!(bench.cache.order.is_none());
}

/// With many calls at once before the first reply. What was taken for ripening sent the revoked token again.
#[test]
fn an_acceptance_that_a_later_refusal_overtook_is_no_ripening() {
    let mut bench = Bench::with_token(3600 * SECOND);
    let sent = bench.now;
    bench.now += SECOND / 10;
    let Refused::Pending(mut refused) = bench.refused(1) else {
        panic!("not pending")
    };
    bench.cache.accepted(sent, 1, slot(), None);
    assert_eq!(bench.cache.ripening_of(slot().index()), None);
    let Refused::Pending(_) = bench.refused(1) else {
        panic!("it is as bad as before")
    };
    assert_eq!(bench.sends(), None);
    bench.refresh(3600 * SECOND);
    assert!(matches!(
        bench.settle(1, &mut refused),
        Settlement::Ended(Ok(()))
    ));
    assert_eq!(bench.sends(), Some(2));
    bench.accepted(2);
    assert_eq!(bench.sends(), Some(2));
    assert!(bench.cache.order.is_none());
}

#[test]
fn a_waiter_that_is_slow_to_ask_is_told_of_the_second_revocation_too() {
    let mut bench = Bench::with_token(3600 * SECOND);
    bench.accepted(1);
    let Refused::Pending(mut waiting) = bench.refused(1) else {
        panic!("not pending")
    };
    bench.refresh(3600 * SECOND);
    bench.accepted(2);
    assert!(matches!(bench.refused(2), Refused::Pending(_)));
    assert!(matches!(bench.settle(1, &mut waiting), Settlement::Wait(_)));
    bench.refresh(3600 * SECOND);
    assert!(matches!(
        bench.settle(1, &mut waiting),
        Settlement::Ended(Ok(()))
    ));
}

#[test]
fn a_route_that_refuses_what_others_accept_refreshes_nothing() {
    let mut bench = Bench::with_token(3600 * SECOND);
    let on_route = |id| Refusal {
        route: Some(7),
        ..refusal(id)
    };
    for id in 1..3 {
        bench.accepted(id);
        let refused = bench.cache.refused(bench.now, on_route(id));
        if id == 1 {
            assert!(
                matches!(refused, Refused::Pending(_)),
                "it may have been revoked"
            );
            bench.refresh(3600 * SECOND);
        } else {
            assert!(matches!(
                refused,
                Refused::Final(RefusalReason::RouteRefuses)
            ));
        }
    }
    assert!(bench.cache.order.is_none());
    assert_eq!(bench.sends(), Some(2), "everybody else goes on");
    bench.cache.accepted(bench.now, 2, slot(), Some(7));
    assert!(
        matches!(
            bench.cache.refused(bench.now, on_route(2)),
            Refused::Pending(_)
        ),
        "it accepts after all"
    );
}

#[test]
fn a_missing_scope_or_another_scheme_costs_no_token() {
    let mut bench = Bench::with_token(3600 * SECOND);
    for (challenge, reason) in [
        (
            Challenge::InsufficientScope,
            RefusalReason::InsufficientScope,
        ),
        (Challenge::OtherScheme, RefusalReason::OtherScheme),
    ] {
        let refused = bench.cache.refused(
            bench.now,
            Refusal {
                challenge,
                ..refusal(1)
            },
        );
        assert!(matches!(refused, Refused::Final(said) if said.to_string() == reason.to_string()));
    }
    assert!(bench.cache.order.is_none());
    assert_eq!(bench.sends(), Some(1));
}

#[test]
fn refusals_cannot_force_more_refreshes_than_the_bucket_holds() {
    let mut bench = Bench::with_token(3600 * SECOND);
    for id in 1..=6 {
        bench.cache.accepted(bench.now, id, slot(), None);
        assert!(matches!(bench.refused(id), Refused::Pending(_)));
        bench.refresh(3600 * SECOND);
    }
    bench.cache.accepted(bench.now, 7, slot(), None);
    assert!(matches!(
        bench.refused(7),
        Refused::Final(RefusalReason::HeldOff)
    ));
    assert_eq!(bench.sends(), Some(7), "it stays everybody's token");
    bench.now += 10 * SECOND;
    assert!(matches!(bench.refused(7), Refused::Pending(_)));
}

#[test]
fn a_server_that_refuses_everything_is_not_met_with_a_token_for_each_call() {
    let mut bench = Bench::with_token(600 * SECOND);
    let (start, mut asked) = (bench.now, 0);
    while bench.now < start + 1200 * SECOND {
        match bench.ask() {
            Answer::Attach(token) => drop(bench.refused(token.id)),
            Answer::Try(token) => drop(bench.tried(token.id)),
            Answer::Wait(_) | Answer::Fail(_) => {}
        }
        if bench.cache.order.is_some() {
            asked += 1;
            bench.refresh(600 * SECOND);
        }
        bench.now += SECOND / 10;
    }
    assert!(asked <= 40, "{asked} tokens in 20 minutes");
}

#[test]
fn a_token_that_the_issuer_stands_by_is_good_again() {
    let mut bench = Bench::with_token(3600 * SECOND);
    bench.accepted(1);
    assert!(matches!(bench.refused(1), Refused::Pending(_)));
    let ticket = bench.ticket();
    let same = minted(HeaderValue::from(1), bench.now, 3600 * SECOND);
    bench
        .cache
        .refreshed(bench.now, ticket, same, 0.0)
        .unwrap_err();
    assert_eq!(bench.cache.published().map(|token| token.id), Some(1));
}
