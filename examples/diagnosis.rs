//! From notes to findings that a person can act on.

use std::{fmt, time::Duration};

use crate::{access, clock_findings::Clocks, examination::Notes};

/// How serious a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mark {
    Ok,
    /// Calls succeed, but something should be seen to.
    Warn,
    /// Calls fail, or a clock is far off.
    Bad,
}

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    Address,
    ClocksApart,
    Credentials,
    LocalClock,
    Permission,
    RateLimit,
    Scope,
    Server,
    SeveralClocks,
    ShortLife,
    TokenRefused,
    TooYoung,
    Unreachable,
}

/// One line of the diagnosis.
#[derive(Debug)]
pub(crate) struct Finding {
    pub(crate) mark: Mark,
    /// `None` where all is well.
    pub(crate) trouble: Option<Trouble>,
    about: &'static str,
    text: String,
}

impl Finding {
    pub(crate) fn ok(about: &'static str, text: String) -> Self {
        Self {
            mark: Mark::Ok,
            trouble: None,
            about,
            text,
        }
    }

    pub(crate) fn warn(about: &'static str, trouble: Trouble, text: String) -> Self {
        Self {
            mark: Mark::Warn,
            trouble: Some(trouble),
            about,
            text,
        }
    }

    pub(crate) fn bad(about: &'static str, trouble: Trouble, text: String) -> Self {
        Self {
            mark: Mark::Bad,
            ..Self::warn(about, trouble, text)
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = match self.mark {
            Mark::Ok => "ok",
            Mark::Warn => "warn",
            Mark::Bad => "bad",
        };
        // Reasons come from servers, and a terminal obeys control characters.
        let text = self.text.replace(char::is_control, " ");
        write!(f, "{mark:<5} {:<14} {text}", self.about)
    }
}

/// All that can be said, in the order in which things have to be right.
pub(crate) fn diagnose(notes: &Notes) -> Vec<Finding> {
    let clocks = Clocks::of(notes);
    let mut findings = Vec::new();
    findings.extend(access::token(notes));
    findings.extend(access::lifetime(notes));
    findings.extend(access::calls(notes, clocks.agree()));
    findings.extend(access::limits(notes));
    findings.extend(clocks.judge());
    findings
}

/// What is wrong, each thing once.
pub(crate) fn troubles(findings: &[Finding]) -> Vec<Trouble> {
    let mut troubles = Vec::new();
    for trouble in findings.iter().filter_map(|finding| finding.trouble) {
        if !troubles.contains(&trouble) {
            troubles.push(trouble);
        }
    }
    troubles
}

/// `24 h`, `60 min`, `90 s`, `2.5 s`, `0.02 s`.
pub(crate) fn span(duration: Duration) -> String {
    match duration.as_secs() {
        7_200.. => format!("{} h", duration.as_secs() / 3_600),
        120.. => format!("{} min", duration.as_secs() / 60),
        10.. => format!("{} s", duration.as_secs()),
        1.. => format!("{:.1} s", duration.as_secs_f64()),
        _ => format!("{:.2} s", duration.as_secs_f64()),
    }
}
