//! How many calls leave a second: by what was refused, by a quota, by a server's hints.

use super::*;

#[test]
fn the_second_refusal_tells_a_rate() {
    let mut bench = Bench::new();
    bench.refused(0, Some(SECOND));
    assert_eq!(bench.pause.rate(), None);
    let mut places: Vec<_> = (0..64).map(|_| bench.arrive()).collect();
    bench.release(&mut places, 4);
    for _ in 0..60 {
        bench.pause.accepted(bench.now, bench.round);
    }
    bench.refused(bench.round, Some(SECOND));
    // 60 got through in four seconds, that were followed by a pause of one; more than 60 a second was refused.
    let rate = bench.pause.rate().unwrap();
    assert!(rate > 15.0 && rate < 60.0, "{rate}");
}

/// In no time more than `rate` a second and `burst`.
fn never_more(left: &[(usize, Duration)], burst: f64, rate: f64) {
    for (from, (_, start)) in left.iter().enumerate() {
        for (to, (_, end)) in left.iter().enumerate().skip(from) {
            let allowed = burst + rate * (*end - *start).as_secs_f64();
            assert!(
                (to - from + 1) as f64 <= allowed,
                "{from} to {to}: {left:?}"
            );
        }
    }
}

#[test]
fn a_quota_is_kept_from_the_first_call_on() {
    let mut bench = Bench::new();
    bench.pause = Pause::new(Some(Quota::new(40, SECOND).burst(10)));
    let mut places: Vec<_> = (0..100).map(|_| Place::default()).collect();
    let left = bench.release(&mut places, 4);
    assert_eq!(left.len(), 100);
    assert!(left.is_sorted_by_key(|(index, _)| *index), "{left:?}");
    never_more(&left, 10.0, 40.0);
    let took = left[99].1.as_secs_f64();
    assert!(took < 91.0 / 39.0, "{took}");
}

#[test]
fn hints_are_kept_to_while_a_limit_is_in_sight() {
    let mut bench = Bench::new();
    let hint = Hint {
        rate: Some(2.0),
        rest: None,
        empty_for: Some(5 * SECOND),
    };
    bench.pause.hinted(bench.now, hint);
    assert!(bench.pause.is_open());
    bench.refused(0, Some(SECOND));
    bench.pause.hinted(bench.now, hint);
    let mut places: Vec<_> = (0..5).map(|_| bench.arrive()).collect();
    let left = bench.release(&mut places, 9);
    let (first, last) = (left[0].1.as_secs_f64(), left[4].1.as_secs_f64());
    assert!(
        (5.0..5.1).contains(&first) && (6.9..7.1).contains(&last),
        "{left:?}"
    );
}

/// Of what may leave at once half has left just before, by the lower rate's schedule.
#[test]
fn a_quota_is_not_allowed_twice_where_a_lower_rate_is_forgotten() {
    let mut bench = Bench::new();
    bench.pause = Pause::new(Some(Quota::new(60, 60 * SECOND).burst(10)));
    bench.release(&mut [Place::default()], 1);
    bench.pause.accepted(bench.now, 0);
    bench.pass(10 * SECOND);
    let pause = bench.refused(0, Some(60 * SECOND));
    assert!(bench.pause.rate().unwrap() < 0.05);
    bench.pass(pause + FORGET_AFTER - 2 * SECOND);
    let mut places: Vec<_> = (0..45).map(|_| Place::default()).collect();
    let mut left = bench.release(&mut places[..5], 2);
    assert_eq!(left.len(), 5);
    assert!(bench.pause.rate().unwrap() < 0.05);
    left.append(&mut bench.release(&mut places[5..], 60));
    assert!((0.98..1.0).contains(&bench.pause.rate().unwrap()));
    assert_eq!(left.len(), 45);
    never_more(&left, 10.0, 1.0);
    // And it learns as before.
    bench.pause.accepted(bench.now, bench.round);
    bench.refused(bench.round, Some(2 * SECOND));
    assert!(bench.pause.rate().unwrap() < 0.9);
}

#[test]
fn what_a_quota_allows_at_once_does_so_after_any_lull() {
    let mut bench = Bench::new();
    bench.pause = Pause::new(Some(Quota::new(60, 60 * SECOND).burst(10)));
    for _ in 0..2 {
        // More than may leave at once: the last of them wait.
        let mut places: Vec<_> = (0..12).map(|_| Place::default()).collect();
        let left = bench.release(&mut places, 5);
        assert_eq!(left[8].1, left[0].1, "{left:?}");
        assert!(left[9].1 > left[0].1, "{left:?}");
        bench.pass(2 * FORGET_AFTER);
    }
}
