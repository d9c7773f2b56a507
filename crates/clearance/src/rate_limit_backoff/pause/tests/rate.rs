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

#[test]
fn a_quota_is_kept_from_the_first_call_on() {
    let mut bench = Bench::new();
    bench.pause = Pause::new(Some(Quota::new(40, SECOND).burst(10)));
    let mut places: Vec<_> = (0..100).map(|_| Place::default()).collect();
    let left = bench.release(&mut places, 4);
    assert_eq!(left.len(), 100);
    assert!(left.is_sorted_by_key(|(index, _)| *index), "{left:?}");
    // In no time more than 40 a second and ten.
    for (from, (_, start)) in left.iter().enumerate() {
        for (to, (_, end)) in left.iter().enumerate().skip(from) {
            let allowed = 10.0 + 40.0 * (*end - *start).as_secs_f64();
            assert!((to - from + 1) as f64 <= allowed, "{from} to {to}");
        }
    }
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
