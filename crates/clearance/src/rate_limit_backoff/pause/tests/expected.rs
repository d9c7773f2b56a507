//! When a held call may expect its turn, so that one that would be too late can be refused at once.

use super::{super::limit::LOOK_AGAIN, *};

#[test]
fn the_wait_to_expect_is_the_rest_of_the_pause_and_those_before() {
    let mut bench = Bench::new();
    assert_eq!(
        bench.pause.expected(bench.now, &Place::default()).turn,
        bench.now
    );
    let wait = bench.refused(0, Some(10 * SECOND));
    let first = bench.arrive();
    let _others: Vec<_> = (0..9).map(|_| bench.arrive()).collect();
    let until = bench.now + wait;
    assert_eq!(bench.pause.expected(bench.now, &first).turn, until);
    // Twenty a second, and growing.
    let next = bench.pause.expected(bench.now, &Place::default()).turn;
    assert!(
        next > until + SECOND * 4 / 10 && next < until + SECOND / 2,
        "{:?}",
        next - until
    );
}

#[test]
fn no_turn_comes_before_the_pause_ends() {
    let mut bench = Bench::new();
    bench.refused(0, Some(SECOND));
    let until = bench.pause.until(bench.now).unwrap();
    let places: Vec<_> = (0..10).map(|_| bench.arrive()).collect();
    for place in &places {
        assert!(place.is_taken());
        let due = bench.pause.expected(bench.now, place);
        assert!(until <= due.turn, "{due:?}");
    }
    let last = bench.pause.expected(bench.now, &places[9]);
    assert!(last.turn > until, "{last:?}");
}

#[test]
fn those_further_back_ask_again_before_their_turn() {
    let mut bench = Bench::new();
    let until = bench.now + bench.refused(0, Some(MILLI));
    let places: Vec<_> = (0..3).map(|_| bench.arrive()).collect();
    let now = bench.now;
    let dues = places.iter().map(|it| bench.pause.expected(now, it));
    for (before, due) in dues.enumerate() {
        let early = if before > 1 {
            (due.turn - now) / 5
        } else {
            Duration::ZERO
        };
        let again = (due.turn - early).max(until).min(now + LOOK_AGAIN);
        assert_eq!(due.again, again, "{before}");
        assert!(due.turn < now + LOOK_AGAIN, "{due:?}");
    }
}

/// One in two seconds for a minute by the server's clock, and then ten a second.
#[test]
fn the_wait_to_expect_knows_when_a_window_ends() {
    let mut bench = Bench::new();
    bench.refused(0, Some(SECOND));
    let hint = Hint {
        rate: Some(10.0),
        rest: Some((0.5, 60 * SECOND)),
        empty_for: None,
    };
    bench.pause.hinted(bench.now, hint);
    let mut places: Vec<_> = (0..40).map(|_| bench.arrive()).collect();
    // From when the first one left the others are held by what is left of the window.
    bench.release(&mut places[..1], 2);
    let expected = bench.pause.expected(bench.now, &places[39]).turn - bench.start;
    let left = bench.release(&mut places[1..], 61);
    let times: Vec<_> = left.iter().map(|(_, at)| at.as_secs_f64()).collect();
    assert_eq!(times.len(), 39);
    assert!(times[28] < 59.1 && times[29] > 60.1, "{times:?}");
    let late = times[38] - expected.as_secs_f64();
    assert!((0.0..0.01).contains(&late), "{late}");
}

/// 200 calls a second for 20 s over a bucket of 40/s, burst 10, and each of use for 30 s only: whoever goes away as soon
/// as it is clear that it cannot be in time leaves room for the others.
#[test]
fn the_wait_to_expect_is_good_enough_to_refuse_early() {
    const ROUND_TRIP: Duration = Duration::from_millis(50);
    let mut bench = Bench::new();
    let (mut waiting, mut sent) = (VecDeque::new(), VecDeque::new());
    let (mut tokens, mut done, mut late, mut most_late) = (10.0_f64, 0, 0, Duration::ZERO);
    for milli in 0..55_000_u64 {
        let arrives = milli % 5 == 0 && milli < 20_000;
        if arrives {
            waiting.push_back((bench.now + 30 * SECOND, Place::default()));
        }
        // Every call looks again now and then, the first ones whenever they may leave, and each when it arrives. From
        // the first to the last: who goes away leaves room for those behind.
        let mut looking: Vec<_> = (0..waiting.len()).collect();
        if milli % 500 != 0 {
            looking.retain(|index| *index < 3 || (arrives && *index + 1 == waiting.len()));
        }
        let mut gone = 0;
        for index in looking {
            let (deadline, place): &mut (Instant, Place) = &mut waiting[index - gone];
            if bench.pause.expected(bench.now, place).turn + ROUND_TRIP > *deadline {
                bench.pause.leave(place);
                most_late = most_late.max(bench.now.saturating_duration_since(*deadline));
                waiting.remove(index - gone);
                gone += 1;
                continue;
            }
            if bench.pause.ask(bench.now, place).is_none() {
                bench.pause.sent(bench.now, place);
                let call = waiting.remove(index - gone).unwrap();
                gone += 1;
                sent.push_back((bench.now + ROUND_TRIP, bench.round, tokens >= 1.0, call));
                tokens -= if tokens >= 1.0 { 1.0 } else { 0.0 };
            }
        }
        while sent.front().is_some_and(|(at, ..)| *at <= bench.now) {
            let (_, round, passed, (deadline, mut place)) = sent.pop_front().unwrap();
            if !passed {
                bench.refused_at(&mut place, round, Some(SECOND));
                bench.ask(&mut place);
                waiting.push_front((deadline, place));
                continue;
            }
            bench.pause.accepted(bench.now, round);
            done += usize::from(bench.now <= deadline);
            late += usize::from(bench.now > deadline);
        }
        tokens = (tokens + 0.04).min(10.0);
        bench.pass(MILLI);
    }
    // 2010 are allowed in the 50 s in which an answer is of use; to learn that takes some of them.
    assert!(done >= 1740, "{done} of 4000");
    assert!(late <= 20 && most_late < SECOND, "{late} {most_late:?}");
}
