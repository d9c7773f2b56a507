//! Telling people, once, that a clock is wrong, and which.

use std::time::Duration;

use clearance_core::clock::Skew;

/// A skew below this is nobody's concern.
const NOTABLE: Duration = Duration::from_secs(60);

/// What the local clock is called among those that were spoken of.
const LOCAL: &str = "the local clock";

/// What was last said of each clock, by name.
#[derive(Debug, Default)]
pub(super) struct Warned(Vec<(String, Skew)>);

impl Warned {
    /// What is to be said now: of a clock that is off by more than a minute and was not spoken of, or is off by another
    /// minute since, or was right meanwhile.
    pub(super) fn judge(&mut self, skews: &[(String, Skew)]) -> Option<String> {
        self.forget(skews);
        let mut notable = skews.iter().filter(|(_, skew)| is_notable(skew));
        notable.find_map(|(name, skew)| self.say(name, skew, skews))
    }

    fn say(&mut self, name: &str, skew: &Skew, skews: &[(String, Skew)]) -> Option<String> {
        // A server that agrees with this one and as well with a local clock that is right has no say.
        let has_say = |other: &Skew| !agree(skew, other) || other.magnitude() > other.error();
        let heard: Vec<_> = skews.iter().filter(|(_, other)| has_say(other)).collect();
        if heard.len() == 1 {
            return self.note(name, skew).then(|| {
                format!(
                    "the clock of {name} and the local one differ: {skew}; check which of them is right"
                )
            });
        }
        if !heard.iter().all(|(_, other)| agree(skew, other)) {
            return self.note(name, skew).then(|| {
                format!(
                    "the clock of {name} is off: {skew}, and the other servers do not agree; have it set"
                )
            });
        }
        let is_news = self.note(LOCAL, skew);
        for (name, skew) in &heard {
            // Of nobody who agrees is it said again, nor of one that is met later.
            self.note(name, skew);
        }
        is_news.then(|| {
            let side = if skew.is_server_ahead() {
                "slow"
            } else {
                "fast"
            };
            let count = heard.len();
            format!("{LOCAL} is {side}: all {count} servers agree on {skew}; synchronise it (NTP)")
        })
    }

    /// Whether that was not said of this clock before. Then it is, now.
    fn note(&mut self, name: &str, skew: &Skew) -> bool {
        let known = self.0.iter().position(|(known, _)| known == name);
        if known.is_some_and(|known| self.0[known].1.apart(skew) < NOTABLE) {
            return false;
        }
        self.0.retain(|(known, _)| known != name);
        self.0.push((name.to_owned(), *skew));
        true
    }

    /// A clock that is right, beyond doubt, may be spoken of again. If it is a server's, so may the local one.
    fn forget(&mut self, skews: &[(String, Skew)]) {
        let is_right = |skew: &Skew| skew.magnitude() + skew.error() <= NOTABLE;
        for (right, _) in skews.iter().filter(|(_, skew)| is_right(skew)) {
            self.0.retain(|(name, _)| name != right && name != LOCAL);
        }
    }
}

/// More than a minute, beyond doubt.
fn is_notable(skew: &Skew) -> bool {
    skew.magnitude().saturating_sub(skew.error()) > NOTABLE
}

/// Whether one wrong local clock may explain both.
fn agree(one: &Skew, other: &Skew) -> bool {
    one.apart(other) <= one.error() + other.error() + Duration::from_secs(2)
}

#[cfg(test)]
mod tests;
