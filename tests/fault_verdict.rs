//! What was measured in a cell, against what was promised of it.

use std::{fmt, time::Duration};

use crate::{
    fault_table::{Promise, Times, name},
    faults::{Fault, Place},
};

/// What a machine that has better to do may add to a promised time.
const SLACK: Duration = Duration::from_secs(2);
/// The same where nothing is to be done but to tell what is remembered. Less than an attempt takes that nobody should wait for.
const SLACK_REMEMBERED: Duration = Duration::from_secs(1);
/// A cell of the matrix.
#[derive(Clone, Copy)]
pub(crate) struct Cell {
    /// Its place in the table.
    pub(crate) nth: usize,
    pub(crate) name: &'static str,
    pub(crate) fault: Fault,
    pub(crate) attempt: Duration,
    pub(crate) place: Place,
    pub(crate) times: Times,
    pub(crate) promise: Promise,
}

/// What was measured in it.
#[derive(Debug, Default)]
pub(crate) struct Measured {
    pub(crate) lost: usize,
    pub(crate) tokens: usize,
    pub(crate) sends: usize,
    /// Until the last of the callers knew.
    pub(crate) took: Duration,
    /// The same of those who called while the failure was remembered.
    pub(crate) took_again: Duration,
    /// This machine took so long that the hold-off was over: one more attempt is no breach.
    pub(crate) late: usize,
    /// What the lost calls were told, or which life the token has.
    pub(crate) said: String,
    /// What else was not as promised.
    pub(crate) broken: Vec<String>,
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}, {:?}", self.name, name(self.place), self.times)
    }
}

/// What was promised and not kept.
pub(crate) fn breaches(cell: &Cell, measured: &Measured) -> Vec<String> {
    let promise = cell.promise;
    let mut breaches = measured.broken.clone();
    let mut at_most = |what: &str, measured: usize, promised: usize| {
        if measured > promised {
            breaches.push(format!("{what}: {measured}, promised {promised}"));
        }
    };
    at_most("calls lost", measured.lost, promise.lost + measured.late);
    at_most(
        "token requests",
        measured.tokens,
        promise.tokens + measured.late,
    );
    at_most("API sends", measured.sends, promise.sends);
    let millis = |time: Duration| time.as_millis() as usize;
    at_most("ms", millis(measured.took), millis(promise.within + SLACK));
    at_most(
        "ms, remembered",
        millis(measured.took_again),
        millis(SLACK_REMEMBERED),
    );
    let (took, at_least) = (millis(measured.took), millis(promise.at_least));
    if took < at_least {
        breaches.push(format!("ms: {took}, promised {at_least} at least"));
    }
    breaches
}

pub(crate) fn heading() -> String {
    format!(
        "{:39} {:5} {:6} {:>7} {:>5} {:>8} {:>9} {:>5} told",
        "measured/promised", "at", "times", "lost", "token", "sends", "seconds", "again"
    )
}

pub(crate) fn line(cell: &Cell, measured: &Measured) -> String {
    let promise = cell.promise;
    let sends = match promise.sends {
        usize::MAX => String::new(),
        most => format!("{}/{most}", measured.sends),
    };
    let said: String = measured.said.chars().take(110).collect();
    format!(
        "{:39} {:5} {:6} {:>7} {:>5} {:>8} {:>9} {:>5.2} {}{said}",
        cell.name,
        name(cell.place),
        format!("{:?}", cell.times).to_lowercase(),
        format!("{}/{}", measured.lost, promise.lost),
        format!("{}/{}", measured.tokens, promise.tokens),
        sends,
        format!(
            "{:.2}/{}",
            measured.took.as_secs_f64(),
            promise.within.as_secs_f64()
        ),
        measured.took_again.as_secs_f64(),
        "late ".repeat(measured.late),
    )
}
