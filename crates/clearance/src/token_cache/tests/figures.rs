//! Settings in and figures out, and what waiting callers remember.

use super::*;

#[test]
fn margins_and_patience_can_be_set() {
    let mut bench = Bench::new();
    bench.cache.set_soft_margin(40 * SECOND);
    bench.cache.set_hard_margin(20 * SECOND);
    bench.cache.set_patience(Duration::MAX);
    assert_eq!(bench.cache.patience, UNLIMITED);
    bench.cache.set_patience(3 * SECOND);
    assert_eq!(bench.cache.patience, 3 * SECOND);
    let _ = bench.ask();
    bench.refresh(100 * SECOND);
    let life = bench.cache.life().unwrap();
    assert_eq!(life.deadline - life.soft, 40 * SECOND);
    assert_eq!(life.deadline - life.hard, 20 * SECOND);
    assert_eq!(bench.cache.deadline(), Some(life.deadline));
}

#[test]
fn what_happened_is_counted() {
    let mut bench = Bench::new();
    assert_eq!((bench.cache.generation(), bench.cache.life()), (0, None));
    assert!(!bench.cache.is_refreshing() && !bench.cache.is_refused());
    let _ = bench.ask();
    assert!(bench.cache.is_refreshing());
    bench.fail(TokenError::unavailable("down"));
    bench.now += SECOND;
    let _ = bench.ask();
    bench.fail(TokenError::unavailable("still down"));
    bench.now += 2 * SECOND;
    let _ = bench.ask();
    bench.refresh(3600 * SECOND);
    assert_eq!(bench.cache.generation(), 1);
    bench.accepted(1);
    let _ = bench.refused(1);
    let _ = bench.refused(1);
    assert!(bench.cache.is_refused());
    bench.refresh(3600 * SECOND);
    assert!(!bench.cache.is_refused() && !bench.cache.is_refreshing());
    assert_eq!(bench.cache.generation(), 2);
    let counts = bench.cache.counts();
    assert_eq!(counts.refreshes, [3, 0, 0, 1]);
    assert_eq!((counts.failures, counts.refusals), (2, 2));
    let error = counts.last_error.as_ref().unwrap().to_string();
    assert!(error.contains("still down"), "{error}");
}

#[test]
fn the_ripening_time_of_each_host_can_be_seen() {
    let mut bench = Bench::with_token(3600 * SECOND);
    let _ = bench.refused_at(1, BORN - 2 * SECOND);
    bench.now += 2 * SECOND;
    bench.accepted(1);
    assert_eq!(bench.cache.ripening_of(slot().index()), Some(2 * SECOND));
    assert_eq!(bench.cache.ripening_of(slot().index() + 1), None);
}

#[test]
fn routes_are_watched_for_five_minutes_after_a_refusal() {
    let mut bench = Bench::with_token(3600 * SECOND);
    let nanosecond = Duration::from_nanos(1);
    assert_eq!(bench.cache.watched_routes(bench.now), None);
    for route in [9, 7, 8] {
        let _ = bench.cache.refused(
            bench.now,
            Refusal {
                route: Some(route),
                ..refusal(1)
            },
        );
    }
    let end = bench.now + 300 * SECOND;
    let watched = bench.cache.watched_routes(end - nanosecond);
    assert_eq!(watched, Some(vec![7, 8, 9]));
    assert_eq!(bench.cache.watched_routes(end), None);
}

#[test]
fn a_second_of_a_hosts_lead_shortens_nothing_and_more_does() {
    let mut bench = Bench::new();
    bench.stamped(Some(WALL + 600 * SECOND));
    let end = bench.now + 600 * SECOND;
    bench.cache.shorten(SECOND);
    assert_eq!(bench.cache.deadline(), Some(end));
    bench.cache.shorten(SECOND + Duration::from_nanos(1));
    assert!(bench.cache.deadline() < Some(end));
}

#[test]
fn half_of_a_callers_own_time_is_for_its_reply() {
    let now = Instant::now();
    let last_call = now + 60 * SECOND;
    let waiting = |deadline| {
        let mut waiting = Waiting::until(deadline);
        waiting.since = Some(now);
        waiting
    };
    let patient = waiting(None);
    assert_eq!(patient.last_call(last_call), last_call);
    let hurried = waiting(Some(now + 10 * SECOND));
    assert_eq!(hurried.last_call(last_call), now + 5 * SECOND);
    assert_eq!(hurried.last_call(now + SECOND), now + SECOND);
    let on = Waiting::on(Some(3), Some(now));
    assert_eq!((on.ticket, on.since()), (Some(3), Some(now)));
    let mut granted = on;
    granted.granted();
    assert_eq!((granted.ticket, granted.since()), (None, Some(now)));
}
