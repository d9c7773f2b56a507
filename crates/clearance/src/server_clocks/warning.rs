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

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use clearance_core::clock::{ClockAnchor, Observation};
    use tokio::time::Instant;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const MILLI: Duration = Duration::from_millis(1);

    #[derive(Clone, Copy)]
    enum Off {
        Ahead(Duration),
        Behind(Duration),
    }
    use Off::{Ahead, Behind};

    /// A server that is off by that much, give or take `error`.
    fn server(name: &str, off: Off, error: Duration) -> (String, Skew) {
        let (now, wall) = (
            Instant::now().into_std(),
            SystemTime::UNIX_EPOCH + 9999 * SECOND,
        );
        let shown = match off {
            Ahead(by) => wall + by,
            Behind(by) => wall - by,
        };
        let seen = Observation::new(shown - error, 2 * error, now, now);
        let skew = seen.offset(&ClockAnchor::new(now, wall)).skew();
        (name.to_owned(), skew)
    }

    #[test]
    fn more_than_a_minute_beyond_the_error_is_worth_a_word() {
        let said = |off, error| Warned::default().judge(&[server("api", off, error)]);
        assert_eq!(said(Ahead(61 * SECOND), SECOND), None);
        assert_eq!(said(Behind(61 * SECOND), SECOND), None);
        assert_eq!(said(Ahead(90 * SECOND), 40 * SECOND), None);
        assert_eq!(
            said(Ahead(61 * SECOND + MILLI), SECOND).unwrap(),
            "the clock of api and the local one differ: +61.00 s ± 1.00 s, server ahead; check which of them is right"
        );
        assert_eq!(
            said(Behind(300 * SECOND), SECOND).unwrap(),
            "the clock of api and the local one differ: −300.00 s ± 1.00 s, server behind; check which of them is right"
        );
        assert_eq!(Warned::default().judge(&[]), None);
    }

    #[test]
    fn it_is_said_once_and_again_when_it_changed_by_a_minute() {
        let mut warned = Warned::default();
        let mut said = |off| warned.judge(&[server("api", off, SECOND)]).is_some();
        assert!(said(Ahead(100 * SECOND)));
        assert!(!said(Ahead(100 * SECOND)));
        assert!(!said(Ahead(160 * SECOND - MILLI)));
        assert!(said(Ahead(160 * SECOND)));
        assert!(!said(Ahead(100 * SECOND + MILLI)));
        assert!(said(Ahead(100 * SECOND)));
    }

    #[test]
    fn where_all_agree_it_is_the_local_clock_and_nobody_is_named() {
        let mut warned = Warned::default();
        let fast = [
            server("a", Ahead(300 * SECOND), SECOND),
            server("b", Ahead(304 * SECOND), SECOND),
        ];
        assert_eq!(
            warned.judge(&fast).unwrap(),
            "the local clock is slow: all 2 servers agree on +300.00 s ± 1.00 s, server ahead; synchronise it (NTP)"
        );
        assert_eq!(warned.judge(&fast), None, "nor of the second one later");
        let slow = [
            server("a", Behind(304 * SECOND), SECOND),
            server("b", Behind(300 * SECOND), SECOND),
        ];
        let said = Warned::default().judge(&slow).unwrap();
        assert!(said.starts_with("the local clock is fast"), "{said}");
    }

    #[test]
    fn where_they_do_not_agree_each_is_named_in_its_turn() {
        for other in [
            // By a millisecond more than both errors and what two seconds' stamps allow.
            server("b", Ahead(307 * SECOND + MILLI), 3 * SECOND),
            server("b", Behind(300 * SECOND), SECOND),
            server("b", Ahead(Duration::ZERO), SECOND),
        ] {
            let mut warned = Warned::default();
            let off = server("a", Ahead(300 * SECOND), 2 * SECOND);
            let is_off = other.1.magnitude() > NOTABLE;
            let both = [off, other];
            let said = warned.judge(&both).unwrap();
            assert_eq!(
                said,
                "the clock of a is off: +300.00 s ± 2.00 s, server ahead, and the other servers do not agree; have it set"
            );
            let next = warned.judge(&both);
            assert_eq!(next.is_some(), is_off, "{next:?}");
            assert!(next.is_none_or(|said| said.starts_with("the clock of b is off")));
            assert_eq!(warned.judge(&both), None, "of each once");
        }
    }
}
