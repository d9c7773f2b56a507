//! Routes and origins that judge for themselves, and for how long that is remembered.

use super::{refusal_edges::is_final, *};

const NANOSECOND: Duration = Duration::from_nanos(1);

fn elsewhere() -> OriginSlot {
    let uri = "https://b.example.com".parse().unwrap();
    Audience::any()
        .admits(&Method::GET, &uri, &HeaderMap::new())
        .unwrap()
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
