//! What is promised, as data.

use std::time::Duration;

use crate::{
    fault_rows::rows,
    faults::{Fault, Place},
};

/// How many callers call together.
pub(crate) const CALLERS: usize = 64;
/// How long a token request may take where the default is too long for a test, and the default.
pub(crate) const ATTEMPT: Duration = Duration::from_secs(2);
pub(crate) const LONG_ATTEMPT: Duration = Duration::from_secs(7);
/// How long the application lets its API take, by a time-out of its own.
pub(crate) const API_TIMEOUT: Duration = Duration::from_secs(3);
/// How long a call may wait for its turn at an API that limits for ever.
pub(crate) const MAX_WAIT: Duration = Duration::from_secs(3);

/// How often a fault strikes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Times {
    Once,
    Thrice,
    Ever,
}

/// What is promised of one cell.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Promise {
    /// Calls at most that do not end with the good answer.
    pub(crate) lost: usize,
    /// Token requests at most, up to the one that brought a good token.
    pub(crate) tokens: usize,
    /// Times at most that the callers' requests are sent to the API. Of one that is struck, that is.
    pub(crate) sends: usize,
    /// Until the last of the callers knows, at most.
    pub(crate) within: Duration,
    /// The same at least: a server is left alone for as long as it asked.
    pub(crate) at_least: Duration,
    /// For how long nobody asks for a token after the first failure, at most.
    pub(crate) hold_off: Duration,
    /// What the lost calls are told, or which life the token has. Several texts are separated by ` or `.
    pub(crate) says: &'static str,
}

/// What is promised at one place, or why the fault cannot be there.
pub(crate) enum Column {
    Promised(Vec<Promise>),
    Nonsense(&'static str),
}

pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) fault: Fault,
    /// How long a token request may take.
    pub(crate) attempt: Duration,
    pub(crate) token: Column,
    pub(crate) api: Column,
}

/// Until then a token is good that tells its hour, and one that does not.
pub(crate) const HOUR: &str = "lives 60 min";
pub(crate) const ASSUMED: &str = "lives 5 min";

impl Times {
    pub(crate) const ALL: [Self; 3] = [Self::Once, Self::Thrice, Self::Ever];

    pub(crate) fn count(self) -> usize {
        match self {
            Self::Once => 1,
            Self::Thrice => 3,
            Self::Ever => usize::MAX,
        }
    }
}

// ===== What is promised at the token endpoint =====

type Three<T> = [T; 3];

impl Column {
    /// Nobody knows sooner than after so many tenths of a second.
    fn no_sooner(self, at_least: Three<u64>) -> Self {
        let Self::Promised(mut promises) = self else {
            return self;
        };
        for (promise, tenths) in promises.iter_mut().zip(at_least) {
            promise.at_least = Duration::from_millis(tenths * 100);
        }
        Self::Promised(promises)
    }
}

// ===== What is promised at the token endpoint =====

/// `hold_off` is in seconds, `within` in tenths of them.
fn token(
    lost: Three<usize>,
    tokens: Three<usize>,
    within: Three<u64>,
    hold_off: u64,
    says: Three<&'static str>,
) -> Column {
    Column::Promised(Vec::from([0, 1, 2].map(|nth| Promise {
        lost: lost[nth],
        tokens: tokens[nth],
        sends: usize::MAX,
        within: Duration::from_millis(within[nth] * 100),
        at_least: Duration::ZERO,
        hold_off: Duration::from_secs(hold_off),
        says: says[nth],
    })))
}

/// It is none to a source, and the token has this life.
pub(crate) fn taken(life: &'static str) -> Column {
    token([0; 3], [1; 3], [0; 3], 0, [life; 3])
}

/// Three attempts a refresh, 0.1 to 0.3 s and 0.2 to 0.6 s apart, then a hold-off of a second. While it fails for ever
/// 64 callers are told after the three attempts, 64 more at once, and after the hold-off one of 64 tries once for all.
pub(crate) fn retried(says: &'static str) -> Column {
    let lost = [0, CALLERS, 3 * CALLERS];
    token(lost, [2, 4, 5], [3, 9, 9], 1, [HOUR, says, says])
}

/// The same, each attempt ended by its time-out.
pub(crate) fn timed_out() -> Column {
    let says = "no answer within 2s";
    let attempt = ATTEMPT.as_millis() as u64 / 100;
    let within = [attempt + 3, 3 * attempt + 9, 3 * attempt + 9];
    let lost = [0, CALLERS, 3 * CALLERS];
    let at_least = [attempt, 3 * attempt, 3 * attempt];
    token(lost, [2, 4, 5], within, 1, [HOUR, says, says]).no_sooner(at_least)
}

/// Attempts of 7 s, of which the third is cut off when the refresh has lasted for 15 s. It still tells who did not answer.
pub(crate) fn timed_out_by_default() -> Column {
    let says = "oauth/token: no answer within 7s";
    let lost = [0, CALLERS, 2 * CALLERS];
    token(lost, [2, 4, 4], [73, 150, 150], 1, [HOUR, says, says]).no_sooner([70, 140, 140])
}

/// One attempt a refresh. After each hold-off, of 1, 2 and 4 s, one call finds out how things are.
pub(crate) fn not_retried(says: &'static str) -> Column {
    let lost = [CALLERS, CALLERS + 2, 3 * CALLERS];
    token(lost, [2, 4, 3], [0; 3], 1, [says; 3])
}

/// One attempt a refresh, and a hold-off of an hour, which the application ends.
pub(crate) fn not_before_an_hour(says: &'static str) -> Column {
    let lost = [CALLERS, CALLERS + 2, 2 * CALLERS];
    token(lost, [2, 4, 2], [0; 3], 3600, [says; 3])
}

/// Attempts are so many seconds apart, and so long is the hold-off.
pub(crate) fn throttled(seconds: u64, says: &'static str) -> Column {
    let within = [seconds * 10, seconds * 20, seconds * 20];
    // The end of a longer hold-off is not waited for while the fault is there.
    let tried_anew = usize::from(seconds == 1);
    let lost = [0, CALLERS, (2 + tried_anew) * CALLERS];
    let tokens = [2, 4, 4 + tried_anew];
    token(lost, tokens, within, seconds, [HOUR, says, says]).no_sooner(within)
}

/// The same for a second, counted from when its body is given up, and that is after another second.
pub(crate) fn throttled_unread() -> Column {
    let says = "status 429 (asked to wait 1 s)";
    let lost = [0, CALLERS, 3 * CALLERS];
    token(lost, [2, 4, 5], [20, 50, 50], 1, [HOUR, says, says]).no_sooner([10, 20, 20])
}

// ===== What is promised at the API =====

fn api(
    lost: Three<usize>,
    sends: Three<usize>,
    within: Three<u64>,
    says: Three<&'static str>,
) -> Column {
    Column::Promised(Vec::from([0, 1, 2].map(|nth| Promise {
        lost: lost[nth],
        tokens: 1,
        sends: sends[nth],
        within: Duration::from_millis(within[nth] * 100),
        at_least: Duration::ZERO,
        hold_off: Duration::ZERO,
        says: says[nth],
    })))
}

/// It makes no difference.
pub(crate) fn ignored() -> Column {
    api([0; 3], [CALLERS; 3], [0; 3], [HOUR; 3])
}

/// The caller gets what came: an answer of the server's own, or the client's own error. Nothing is sent again.
pub(crate) fn handed_up(says: &'static str) -> Column {
    api([1, 3, CALLERS], [CALLERS; 3], [0; 3], [says; 3])
}

/// The same, ended by the application's own time-out.
pub(crate) fn given_up(says: &'static str) -> Column {
    let tenths = API_TIMEOUT.as_millis() as u64 / 100;
    api([1, 3, CALLERS], [CALLERS; 3], [tenths; 3], [says; 3])
}

/// All wait for a second, then leave one by one, 15 in the first second. Callers that wait for 3 s at most are refused.
pub(crate) fn waited_out() -> Column {
    let told = "status 429 or is rate limited";
    waited_out_in([12, 12, 30], told).no_sooner([10, 10, 0])
}

/// The same for a time of our own choice, from half a second to a whole one.
pub(crate) fn waited_out_unasked() -> Column {
    waited_out().no_sooner([5, 5, 0])
}

/// The body that never ends is given up after a second. A caller who gets one to read has a time-out of its own.
pub(crate) fn waited_out_unread() -> Column {
    let told = "the caller waits no longer or is rate limited";
    waited_out_in([22, 22, 60], told).no_sooner([10, 10, 0])
}

fn waited_out_in(within: Three<u64>, says: &'static str) -> Column {
    let sends = [CALLERS + 1, CALLERS + 3, CALLERS + 3 * 15];
    api([0, 0, CALLERS], sends, within, [HOUR, HOUR, says])
}

/// Each call waits alone, for 1, 1, 2 s and so on. Callers that wait for 3 s at most are refused after the second time.
pub(crate) fn waited_out_alone() -> Column {
    let sends = [CALLERS + 1, CALLERS + 3, 3 * CALLERS];
    let says = [HOUR, HOUR, "status 503"];
    api([0, 0, CALLERS], sends, [10, 10, 30], says).no_sooner([10, 10, 20])
}

// ===== As text =====

/// The promises as a table of Markdown: once, three times and for ever beside one another.
pub(crate) fn rendered() -> String {
    let mut lines = vec![
        "| fault | at | calls lost | token requests | API sends | seconds | no sooner | held off | told |"
            .to_owned(),
        "|---|---|---|---|---|---|---|---|---|".to_owned(),
    ];
    for row in rows() {
        for (place, column) in [(Place::Token, &row.token), (Place::Api, &row.api)] {
            let place = name(place);
            lines.push(match column {
                Column::Nonsense(why) => format!("| {} | {place} | {why} | | | | | | |", row.name),
                Column::Promised(promises) => {
                    format!("| {} | {place} | {} |", row.name, cells(promises))
                }
            });
        }
    }
    lines.join("\n")
}

pub(crate) fn name(place: Place) -> &'static str {
    match place {
        Place::Token => "token",
        Place::Api => "API",
    }
}

fn cells(promises: &[Promise]) -> String {
    let sends = |promise: &Promise| match promise.sends {
        usize::MAX => String::new(),
        sends => sends.to_string(),
    };
    let hold_off = |promise: &Promise| match promise.hold_off.as_secs() {
        0 => String::new(),
        seconds => format!("{seconds} s"),
    };
    let at_least = |promise: &Promise| promise.at_least.as_secs_f64().to_string();
    let no_sooner = Some(three(promises, at_least)).filter(|text| text != "0");
    [
        three(promises, |promise| promise.lost.to_string()),
        three(promises, |promise| promise.tokens.to_string()),
        three(promises, sends),
        three(promises, |promise| promise.within.as_secs_f64().to_string()),
        no_sooner.unwrap_or_default(),
        three(promises, hold_off),
        promises[2].says.to_owned(),
    ]
    .join(" | ")
}

/// One where all are the same.
fn three(promises: &[Promise], text: impl Fn(&Promise) -> String) -> String {
    let all: Vec<_> = promises.iter().map(text).collect();
    if all.iter().all(|text| *text == all[0]) {
        return all[0].clone();
    }
    all.join(" · ")
}
