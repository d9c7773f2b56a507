//! What rate does this key allow? Pure arithmetic on what was refused and what got through.
//!
//! It rises until it is refused for the second time (the calls before the first refusal are not counted). What got
//! through since the last pause, that pause's successor included, is a rate that the limit allows; the one that was
//! refused is too much. From between them it goes on, and tries more again after a while: the longer the while, the
//! surer it is.

use tokio::time::Instant;

use super::pace::Speed;

/// Calls a second to begin with where nothing is known: four times the lowest limit in wide use.
pub(super) const START: f64 = 20.0;
/// By what the rate grows in a second until it is refused.
const RISE: f64 = 2.0;
/// Beyond this a rate is no restriction. None below the other is learned: a single call is to tell again soon.
const TOP: f64 = 1e6;
const BOTTOM: f64 = 0.02;
/// Where the limit is taken to be, from what got through (0) to what was refused (1), after a pause of a second.
const BETWEEN: f64 = 0.35;
/// What is kept of a rate that was found to be too much by little and little.
const CUT: f64 = 0.955;
/// How long a rate is kept before more is tried, at first in pauses, then five times as long, up to 30 s.
const FIRST_HOLD: f64 = 1.5;
const HOLD_GROWTH: f64 = 5.0;
const LONGEST_HOLD: f64 = 30.0;
/// How much more is tried a second: at first, where the limit was once seen, where it was never seen to be, and at most
/// near the last refusal and far beyond it. It doubles every two pauses.
const PROBE: f64 = 0.005;
const UNSURE_PROBE: f64 = 0.015;
const NEAR_PROBE: f64 = 0.015;
const FAR_PROBE: f64 = 0.16;
/// Below this share of what was refused last a rate is a guess, and more is tried sooner: so much at most.
const GUESS: f64 = 0.85;
const GUESS_PROBE: f64 = 0.08;
/// A limit is noticed late: when what may be sent at once is used up, after so many seconds.
const NOTICED: f64 = 2.0;
/// A refusal within so many seconds after a pause may mean that the pause was too short.
const SOON: f64 = 0.5;
/// From so long a pause on it is a window's, and restores the limit whole.
const WINDOW: f64 = 2.0;

/// The rate of one key.
#[derive(Debug)]
pub(super) struct Learner {
    rate: f64,
    /// A limit that is known, and one that the server told.
    most: f64,
    told: f64,
    /// The rate that was refused last.
    refused: f64,
    knows: Knows,
    /// For how many seconds a rate is kept, and was.
    hold: f64,
    kept: f64,
    /// The length of the last pause: all the learner's times grow with it.
    pause: f64,
    cycle: Option<Cycle>,
    left: Option<Instant>,
}

/// From the end of a pause on.
#[derive(Clone, Copy, Debug)]
struct Cycle {
    from: Instant,
    accepted: u32,
    /// There was a pause since that does not count as one.
    goes_on: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Knows {
    Nothing,
    Roughly,
    Well,
}

impl Learner {
    /// Begins at `most` calls a second where a limit is known.
    pub(super) fn new(most: Option<f64>) -> Self {
        let knows = most.map_or(Knows::Nothing, |_| Knows::Well);
        Self {
            rate: most.unwrap_or(START),
            most: most.unwrap_or(TOP),
            told: TOP,
            refused: 0.0,
            knows,
            hold: 0.0,
            kept: 0.0,
            pause: 1.0,
            cycle: None,
            left: None,
        }
    }

    pub(super) fn speed(&self) -> Speed {
        let rising = self.knows == Knows::Nothing;
        Speed {
            rate: self.rate.min(self.told),
            growth: if rising { RISE } else { 1.0 },
        }
    }

    /// Calls a second, if more is known than that there is a limit.
    pub(super) fn learned(&self) -> Option<f64> {
        (self.knows != Knows::Nothing).then_some(self.speed().rate)
    }

    /// The server says how many it allows.
    pub(super) fn told(&mut self, rate: f64) {
        self.told = rate.clamp(BOTTOM, TOP);
        if self.knows == Knows::Nothing {
            self.knows = Knows::Roughly;
            self.rate = self.told.min(self.most);
        }
    }

    /// Calls leave from now on.
    pub(super) fn resumes(&mut self, from: Instant) {
        self.left = Some(from);
        if self.cycle.is_none_or(|cycle| !cycle.goes_on) {
            self.cycle = Some(Cycle {
                from,
                accepted: 0,
                goes_on: false,
            });
        }
    }

    pub(super) fn accepted(&mut self) {
        if let Some(cycle) = &mut self.cycle {
            cycle.accepted = cycle.accepted.saturating_add(1);
        }
    }

    /// A call left. More is tried only while others are `held`.
    pub(super) fn left(&mut self, now: Instant, held: bool) {
        let before = self.left.replace(now).unwrap_or(now);
        if !held {
            return;
        }
        let time = seconds(before, now).min(1.0);
        let growth = if self.knows == Knows::Nothing {
            RISE.powf(time)
        } else {
            self.kept += time;
            1.0 + self.probe() * time
        };
        self.rate = (self.rate * growth).min(self.most);
    }

    /// How much more is tried a second.
    fn probe(&self) -> f64 {
        let trying = self.kept - self.hold;
        if trying < 0.0 {
            return 0.0;
        }
        let is_guess = self.rate < GUESS * self.refused;
        let first = if self.knows == Knows::Well && !is_guess {
            PROBE
        } else {
            UNSURE_PROBE
        };
        let most = if is_guess {
            GUESS_PROBE
        } else if self.rate < 1.1 * self.refused {
            NEAR_PROBE
        } else {
            FAR_PROBE
        };
        (first * (trying / (2.0 * self.pause)).floor().exp2()).min(most)
    }

    /// This rate was refused; nothing leaves before `until`.
    pub(super) fn refused(&mut self, now: Instant, until: Instant) {
        let Some(cycle) = &mut self.cycle else {
            return;
        };
        let (time, pause) = (seconds(cycle.from, now), seconds(now, until));
        cycle.goes_on = cycle.accepted == 0 || (!cycle.goes_on && time < SOON);
        if cycle.goes_on {
            return;
        }
        // The limit allows what got through over the whole cycle, pauses included.
        let least = f64::from(cycle.accepted) / (time + pause);
        // Kept for long, and a little more was too much?
        let by_trying = self.knows != Knows::Nothing && self.kept > self.hold && pause < WINDOW;
        let rate = if by_trying {
            self.rate * CUT / (1.0 + self.probe()).powf(NOTICED)
        } else {
            // The longer a pause is, the more of the limit it restores, and the nearer is the limit to that.
            least + (self.rate - least).max(0.0) * BETWEEN / pause.max(1.0)
        };
        let steady = self.knows != Knows::Nothing && rate > 0.8 * self.refused;
        self.refused = self.rate;
        // After the pause one is allowed, or it would have been longer.
        let bottom = pause.max(0.001).recip().clamp(BOTTOM, self.most);
        self.rate = rate.max(bottom).min(self.most);
        self.pause = pause.clamp(1.0, 60.0);
        let first = FIRST_HOLD * self.pause;
        if by_trying {
            self.knows = Knows::Well;
            let longest = LONGEST_HOLD.max(first);
            self.hold = (self.hold * HOLD_GROWTH).clamp(first, longest);
        } else {
            if !steady {
                self.knows = Knows::Roughly;
            }
            // It was refused where it was thought to be allowed: then it may be allowed where it was refused.
            self.hold = first;
        }
        self.kept = 0.0;
    }
}

fn seconds(from: Instant, to: Instant) -> f64 {
    to.saturating_duration_since(from).as_secs_f64()
}

#[cfg(test)]
mod tests {
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

    #[test]
    fn it_rises_while_calls_are_held() {
        let mut drive = Drive::new(None);
        drive.pass(1.0, false);
        assert_eq!(drive.rate(), START);
        drive.pass(1.0, true);
        let risen = drive.rate() / START;
        assert!((1.9..=2.2).contains(&risen), "{risen}");
        assert_eq!(drive.learner.learned(), None);
        drive.refused(SECOND);
        assert!(drive.learner.learned().is_some());
    }

    #[test]
    fn what_got_through_and_what_was_refused_bound_the_limit() {
        // 400 every ten seconds: 400 got through, and then nothing for the rest of the ten.
        let mut drive = Drive::new(None);
        drive.learner.rate = 100.0;
        drive.learner.knows = Knows::Roughly;
        drive.pass(4.0, false);
        drive.refused(6 * SECOND);
        assert!((43.3..43.8).contains(&drive.rate()), "{}", drive.rate());
        // After a pause of one second it is anybody's guess.
        let mut drive = Drive::new(None);
        drive.learner.rate = 100.0;
        drive.learner.knows = Knows::Roughly;
        drive.pass(1.0, false);
        assert!((0.65..0.75).contains(&drive.refused(SECOND)));
    }

    #[test]
    fn it_is_surer_each_time() {
        let mut drive = Drive::new(None);
        drive.learner.rate = 40.0;
        drive.learner.knows = Knows::Well;
        let mut holds = vec![];
        for _ in 0..5 {
            let hold = drive.learner.hold;
            drive.pass(hold + 3.0, true);
            let less = drive.refused(SECOND);
            assert!((0.9..0.96).contains(&less), "{less}");
            holds.push(drive.learner.hold);
        }
        assert_eq!(holds, [1.5, 7.5, 30.0, 30.0, 30.0]);
        // Nothing is tried before, nor while no call is held.
        let rate = drive.rate();
        drive.pass(29.0, true);
        drive.pass(100.0, false);
        assert_eq!(drive.rate(), rate);
        drive.pass(3.0, true);
        assert!(drive.rate() > rate);
    }

    #[test]
    fn the_longer_a_rate_was_kept_and_the_farther_it_is_the_more_is_tried() {
        let (guess, far) = (GUESS * 100.0, 1.1 * 100.0);
        for (knows, rate, trying, pause, is) in [
            (Knows::Well, 90.0, -0.1, 1.0, 0.0),
            (Knows::Well, 90.0, 0.0, 1.0, 0.005),
            (Knows::Well, 90.0, 1.9, 1.0, 0.005),
            (Knows::Well, 90.0, 2.0, 1.0, 0.01),
            (Knows::Well, 90.0, 4.0, 1.0, 0.015),
            (Knows::Roughly, 90.0, 0.0, 1.0, 0.015),
            (Knows::Roughly, 90.0, 4.0, 1.0, 0.015),
            // The pause was three times as long.
            (Knows::Well, 90.0, 5.9, 3.0, 0.005),
            (Knows::Well, 90.0, 6.0, 3.0, 0.01),
            // Far below what was refused, and beyond it.
            (Knows::Well, guess - 1.0, 0.0, 1.0, 0.015),
            (Knows::Well, guess - 1.0, 99.0, 1.0, 0.08),
            (Knows::Well, guess, 0.0, 1.0, 0.005),
            (Knows::Well, far - 1.0, 99.0, 1.0, 0.015),
            (Knows::Well, far, 4.0, 1.0, 0.02),
            (Knows::Well, far, 99.0, 1.0, 0.16),
        ] {
            let learner = Learner {
                rate,
                refused: 100.0,
                knows,
                hold: 10.0,
                kept: 10.0 + trying,
                pause,
                ..Learner::new(None)
            };
            let probe = learner.probe();
            assert!((probe - is).abs() < 1e-9, "{learner:?}: {probe}, not {is}");
        }
    }

    #[test]
    fn a_rate_is_kept_longer_after_a_longer_pause() {
        for (pause, hold) in [(1, 1.5), (4, 6.0), (100, 90.0)] {
            let mut drive = Drive::new(None);
            drive.pass(1.0, false);
            drive.refused(pause * SECOND);
            assert_eq!(drive.learner.hold, hold);
        }
    }

    #[test]
    fn a_limit_found_nearby_is_still_known_well() {
        for (refused, knows) in [(40.0, Knows::Well), (50.0, Knows::Roughly)] {
            let mut drive = Drive::new(None);
            (drive.learner.rate, drive.learner.refused) = (40.0, refused);
            drive.learner.knows = Knows::Well;
            // 200 in six seconds: somewhat below 36 is what it makes of that.
            drive.pass(5.0, false);
            drive.refused(SECOND);
            assert_eq!(drive.learner.knows, knows);
        }
    }

    #[test]
    fn two_seconds_are_a_window_and_half_a_second_is_not_soon() {
        let mut drive = Drive::new(None);
        drive.learner.rate = 40.0;
        drive.learner.knows = Knows::Well;
        drive.pass(3.0, true);
        assert!(drive.refused(2 * SECOND) < 0.8);
        drive.learner.accepted();
        drive.now += SECOND / 2;
        assert!(drive.refused(SECOND) < 1.0);
    }

    #[test]
    fn a_pause_that_was_too_short_says_nothing() {
        let mut drive = Drive::new(None);
        drive.learner.rate = 40.0;
        drive.learner.knows = Knows::Well;
        assert_eq!(drive.refused(SECOND), 1.0, "nothing got through");
        drive.pass(5.0, true);
        drive.refused(SECOND);
        drive.pass(0.3, true);
        assert_eq!(drive.refused(SECOND), 1.0, "once");
        drive.pass(0.3, true);
        assert!(drive.refused(SECOND) < 0.8, "but not twice in a row");
    }

    /// A server that refuses every call once, however slowly they come.
    #[test]
    fn it_never_falls_below_what_a_pause_promises() {
        let mut drive = Drive::new(None);
        for _ in 0..100 {
            drive.pass(0.6, true);
            drive.refused(SECOND / 10);
        }
        assert!(drive.rate() >= 10.0, "{}", drive.rate());
    }

    #[test]
    fn a_known_limit_is_never_exceeded() {
        let mut drive = Drive::new(Some(40.0));
        assert_eq!(drive.learner.learned(), Some(40.0));
        drive.pass(100.0, true);
        assert_eq!(drive.rate(), 40.0);
        drive.refused(SECOND);
        assert!(drive.rate() < 40.0);
        drive.pass(60.0, true);
        assert_eq!(drive.rate(), 40.0);
    }

    #[test]
    fn what_the_server_tells_bounds_what_was_learned() {
        let mut drive = Drive::new(None);
        drive.learner.told(25.0);
        assert_eq!(drive.learner.learned(), Some(25.0));
        drive.pass(60.0, true);
        assert_eq!(drive.rate(), 25.0);
        drive.learner.told(1e300);
        assert!(drive.rate().is_finite());
    }
}
