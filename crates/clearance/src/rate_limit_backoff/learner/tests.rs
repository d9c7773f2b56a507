//! What is learned, from calls that leave at the learner's own rate.

mod bounded;
mod found;
mod tried;

use std::time::Duration;

use super::*;

const SECOND: Duration = Duration::from_secs(1);

/// A learner, and a clock to drive it with.
struct Drive {
    learner: Learner,
    now: Instant,
}

impl Drive {
    /// After a first refusal, and its pause of a second.
    fn new(most: Option<f64>) -> Self {
        let mut drive = Self {
            learner: Learner::new(most),
            now: Instant::now(),
        };
        drive.refused(SECOND);
        drive
    }

    fn rate(&self) -> f64 {
        self.learner.speed().rate
    }

    /// Calls leave at its rate for so long, and all get through.
    fn pass(&mut self, seconds: f64, held: bool) {
        let end = self.now + Duration::from_secs_f64(seconds);
        while self.now < end {
            self.learner.left(self.now, held);
            self.learner.accepted();
            self.now += Duration::from_secs_f64(1.0 / self.rate());
        }
    }

    fn refused(&mut self, pause: Duration) -> f64 {
        let before = self.rate();
        self.learner.refused(self.now, self.now + pause);
        self.now += pause;
        self.learner.resumes(self.now);
        self.rate() / before
    }
}
