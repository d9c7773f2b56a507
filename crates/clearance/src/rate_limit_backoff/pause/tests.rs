use super::*;

const SECOND: Duration = Duration::from_secs(1);
const MILLI: Duration = Duration::from_millis(1);

/// A machine, and a clock and round numbers to drive it with.
struct Bench {
    pause: Pause,
    start: Instant,
    now: Instant,
    round: u64,
}

impl Bench {
    fn new() -> Self {
        let start = Instant::now();
        Self {
            pause: Pause::new(None),
            start,
            now: start,
            round: 0,
        }
    }

    fn pass(&mut self, time: Duration) {
        self.now += time;
    }

    /// A call sent in round `sent` is refused now. For how long from now is nothing sent?
    fn refused(&mut self, sent: u64, wait: Option<Duration>) -> Duration {
        self.refused_at(&mut Place::default(), sent, wait)
    }

    fn refused_at(&mut self, place: &mut Place, sent: u64, wait: Option<Duration>) -> Duration {
        self.round += 1;
        let refused = Refused {
            sent,
            round: self.round,
            wait,
            dice: 1.0,
        };
        self.pause.refused(self.now, place, refused) - self.now
    }

    fn ask(&mut self, place: &mut Place) -> Option<Instant> {
        self.pause.ask(self.now, place).map(|due| due.turn)
    }

    fn arrive(&mut self) -> Place {
        let mut place = Place::default();
        assert!(self.ask(&mut place).is_some(), "held");
        place
    }

    /// Lets time pass in milliseconds, and sends whoever may go; when did each leave, by its index?
    fn release(&mut self, places: &mut [Place], seconds: u32) -> Vec<(usize, Duration)> {
        let mut left = vec![];
        for _ in 0..seconds * 1000 {
            for (index, place) in places.iter_mut().enumerate() {
                let gone = left.iter().any(|(earlier, _)| *earlier == index);
                if !gone && self.ask(place).is_none() {
                    self.pause.sent(self.now, place);
                    left.push((index, self.now - self.start));
                }
            }
            self.pass(MILLI);
        }
        left
    }
}

#[test]
fn open_until_a_refusal_and_again_after_its_pause() {
    let mut bench = Bench::new();
    assert!(bench.pause.is_open());
    let mut place = Place::default();
    assert_eq!(bench.ask(&mut place), None);
    assert!(!place.is_taken());

    let wait = bench.refused(0, Some(10 * SECOND));
    assert!(
        wait > 10 * SECOND && wait < 10 * SECOND + 11 * MILLI,
        "0.1 % more: {wait:?}"
    );
    let until = bench.now + wait;
    assert_eq!(bench.ask(&mut place), Some(until));
    bench.now = until - MILLI;
    assert_eq!(bench.ask(&mut place), Some(until));
    bench.now = until;
    assert_eq!(bench.ask(&mut place), None);
    bench.pause.sent(bench.now, &place);
    // What was learned is of use for longer than the pause.
    bench.pass(FORGET_AFTER - SECOND);
    bench.pause.settle(bench.now);
    assert!(!bench.pause.is_open());
    bench.pass(SECOND);
    bench.pause.settle(bench.now);
    assert!(bench.pause.is_open());
}

#[test]
fn one_herd_is_one_piece_of_evidence() {
    let mut bench = Bench::new();
    assert_eq!(bench.refused(0, None), SECOND);
    for _ in 0..63 {
        bench.pass(MILLI);
        bench.refused(0, None);
    }
    assert_eq!(bench.pause.until(bench.now), Some(bench.start + SECOND));
    assert_eq!(bench.pause.fruitless, 1);

    // But a time that is stated may lengthen it, never shorten it.
    let wait = bench.refused(0, Some(5 * SECOND));
    assert!(wait > 5 * SECOND);
    assert_eq!(bench.refused(0, Some(2 * SECOND)), wait);
    assert_eq!((bench.pause.fruitless, bench.pause.round), (1, 1));
}

#[test]
fn own_waits_double_to_a_minute_while_nothing_gets_through() {
    let mut bench = Bench::new();
    let mut sent = 0;
    for step in [1, 2, 4, 8, 16, 32, 60, 60, 60] {
        let wait = bench.refused(sent, None);
        assert_eq!(wait, step * SECOND);
        sent = bench.round;
        bench.pass(wait);
    }
    bench.pause.accepted(bench.now, sent - 1);
    assert_eq!(
        bench.refused(sent, None),
        60 * SECOND,
        "sent before the round began"
    );
    sent = bench.round;
    bench.pass(60 * SECOND);
    bench.pause.accepted(bench.now, sent);
    assert_eq!(bench.refused(sent, None), SECOND);

    bench.pass(SECOND);
    assert_eq!(bench.refused(bench.round, None), 2 * SECOND);
    bench.pass(13 * SECOND);
    let on = bench.refused(bench.round, None);
    assert_eq!(on, 4 * SECOND, "whatever is sent so soon after is counted");
    bench.pass(on + FORGET_AFTER);
    let anew = bench.refused(bench.round, None);
    assert_eq!(anew, SECOND, "forgotten");
}

#[test]
fn own_waits_are_spread_over_the_upper_half() {
    for (dice, millis) in [(0.0, 500), (0.5, 750), (1.0, 1000), (7.0, 1000)] {
        assert_eq!(step(1, dice), millis * MILLI);
    }
    assert_eq!(step(u32::MAX, 1.0), 60 * SECOND);
    assert_eq!(with_drift(Duration::MAX), Duration::MAX);
}

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
fn hints_are_kept_to_while_a_limit_is_in_sight() {
    let mut bench = Bench::new();
    let hint = Hint {
        rate: Some(2.0),
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
    let daily = Hint {
        rate: None,
        empty_for: Some(3600 * SECOND),
    };
    bench.pause.hinted(bench.now, daily);
    assert_eq!(bench.pause.until(bench.now), None);
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

#[test]
fn a_late_refusal_of_an_old_call_pauses_again_only_for_a_stated_time() {
    let mut bench = Bench::new();
    bench.refused(0, Some(SECOND));
    let _held = [bench.arrive(), bench.arrive()];
    bench.pass(2 * SECOND);
    bench.refused(0, None);
    assert_eq!(bench.pause.until(bench.now), None);
    bench.refused(0, Some(SECOND));
    assert!(bench.pause.until(bench.now).is_some());
    assert_eq!(bench.pause.fruitless, 1);
}

#[test]
fn absurd_times_do_not_overflow() {
    let mut bench = Bench::new();
    assert!(bench.refused(0, Some(Duration::MAX)) > 86_400 * SECOND);
    let mut place = bench.arrive();
    assert!(bench.ask(&mut place).is_some());
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

#[test]
fn what_was_asked_for_lately_is_not_quiet() {
    let mut bench = Bench::new();
    assert!(bench.pause.is_quiet(bench.now, SECOND));
    bench.pause.accepted(bench.now, 0);
    bench.pass(SECOND - MILLI);
    assert!(!bench.pause.is_quiet(bench.now, SECOND));
    bench.pass(MILLI);
    assert!(bench.pause.is_quiet(bench.now, SECOND));
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
fn a_pause_is_over_at_its_end() {
    let mut bench = Bench::new();
    let wait = bench.refused(0, Some(SECOND));
    let until = bench.now + wait;
    let before = until - Duration::from_nanos(1);
    assert_eq!(bench.pause.until(before), Some(until));
    assert_eq!(bench.pause.until(until), None);
}

#[test]
fn a_short_wait_is_kept_to_where_it_is_stated_first() {
    let mut bench = Bench::new();
    assert_eq!(bench.refused(0, Some(10 * MILLI)), with_drift(10 * MILLI));
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
