//! What is decided about one key: send, or hold until when.
//!
//! A state machine that is given the time and what happened, and says what to do. No clock, no task, no lock in here.
//!
//! ```text
//!            refused                     its time has come
//!   open ------------> paused, all held ------------------> paced, first come first served
//!    ^                    ^                                   |      |
//!    |                    +------------- refused -------------+      |
//!    +------------------------- none held any more ------------------+
//! ```

use std::{collections::VecDeque, time::Duration};

use tokio::time::Instant;

use super::pace::{Pace, Proven, START, later};

/// The first wait where the server names none, and the longest that doubling makes of it.
const FIRST_STEP: Duration = Duration::from_secs(1);
const LAST_STEP: Duration = Duration::from_secs(60);

/// One key's limit, and the line of calls it holds.
#[derive(Debug)]
pub(super) struct Pause {
    limit: Option<Limit>,
    /// The round of refusals that began last. Whatever was sent in an earlier one says nothing new.
    round: u64,
    /// Rounds in a row in which nothing was accepted.
    fruitless: u32,
    /// What a pause resumes at.
    rate: f64,
    proven: Proven,
    accepted: u64,
    /// The places of the calls that are held, in order.
    line: VecDeque<u64>,
    arrived: u64,
}

#[derive(Debug)]
struct Limit {
    /// Nothing is sent before.
    until: Instant,
    pace: Pace,
}

/// A call's place in the order of arrival. It keeps it when it is refused, while any are accepted.
#[derive(Debug, Default)]
pub(super) struct Place(Option<u64>);

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

impl Default for Pause {
    fn default() -> Self {
        Self {
            limit: None,
            round: 0,
            fruitless: 0,
            rate: START,
            proven: Proven::default(),
            accepted: 0,
            line: VecDeque::new(),
            arrived: 0,
        }
    }
}

impl Place {
    /// Whether its call ever asked at a closed gate.
    pub(super) fn is_taken(&self) -> bool {
        self.0.is_some()
    }
}

impl Pause {
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

    /// May this call be sent now? `None`: yes. Else it is to ask again at the time given; it has joined the line.
    ///
    /// From `latest` on a call goes before its turn, but not into a pause. Beyond `longest_line` calls wait without
    /// a place, until the line is expected to have left.
    pub(super) fn ask(
        &mut self,
        now: Instant,
        place: &mut Place,
        latest: Instant,
        longest_line: usize,
    ) -> Option<Instant> {
        self.settle(now);
        let limit = self.limit.as_ref()?;
        let number = *place.0.get_or_insert_with(|| {
            self.arrived += 1;
            self.arrived
        });
        let before = match self.line.binary_search(&number) {
            Ok(before) => before,
            Err(before) if self.line.len() < longest_line => {
                self.line.insert(before, number);
                before
            }
            Err(_) => self.line.len(),
        };
        let turn = limit.pace.due(before).min(latest).max(limit.until);
        (now < turn).then_some(turn)
    }

    /// The call left, after `ask` allowed it.
    pub(super) fn sent(&mut self, now: Instant, place: &Place) {
        self.leave(place);
        if let Some(limit) = &mut self.limit {
            limit.pace.left(now);
        }
        self.settle(now);
    }

    /// The call is not held any more.
    pub(super) fn leave(&mut self, place: &Place) {
        if let Some(at) = place
            .0
            .and_then(|number| self.line.binary_search(&number).ok())
        {
            self.line.remove(at);
        }
    }

    /// A call sent in round `sent` got through.
    pub(super) fn accepted(&mut self, now: Instant, sent: u64) {
        if sent >= self.round {
            self.fruitless = 0;
            self.accepted += 1;
            self.proven.accepted(now);
        }
    }

    /// The call at `place` was refused: nothing is sent before the time returned.
    pub(super) fn refused(&mut self, now: Instant, place: &mut Place, refused: Refused) -> Instant {
        // A whole herd was sent before the first of it was refused: one piece of evidence, not sixty-four.
        let news = refused.sent >= self.round;
        if news {
            self.round = refused.round;
            self.settle(now);
            // Calls that pass an open gate are not counted, and in so long a time some did.
            if self.is_open() && self.proven.is_stale(now) {
                self.fruitless = 0;
            }
            self.fruitless = self.fruitless.saturating_add(1);
            self.rate = self.proven.rate(now);
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
        if running == Some(until) {
            return until;
        }
        self.limit = Some(Limit {
            until,
            pace: Pace::beginning(until, self.rate),
        });
        self.proven = Proven::since(until);
        until
    }

    /// Opens again if the pause is over and nobody is held.
    pub(super) fn settle(&mut self, now: Instant) {
        if self.line.is_empty() && self.until(now).is_none() {
            self.limit = None;
        }
    }
}

/// A tenth of a percent more: our clock may run faster than the server's.
pub(super) fn with_drift(wait: Duration) -> Duration {
    wait.saturating_add(wait / 1000)
        .saturating_add(Duration::from_nanos(1))
}

/// 1 s in the first of the fruitless rounds, then doubling to 60 s, of which from a half to all.
fn step(rounds: u32, dice: f64) -> Duration {
    let doubled = FIRST_STEP.saturating_mul(1 << rounds.saturating_sub(1).min(6));
    doubled
        .min(LAST_STEP)
        .mul_f64(0.5 + dice.clamp(0.0, 1.0) / 2.0)
}

#[cfg(test)]
mod tests;
