//! Whose clock is off, by how much, and against whom.

use std::time::Duration;

use crate::{
    diagnosis::{Finding, Mark, Trouble, span},
    examination::Notes,
    gap::{Gap, TOLERABLE},
};

const ISSUER_AND_API: &str = "issuer and API";
const NODES: &str = "API's nodes";
const LOCAL: &str = "local clock";

/// What the clocks show.
pub(crate) struct Clocks<'a> {
    /// The API, such as `https://api.example.com`.
    api_name: &'a str,
    issuer: Option<Gap>,
    /// With all clocks that answer as the API.
    api: Option<Gap>,
    nodes: usize,
    /// How old a token had to be before the API took it, if it refused a younger one.
    ripening: Option<Duration>,
}

impl<'a> Clocks<'a> {
    pub(crate) fn of(notes: &'a Notes) -> Self {
        let host = notes.auth.hosts.first();
        Self {
            api_name: &notes.api,
            issuer: notes.auth.issuer_skew.map(Gap::of),
            api: host.and_then(|host| host.skew).map(Gap::of),
            nodes: host.map_or(0, |host| host.clocks),
            ripening: host.and_then(|host| host.ripening),
        }
    }

    pub(crate) fn judge(&self) -> Vec<Finding> {
        let findings = [self.issuer_and_api(), self.behind_one_name(), self.local()];
        findings.into_iter().flatten().collect()
    }

    /// How far the API is ahead of the issuer. `None` where that cannot be said.
    fn apart(&self) -> Option<Gap> {
        Some(self.one_api()?.minus(self.issuer?))
    }

    /// Whether issuer and API agree. `None` where that cannot be said.
    pub(crate) fn agree(&self) -> Option<bool> {
        self.apart().map(|gap| gap.mark() == Mark::Ok)
    }

    /// Of several clocks only the span is known, which proves nothing against another one.
    fn one_api(&self) -> Option<Gap> {
        self.api.filter(|_| self.nodes < 2)
    }

    fn issuer_and_api(&self) -> Option<Finding> {
        self.issuer.or(self.api)?;
        let api = self.api_name;
        let ripens = self.ripening.map(|age| {
            format!(
                "it refuses tokens that are younger than {}, so each new one is held for that long",
                span(age)
            )
        });
        let Some(gap) = self.apart() else {
            let why = match (self.issuer, self.api) {
                (None, _) => "the issuer did not tell the time".to_owned(),
                (_, None) => format!("{api} did not tell the time"),
                _ => format!("several clocks answer as {api}"),
            };
            let text = format!("not to be compared: {why}");
            return Some(match ripens {
                Some(ripens) => Finding::bad(
                    ISSUER_AND_API,
                    Trouble::TooYoung,
                    format!("{text}; {ripens}"),
                ),
                None => Finding::ok(ISSUER_AND_API, text),
            });
        };
        let text = format!("{api} is {gap} the issuer");
        let harm = match ripens {
            Some(ripens) if gap.mark() == Mark::Ok => {
                let text = format!(
                    "{text} by its dates, which another machine may write, yet {ripens}: have the clocks behind it set (NTP)"
                );
                return Some(Finding::bad(ISSUER_AND_API, Trouble::TooYoung, text));
            }
            Some(ripens) => ripens,
            None if gap.ahead > 0.0 => "tokens may end there that much too early".to_owned(),
            None => "new tokens may be from the future there".to_owned(),
        };
        let text = format!("{text}: {harm}; {}", self.wrong_one());
        Some(match (gap.mark(), self.ripening) {
            (Mark::Ok, _) => Finding::ok(ISSUER_AND_API, format!("{api} is {gap} the issuer")),
            (Mark::Warn, None) => Finding::warn(ISSUER_AND_API, Trouble::ClocksApart, text),
            _ => Finding::bad(ISSUER_AND_API, Trouble::ClocksApart, text),
        })
    }

    /// Of two that disagree it is the one with which the local clock does not side.
    fn wrong_one(&self) -> String {
        let api = self.api_name;
        match self.sides() {
            (true, _) => {
                format!("this machine sides with the issuer, so have the clock of {api} set (NTP)")
            }
            (_, true) => {
                format!("this machine sides with {api}, so have the issuer's clock set (NTP)")
            }
            _ => "this machine sides with neither, so have both clocks checked (NTP)".to_owned(),
        }
    }

    /// Whether the local clock is in step with the issuer, and with the API.
    fn sides(&self) -> (bool, bool) {
        let in_step = |gap: Option<Gap>| gap.is_some_and(|gap| gap.mark() == Mark::Ok);
        (in_step(self.issuer), in_step(self.one_api()))
    }

    fn behind_one_name(&self) -> Option<Finding> {
        let (api, apart) = (self.api_name, 2.0 * self.api?.error);
        Some(match self.nodes {
            ..2 => Finding::ok(NODES, format!("one clock answers as {api}")),
            nodes if apart < TOLERABLE => Finding::ok(
                NODES,
                format!("{nodes} clocks answer as {api}, within {apart:.1} s"),
            ),
            nodes => {
                let text = format!(
                    "{nodes} clocks answer as {api}, up to {apart:.1} s apart: which of them a call meets may decide whether \
                     its token is good; have all of them synchronised (NTP)"
                );
                Finding::bad(NODES, Trouble::SeveralClocks, text)
            }
        })
    }

    /// The local clock is blamed only where issuer and API agree on it.
    fn local(&self) -> Option<Finding> {
        let api = self.api_name;
        let (gap, witness) = match (self.issuer, self.one_api()) {
            (Some(issuer), Some(api_gap)) if self.agree() == Some(true) => {
                // The finer one speaks for both.
                let finer = if issuer.error < api_gap.error {
                    issuer
                } else {
                    api_gap
                };
                return Some(proven(finer, api));
            }
            (Some(_), Some(_)) => return Some(self.local_beside_the_disagreeing()),
            (Some(issuer), None) => (issuer, "the issuer"),
            (None, Some(gap)) => (gap, api),
            (None, None) => return None,
        };
        let local = gap.of_the_local_clock();
        Some(match gap.mark() {
            Mark::Ok => Finding::ok(LOCAL, format!("{local} {witness}")),
            _ => {
                let text =
                    format!("{local} {witness} alone: check which of the two is wrong (NTP)");
                Finding::warn(LOCAL, Trouble::LocalClock, text)
            }
        })
    }

    fn local_beside_the_disagreeing(&self) -> Finding {
        let shown = |gap: Option<Gap>| gap.map(Gap::of_the_local_clock).unwrap_or_default();
        let (issuer, api) = (shown(self.issuer), shown(self.api));
        match self.sides() {
            (true, _) => Finding::ok(LOCAL, format!("{issuer} the issuer")),
            (_, true) => Finding::ok(LOCAL, format!("{api} {}", self.api_name)),
            _ => {
                let text = format!(
                    "{issuer} the issuer, {api} {}: not to be judged while these disagree; check it against a third (NTP)",
                    self.api_name
                );
                Finding::warn(LOCAL, Trouble::LocalClock, text)
            }
        }
    }
}

/// What issuer and API agree on.
fn proven(gap: Gap, api: &str) -> Finding {
    let text = format!("{} the issuer and {api}", gap.of_the_local_clock());
    let advice = "who agree: synchronise this machine (NTP); tokens do not suffer, times in logs and queries do";
    match gap.mark() {
        Mark::Ok => Finding::ok(LOCAL, text),
        Mark::Warn => Finding::warn(LOCAL, Trouble::LocalClock, format!("{text}, {advice}")),
        Mark::Bad => Finding::bad(LOCAL, Trouble::LocalClock, format!("{text}, {advice}")),
    }
}

#[cfg(test)]
mod tests;
