//! Telling people, once, that a clock is wrong, and which.

use std::time::Duration;

use clearance_core::clock::Skew;

/// A skew below this is nobody's concern.
const NOTABLE: Duration = Duration::from_secs(60);

/// What was last said of each server, by name.
#[derive(Debug, Default)]
pub(super) struct Warned(Vec<(String, Duration)>);

impl Warned {
    /// What is to be said now: of a server whose clock is off by more than a minute and was not spoken of, or is off by
    /// another minute since.
    pub(super) fn judge(&mut self, skews: &[(String, Skew)]) -> Option<String> {
        let (name, skew) = skews
            .iter()
            .find(|(name, skew)| is_notable(skew) && self.is_news(name, skew))?;
        self.0.retain(|(known, _)| known != name);
        self.0.push((name.clone(), skew.magnitude()));
        Some(
            if skews.len() > 1 && skews.iter().all(|(_, other)| agree(skew, other)) {
                let all: Vec<_> = skews
                    .iter()
                    .map(|(name, skew)| (name.clone(), skew.magnitude()))
                    .collect();
                self.0 = all;
                let side = if skew.is_server_ahead() {
                    "slow"
                } else {
                    "fast"
                };
                format!(
                    "the local clock is {side}: all {} servers agree on {skew}; synchronise it (NTP)",
                    skews.len()
                )
            } else if skews.len() > 1 {
                format!(
                    "the clock of {name} is off: {skew}, and the other servers do not agree; have it set"
                )
            } else {
                format!(
                    "the clock of {name} and the local one differ: {skew}; check which of them is right"
                )
            },
        )
    }

    fn is_news(&self, name: &str, skew: &Skew) -> bool {
        let known = self.0.iter().find(|(known, _)| known == name);
        known.is_none_or(|(_, said)| said.abs_diff(skew.magnitude()) >= NOTABLE)
    }
}

/// More than a minute, beyond doubt.
fn is_notable(skew: &Skew) -> bool {
    skew.magnitude().saturating_sub(skew.error()) > NOTABLE
}

/// Whether one wrong local clock would explain both.
fn agree(one: &Skew, other: &Skew) -> bool {
    let tolerance = one.error() + other.error() + Duration::from_secs(2);
    is_notable(other)
        && one.is_server_ahead() == other.is_server_ahead()
        && one.magnitude().abs_diff(other.magnitude()) <= tolerance
}
