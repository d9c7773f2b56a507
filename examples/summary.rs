//! What a listing comes to.

use std::{fmt, time::Duration};

use clearance::skew_auth::Refreshes;
use clearance_core::clock::Skew;
use clearance_test::sim::Counters;

use crate::{narration::seconds, problem::Problem, simulation::AHEAD};

/// What a listing comes to.
#[derive(Debug)]
pub(crate) struct Summary {
    pub(crate) agents: usize,
    pub(crate) total: usize,
    pub(crate) refreshes: Refreshes,
    pub(crate) cured_401: u64,
    pub(crate) cured_429: u64,
    pub(crate) waited: Duration,
    pub(crate) skew: Option<Skew>,
    /// What the simulated platform counted.
    pub(crate) counters: Option<Counters>,
}

impl Summary {
    /// Whether all agents were listed and, on the simulated platform, whether all was as it should be.
    pub(crate) fn check(&self) -> Result<(), Problem> {
        let must = |good: bool, problem: &str| {
            if good {
                Ok(())
            } else {
                Err(Problem::new(problem))
            }
        };
        must(
            self.agents == self.total,
            "not all agents were listed; list them again",
        )?;
        let Some(counters) = &self.counters else {
            return Ok(());
        };
        let (refusals, limits) = (counters.unauthorized() as u64, counters.throttled() as u64);
        must(
            self.refreshes.total() == 2 && counters.token_requests == 2,
            "there were not two token requests",
        )?;
        must(
            refusals == self.cured_401 && refusals > 0,
            "no 401 was cured, or not every one",
        )?;
        must(
            limits == self.cured_429 && limits > 0,
            "no 429 was waited out, or not every one",
        )?;
        must(
            counters.sent_in_pause == 0,
            "a request was sent before the time that the platform stated",
        )?;
        must(
            self.skew.is_some_and(|skew| skew.covers(AHEAD)),
            "the skew was not measured right",
        )
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            agents,
            total,
            refreshes,
            counters,
            ..
        } = self;
        writeln!(
            f,
            "Agents listed    {agents} of {total}, {} lost",
            total.saturating_sub(*agents)
        )?;
        let Refreshes {
            first,
            ageing,
            expired,
            refused,
            ..
        } = refreshes;
        write!(
            f,
            "Token requests   {} ({first} first, {} renewed in time, {refused} after a 401",
            refreshes.total(),
            ageing + expired
        )?;
        match counters {
            Some(counters) => writeln!(f, "; the platform counted {})", counters.token_requests)?,
            None => f.write_str(")\n")?,
        }
        writeln!(f, "401s cured       {}", self.cured_401)?;
        writeln!(
            f,
            "429s waited out  {}, {} in all",
            self.cured_429,
            seconds(self.waited)
        )?;
        f.write_str("Clock skew       ")?;
        match &self.skew {
            Some(skew) => write!(f, "{skew}")?,
            None => f.write_str("not measured")?,
        }
        if let (Some(skew), Some(_)) = (&self.skew, counters) {
            let within = if skew.covers(AHEAD) {
                "within"
            } else {
                "NOT within"
            };
            write!(
                f,
                "; the simulated +{} are {within} the error bar",
                seconds(AHEAD)
            )?;
        }
        Ok(())
    }
}
