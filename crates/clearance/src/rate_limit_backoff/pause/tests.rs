//! One key's machine, driven by a clock of its own.

mod expected;
mod length;
mod line;
mod rate;

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
