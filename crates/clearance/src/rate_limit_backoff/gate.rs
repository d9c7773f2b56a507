//! A key's pause, shared by all its calls, and a call's seat at it.

use std::{
    fmt,
    sync::{Arc, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use super::{
    event,
    hint::Hint,
    key::Key,
    pause::{Due, Pause, Place, Refused},
    quota::Quota,
    signal::Signal,
    status::KeyStatus,
};
use crate::sync::Mutex;

pub(super) struct Gate {
    key: Key,
    signal: Arc<Signal>,
    state: Mutex<State>,
}

struct State {
    pause: Pause,
    /// Of the token whose limits these are, where that matters.
    generation: Option<u64>,
    /// The rate that was last told of in an event.
    told: Option<f64>,
    /// Calls that wait: in line, alone, or for a place in line.
    held: usize,
    refused: u64,
    retried: u64,
    given_up: u64,
}

/// A call's claim on a gate. Dropped, it leaves no trace.
#[derive(Debug)]
pub(super) struct Seat {
    gate: Arc<Gate>,
    place: Place,
    held: bool,
    /// How many others had got through when this call was first refused.
    others: Option<u64>,
}

// ===== impl Gate =====

impl Gate {
    pub(super) fn new(key: Key, signal: Arc<Signal>, quota: Option<Quota>) -> Self {
        let state = State {
            pause: Pause::new(quota),
            generation: None,
            told: None,
            held: 0,
            refused: 0,
            retried: 0,
            given_up: 0,
        };
        Self {
            key,
            signal,
            state: Mutex::new(state),
        }
    }

    /// Opens the gate if no limit was felt for long, and tells whether it holds nobody and was not asked for `quiet`.
    pub(super) fn is_idle(&self, now: Instant, quiet: Duration) -> bool {
        self.with(|state| {
            state.pause.settle(now);
            state.pause.is_quiet(now, quiet)
        })
    }

    /// All that was learned is forgotten, and the limit is out of sight.
    pub(super) fn forget(&self) {
        self.with(|state| state.pause.forget());
    }

    pub(super) fn status(&self, now: Instant) -> KeyStatus {
        self.with(|state| KeyStatus {
            key: self.key.to_string(),
            held: state.held,
            pause: state.pause.until(now).map(|until| until - now),
            rate: state.pause.rate(),
            refused: state.refused,
            retried: state.retried,
            given_up: state.given_up,
        })
    }

    fn with<T>(&self, decide: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let was_open = state.pause.is_open();
        let decided = decide(&mut state);
        match (was_open, state.pause.is_open()) {
            (true, false) => self.signal.one_more_limited(),
            (false, true) => self.signal.one_less_limited(),
            _ => {}
        }
        let rate = state.pause.rate();
        let news = is_news(state.told, rate);
        if news {
            state.told = rate;
        }
        drop(state);
        if let (true, Some(rate)) = (news, rate) {
            event::paced(&self.key, rate);
        }
        decided
    }
}

/// Whether the rate is another one by a tenth or more.
fn is_news(told: Option<f64>, rate: Option<f64>) -> bool {
    match (told, rate) {
        (Some(told), Some(rate)) => !(0.9..1.1).contains(&(rate / told)),
        (told, rate) => told.is_some() != rate.is_some(),
    }
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gate")
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}

// ===== impl Seat =====

impl Seat {
    pub(super) fn new(gate: Arc<Gate>) -> Self {
        Self {
            gate,
            place: Place::default(),
            held: false,
            others: None,
        }
    }

    pub(super) fn key(&self) -> &Key {
        &self.gate.key
    }

    /// Whether the call has ever had to ask for more than an open gate.
    pub(super) fn met_limit(&self) -> bool {
        self.place.is_taken()
    }

    /// What to wait for; `None`: the call may be sent as soon as it is ready.
    pub(super) fn ask(&mut self, now: Instant) -> Option<Due> {
        let place = &mut self.place;
        self.gate.with(|state| state.pause.ask(now, place))
    }

    /// The same, for a call that is sent in the very moment in which it is allowed to.
    pub(super) fn pass(&mut self, now: Instant) -> Option<Due> {
        let (place, held) = (&mut self.place, &mut self.held);
        let retry = self.others.is_some();
        self.gate.with(|state| {
            let due = state.pause.ask(now, place);
            if due.is_none() {
                state.pause.sent(now, place);
                state.retried += u64::from(retry);
                state.held -= usize::from(std::mem::take(held));
            }
            due
        })
    }

    /// Limits are felt by one token, say, and this is the number of the present one: those of an earlier one are void.
    pub(super) fn renew(&self, generation: u64) {
        self.gate.with(|state| {
            if state.generation.replace(generation) != Some(generation) {
                state.pause.forget();
            }
        });
    }

    /// The call is held from now on, unless `most` are already.
    pub(super) fn hold(&mut self, most: usize) -> bool {
        let held = &mut self.held;
        self.gate.with(|state| {
            *held = state.held < most;
            state.held += usize::from(*held);
            *held
        })
    }

    /// The call is held no longer.
    pub(super) fn release(&mut self) {
        let held = &mut self.held;
        self.gate
            .with(|state| state.held -= usize::from(std::mem::take(held)));
    }

    pub(super) fn accepted(&self, now: Instant, sent: u64) {
        self.gate.with(|state| state.pause.accepted(now, sent));
    }

    /// What the server says of its limit.
    pub(super) fn hinted(&self, now: Instant, hint: Hint) {
        self.gate.with(|state| state.pause.hinted(now, hint));
    }

    /// What the call would wait for if it asked now.
    pub(super) fn expected(&self, now: Instant) -> Due {
        let place = &self.place;
        self.gate.with(|state| state.pause.expected(now, place))
    }

    /// Whether others got through since this call was first refused.
    pub(super) fn others_got_through(&self) -> bool {
        let accepted = self.gate.with(|state| state.pause.accepted_in_all());
        self.others.is_some_and(|before| accepted > before)
    }

    /// Holds all calls of the key. Until when?
    pub(super) fn limited(&mut self, now: Instant, sent: u64, wait: Option<Duration>) -> Instant {
        let refused = Refused {
            sent,
            round: self.gate.signal.next_round(),
            wait,
            dice: fastrand::f64(),
        };
        let place = &mut self.place;
        self.gate
            .with(|state| state.pause.refused(now, place, refused))
    }

    pub(super) fn count_refused(&mut self, now: Instant) {
        let others = &mut self.others;
        self.gate.with(|state| {
            state.refused += 1;
            state.pause.touch(now);
            others.get_or_insert(state.pause.accepted_in_all());
        });
    }

    pub(super) fn count_given_up(&self) {
        self.gate.with(|state| state.given_up += 1);
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let Self {
            gate, place, held, ..
        } = self;
        gate.with(|state| {
            state.pause.leave(place);
            state.held -= usize::from(*held);
        });
    }
}

#[cfg(test)]
mod tests;
