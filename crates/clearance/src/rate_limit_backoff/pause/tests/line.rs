//! In which order the held calls leave, and what becomes of a place in the line.

use super::*;

#[test]
fn calls_leave_in_the_order_of_arrival_and_ever_faster() {
    let mut bench = Bench::new();
    let wait = bench.refused(0, Some(SECOND));
    let mut places: Vec<_> = (0..64).map(|_| bench.arrive()).collect();
    let left = bench.release(&mut places, 5);
    assert_eq!(left.len(), 64);
    assert!(left.is_sorted_by_key(|(index, _)| *index), "{left:?}");
    let at = |index: usize| left[index].1;
    assert!(at(0) >= wait && at(0) <= wait + MILLI);
    // Fifteen a second to begin with, three times that a second later.
    let in_first_second = left.iter().filter(|(_, at)| *at < wait + SECOND).count();
    assert!((26..=29).contains(&in_first_second), "{in_first_second}");
    assert!(at(63) < 3 * SECOND, "{:?}", at(63));
}

#[test]
fn a_retry_keeps_its_place_while_any_are_accepted() {
    for (accepted, expected) in [(true, [0, 1, 2]), (false, [1, 2, 0])] {
        let mut bench = Bench::new();
        bench.refused(0, Some(SECOND));
        let mut places = [bench.arrive(), bench.arrive(), bench.arrive()];
        assert_eq!(bench.release(&mut places[..1], 2).len(), 1);
        if accepted {
            bench.pause.accepted(bench.now, bench.round);
        }
        bench.refused_at(&mut places[0], bench.round, Some(SECOND));
        bench.ask(&mut places[0]);
        let left = bench.release(&mut places, 3);
        let order: Vec<_> = left.iter().map(|(index, _)| *index).collect();
        assert_eq!(order, expected);
    }
}

#[test]
fn who_leaves_the_line_leaves_no_trace() {
    let mut bench = Bench::new();
    bench.refused(0, Some(SECOND));
    let gone: Vec<_> = (0..500).map(|_| bench.arrive()).collect();
    let mut last = [bench.arrive()];
    for place in &gone {
        bench.pause.leave(place);
        bench.pause.leave(place);
    }
    assert_eq!(bench.pause.line.len(), 1);
    let left = bench.release(&mut last, 2);
    assert!(left[0].1 <= SECOND + 3 * MILLI, "{left:?}");
}

#[test]
fn one_that_is_slow_to_leave_blocks_nobody() {
    let mut bench = Bench::new();
    bench.refused(0, Some(SECOND));
    let _stuck = [bench.arrive(), bench.arrive()];
    let mut places: Vec<_> = (0..20).map(|_| bench.arrive()).collect();
    assert_eq!(bench.release(&mut places, 4).len(), 20);
}
