//! What rate does this key allow? Pure arithmetic on what was refused and what got through.
//!
//! It rises until it is refused for the second time (the calls before the first refusal are not counted). What got
//! through since the last pause, that pause's successor included, is a rate that the limit allows; the one that was
//! refused is too much. From between them it goes on, and tries more again after a while: the longer the while, the
//! surer it is.

use tokio::time::Instant;

use super::pace::{Rest, Speed};

/// Calls a second to begin with where nothing is known: four times the lowest limit in wide use.
pub(super) const START: f64 = 20.0;
/// By what the rate grows in a second until it is refused.
const RISE: f64 = 2.0;
/// Beyond this a rate is no restriction. None below the other is learned, though it may be told: a single call is to tell
/// again soon.
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
    /// A limit that is known, one that the server told, and what it said is left until then.
    most: f64,
    told: f64,
    rest: Option<Rest>,
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
            rest: None,
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
        let rate = self.rate.min(self.told);
        Speed {
            rate,
            growth: if rising { RISE } else { 1.0 },
            rest: self.rest.filter(|rest| rest.rate < rate),
        }
    }

    /// Calls a second, if more is known than that there is a limit.
    pub(super) fn learned(&self) -> Option<f64> {
        let speed = self.speed();
        let rate = speed.rest.map_or(speed.rate, |rest| rest.rate);
        (self.knows != Knows::Nothing).then_some(rate)
    }

    /// The server says how many it allows.
    pub(super) fn told(&mut self, rate: f64) {
        self.told = rate.min(TOP);
        if self.knows == Knows::Nothing {
            self.knows = Knows::Roughly;
            self.rate = self.told.min(self.most);
        }
    }

    /// So many are left until then. It says nothing of the time after.
    pub(super) fn told_of_the_rest(&mut self, rate: f64, until: Instant) {
        let rate = rate.min(TOP);
        self.rest = Some(Rest { rate, until });
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

    /// A call left. More is tried only where it was held back or others are, and by the rate alone.
    pub(super) fn left(&mut self, now: Instant, held: bool) {
        let speed = self.speed();
        self.rest = self.rest.filter(|rest| now < rest.until);
        let before = self.left.replace(now).unwrap_or(now);
        // As long as the server's word held calls back, nothing of the rate was tried.
        if !held || speed.rate < self.rate || speed.rest.is_some() {
            return;
        }
        let time = seconds(before, now).min(self.pause);
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
        // Refused was what left, and of that no more leaves than is told.
        self.rate = self.rate.min(self.told);
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
        let bottom = pause.max(0.001).recip().max(BOTTOM).min(self.most);
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
mod tests;
