//! What is decided about one key: send, or hold until when.
//!
//! A state machine that is given the time and what happened, and says what to do. No clock, no task, no lock in here.
//!
//! ```text
//!            refused                     its time has come
//!   open ------------> paused, all held ------------------> paced, first come first served
//!    ^                    ^                                   |      |
//!    |                    +------------- refused -------------+      |
//!    +------------------- no limit felt for minutes -----------------+
//! ```
//!
//! Where a quota is known it is paced instead of open.

mod limit;

use std::{collections::VecDeque, time::Duration};

use tokio::time::Instant;

pub(super) use self::limit::Due;
use self::limit::Limit;
use super::{
    hint::Hint,
    learner::Learner,
    pace::{Pace, later},
    quota::Quota,
    step::{FIRST_STEP, step, with_drift},
};

/// So long after a limit was last felt it is remembered: calls are paced and counted.
const FORGET_AFTER: Duration = Duration::from_secs(300);

/// One key's limit, and the line of calls it holds.
#[derive(Debug)]
pub(super) struct Pause {
    limit: Option<Limit>,
    /// The round of refusals that began last. Whatever was sent in an earlier one says nothing new.
    round: u64,
    /// Rounds in a row in which nothing was accepted.
    fruitless: u32,
    quota: Option<Quota>,
    learner: Learner,
    /// When a limit was last felt, since all was forgotten: the end of a pause, or a call that had to wait.
    felt: Option<Instant>,
    /// When a call last asked, or had an answer.
    used: Option<Instant>,
    accepted: u64,
    /// The places of the calls that are held, in order.
    line: VecDeque<u64>,
    arrived: u64,
}

/// A call's place in the order of arrival. It keeps it when it is refused, while any are accepted.
#[derive(Debug, Default)]
pub(super) struct Place {
    number: Option<u64>,
    /// A limit held its call back.
    waited: bool,
}

/// A call was refused.
#[derive(Clone, Copy, Debug)]
pub(super) struct Refused {
    /// Which round had begun last when the call was sent.
    pub(super) sent: u64,
    /// The number for a new round, larger than all before.
    pub(super) round: u64,
    /// What the server asked for.
    pub(super) wait: Option<Duration>,
    /// From 0 to 1: spreads the waits that we choose ourselves.
    pub(super) dice: f64,
}

impl Place {
    /// Whether its call ever asked at a closed gate.
    pub(super) fn is_taken(&self) -> bool {
        self.number.is_some()
    }
}

impl Pause {
    /// Paced from the first call on where a quota is known.
    pub(super) fn new(quota: Option<Quota>) -> Self {
        Self {
            limit: None,
            round: 0,
            fruitless: 0,
            quota,
            learner: learner(quota),
            felt: None,
            used: None,
            accepted: 0,
            line: VecDeque::new(),
            arrived: 0,
        }
    }

    /// Whether calls may pass without asking.
    pub(super) fn is_open(&self) -> bool {
        self.limit.is_none()
    }

    /// When the pause ends, if one is on.
    pub(super) fn until(&self, now: Instant) -> Option<Instant> {
        let until = self.limit.as_ref()?.until;
        (now < until).then_some(until)
    }

    /// How many calls that met the limit were accepted.
    pub(super) fn accepted_in_all(&self) -> u64 {
        self.accepted
    }

    /// Calls a second, if more is known than that there is a limit.
    pub(super) fn rate(&self) -> Option<f64> {
        self.limit.as_ref().and(self.learner.learned())
    }

    /// Whether none is held, by a pause or in line, and none has asked for `quiet`.
    pub(super) fn is_quiet(&self, now: Instant, quiet: Duration) -> bool {
        let long_ago = |used| now.saturating_duration_since(used) >= quiet;
        self.line.is_empty() && self.until(now).is_none() && self.used.is_none_or(long_ago)
    }

    /// What the call at `place` would wait for if it asked now.
    pub(super) fn expected(&self, now: Instant, place: &Place) -> Due {
        let Some(limit) = &self.limit else {
            return Due::at(now);
        };
        // One that has no place yet would be the last in line.
        let before = place.number.map_or(self.line.len(), |number| {
            self.line.binary_search(&number).unwrap_or_else(|at| at)
        });
        limit.due(now, before)
    }

    /// May this call be sent now? `None`: yes. Else it has joined the line.
    pub(super) fn ask(&mut self, now: Instant, place: &mut Place) -> Option<Due> {
        self.settle(now);
        self.touch(now);
        if let (None, Some(quota)) = (&self.limit, self.quota) {
            self.learner.resumes(now);
            let pace = Pace::full(now, self.learner.speed(), quota.at_once());
            self.limit = Some(Limit { until: now, pace });
        }
        let limit = self.limit.as_ref()?;
        let number = *place.number.get_or_insert_with(|| {
            self.arrived += 1;
            self.arrived
        });
        let before = self.line.binary_search(&number).unwrap_or_else(|at| {
            self.line.insert(at, number);
            at
        });
        let due = limit.due(now, before);
        if due.turn <= now {
            return None;
        }
        place.waited = true;
        self.felt = self.felt.max(Some(now));
        Some(due)
    }

    /// The call left, after `ask` allowed it.
    pub(super) fn sent(&mut self, now: Instant, place: &Place) {
        self.leave(place);
        if let Some(limit) = &mut self.limit {
            let wants_more = place.waited || !self.line.is_empty();
            self.learner.left(now, wants_more);
            limit.pace.left(now, self.learner.speed());
        }
    }

    /// The call is not held any more.
    pub(super) fn leave(&mut self, place: &Place) {
        if let Some(at) = place
            .number
            .and_then(|number| self.line.binary_search(&number).ok())
        {
            self.line.remove(at);
        }
    }

    /// A call sent in round `sent` got through.
    pub(super) fn accepted(&mut self, now: Instant, sent: u64) {
        self.touch(now);
        if sent >= self.round {
            self.fruitless = 0;
            self.accepted += 1;
            self.learner.accepted();
        }
    }

    /// It is of use still.
    pub(super) fn touch(&mut self, now: Instant) {
        self.used = Some(now);
    }

    /// The call at `place` was refused: nothing is sent before the time returned.
    pub(super) fn refused(&mut self, now: Instant, place: &mut Place, refused: Refused) -> Instant {
        // A whole herd was sent before the first of it was refused: one piece of evidence, not sixty-four.
        let news = refused.sent >= self.round;
        if news {
            self.round = refused.round;
            self.settle(now);
            self.fruitless = self.fruitless.saturating_add(1);
            // Who found out that nothing gets through yet lets another one find out next: it may be the only one.
            if self.fruitless > 1 {
                *place = Place::default();
            }
        }
        let running = self.limit.as_ref().map(|limit| limit.until);
        let until = match (refused.wait, running) {
            // A moment that is stated again and again, while nothing gets through, is no wait.
            (Some(wait), _) if wait < FIRST_STEP && self.fruitless > 1 => later(
                now,
                with_drift(wait).max(step(self.fruitless, refused.dice)),
            ),
            (Some(wait), _) => later(now, with_drift(wait)),
            // Our own guess is made once a round.
            (None, Some(until)) if !news => until,
            (None, _) => later(now, step(self.fruitless, refused.dice)),
        };
        let until = running.map_or(until, |running| until.max(running));
        if news {
            self.learner.refused(now, until);
        }
        self.touch(now);
        self.felt = Some(until);
        if running != Some(until) {
            // Only of a limit that is known does a refused call count as one that was sent.
            self.hold(until, self.quota.is_some());
            self.learner.resumes(until);
        }
        until
    }

    /// What a server says of its limit, while it is in sight.
    pub(super) fn hinted(&mut self, now: Instant, hint: Hint) {
        let Some(limit) = &self.limit else {
            return;
        };
        if let Some(rate) = hint.rate {
            self.learner.told(rate);
        }
        if let Some((rate, time)) = hint.rest {
            let until = later(now, with_drift(time));
            self.learner.told_of_the_rest(rate, until);
        }
        let Some(wait) = hint.empty_for else {
            return;
        };
        let until = later(now, with_drift(wait));
        if until > limit.until {
            self.felt = Some(until);
            self.hold(until, true);
        }
    }

    /// Nothing leaves before `until`, nor before its turn so far if that is kept.
    fn hold(&mut self, until: Instant, keeps_turn: bool) {
        let at_once = self.quota.map_or(1, |quota| quota.at_once());
        let turn = self.limit.as_ref().filter(|_| keeps_turn);
        let from = turn.map_or(until, |limit| limit.pace.due(0).max(until));
        let pace = Pace::beginning(from, self.learner.speed(), at_once);
        self.limit = Some(Limit { until, pace });
    }

    /// All that was learned is forgotten.
    pub(super) fn forget(&mut self) {
        self.limit = None;
        self.learner = learner(self.quota);
        self.fruitless = 0;
    }

    /// If no limit was felt for long it opens again, or goes on by its quota alone.
    pub(super) fn settle(&mut self, now: Instant) {
        let long_ago = |felt| now.saturating_duration_since(felt) >= FORGET_AFTER;
        if !self.line.is_empty() || !self.felt.is_none_or(long_ago) {
            return;
        }
        if self.quota.is_none() {
            self.forget();
        } else if self.felt.take().is_some() {
            self.fruitless = 0;
            let speed = self.learner.speed();
            self.learner = learner(self.quota);
            self.learner.resumes(now);
            // What left lately, by another speed, counts: to begin anew would be to allow it twice.
            if speed != self.learner.speed() {
                self.hold(now, true);
            }
        }
    }
}

fn learner(quota: Option<Quota>) -> Learner {
    Learner::new(quota.map(|quota| quota.rate()))
}

#[cfg(test)]
mod tests;
