use super::*;

const SECOND: Duration = Duration::from_secs(1);
const MILLI: Duration = Duration::from_millis(1);
const NO_BOUND: usize = usize::MAX;

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
            pause: Pause::default(),
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
        let latest = self.start + 180 * SECOND;
        self.pause.ask(self.now, place, latest, NO_BOUND)
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
    assert!(bench.pause.is_open(), "none is held any more");
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
    let anew = bench.refused(bench.round, None);
    assert_eq!(anew, SECOND, "nobody asked for ten seconds after the pause");
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
    // Five a second to begin with, three times that a second later.
    let in_first_second = left.iter().filter(|(_, at)| *at < wait + SECOND).count();
    assert!((9..=11).contains(&in_first_second), "{in_first_second}");
    assert!(at(63) < 4 * SECOND, "{:?}", at(63));
    assert!(bench.pause.is_open());
}

#[test]
fn a_pause_resumes_at_the_rate_that_was_proven() {
    let mut bench = Bench::new();
    bench.refused(0, Some(SECOND));
    let mut places: Vec<_> = (0..64).map(|_| bench.arrive()).collect();
    bench.release(&mut places, 3);
    for _ in 0..60 {
        bench.pause.accepted(bench.now, bench.round);
    }
    bench.refused(bench.round, Some(SECOND));
    assert!(
        (bench.pause.rate - 30.0).abs() < 1.0,
        "60 in 2 s: {}",
        bench.pause.rate
    );
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
    assert!(bench.pause.is_open());

    let mut bench = Bench::new();
    bench.refused(0, Some(SECOND));
    let only = bench.arrive();
    bench.pause.leave(&only);
    bench.pause.settle(bench.now);
    assert!(!bench.pause.is_open(), "the pause is on, held or not");
    bench.pass(2 * SECOND);
    bench.pause.settle(bench.now);
    assert!(bench.pause.is_open());
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
fn beyond_the_bound_calls_wait_without_a_place() {
    let mut bench = Bench::new();
    bench.refused(0, Some(SECOND));
    let latest = bench.start + 180 * SECOND;
    let mut places: Vec<_> = (0..5).map(|_| Place::default()).collect();
    for place in &mut places {
        assert!(bench.pause.ask(bench.now, place, latest, 2).is_some());
    }
    assert_eq!(bench.pause.line.len(), 2);
    bench.pause.leave(&places[0]);
    assert!(
        bench
            .pause
            .ask(bench.now, &mut places[4], latest, 2)
            .is_some()
    );
    assert_eq!(bench.pause.line.len(), 2, "there was room again");
}

#[test]
fn who_has_waited_enough_goes_before_its_turn_but_not_into_a_pause() {
    let mut bench = Bench::new();
    bench.refused(0, Some(SECOND));
    let _before: Vec<_> = (0..100).map(|_| bench.arrive()).collect();
    let mut place = Place::default();
    let latest = bench.now + SECOND / 2;
    let until = bench.pause.until(bench.now).unwrap();
    assert_eq!(
        bench.pause.ask(bench.now, &mut place, latest, NO_BOUND),
        Some(until)
    );
    bench.now = until;
    assert_eq!(
        bench.pause.ask(bench.now, &mut place, latest, NO_BOUND),
        None
    );
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
