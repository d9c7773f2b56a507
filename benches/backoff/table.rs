//! The table, in Markdown.

use std::fmt::Write;

use crate::{
    rivals::Rival,
    runs::{
        BUCKET, BURST_1, BURST_40, FALLS, FIXED, MINUTE, OPEN, Outcome, Run, SLIDING, TEN_SECONDS,
    },
};

type Done = [(Run, Outcome)];
/// What is told of one rival's runs.
type Tell = fn(&[&(Run, Outcome)]) -> String;

/// Limits of 40 a second.
const FORTY: &[&str] = &[BUCKET, BURST_1, BURST_40, FIXED, SLIDING];

const LINES: &[(&str, &str, &[&str], Tell)] = &[
    ("calls that succeed", "100 %", FORTY, |runs| {
        let calls: usize = runs.iter().map(|(_, run)| run.calls.len()).sum();
        let succeeded: usize = runs
            .iter()
            .map(|(_, run)| run.calls.iter().filter(|call| call.succeeded).count())
            .sum();
        format!("{:.2} %", 100.0 * succeeded as f64 / calls as f64)
    }),
    ("longest wait", "≤ 10 s", FORTY, |runs| {
        format!("{:.1} s", most(runs, |_, run| run.longest()))
    }),
    ("longest / median wait, after 5 s", "≤ 3", FORTY, |runs| {
        format!("{:.1}", most(runs, |_, run| run.unfairness(5.0)))
    }),
    (
        "share of the bucket's 40/s, burst 10, seconds 10 to 60: median of 5 runs (least)",
        "≥ 92 % (88 %)",
        &[BUCKET],
        |runs| {
            let main: Vec<_> = runs.iter().copied().filter(|(run, _)| run.main).collect();
            shares(&main, 10.0, 40.0)
        },
    ),
    (
        "the same with other demands, round trips and forms of `Retry-After`: 12 runs",
        "",
        &[BUCKET],
        |runs| {
            let other: Vec<_> = runs.iter().copied().filter(|(run, _)| !run.main).collect();
            shares(&other, 10.0, 40.0)
        },
    ),
    ("the same, burst 1: 5 runs", "≥ 80 %", &[BURST_1], forty),
    ("the same, burst 40: 5 runs", "≥ 80 %", &[BURST_40], forty),
    ("fixed window of 40/1 s: 5 runs", "≥ 80 %", &[FIXED], forty),
    (
        "sliding window of 40/1 s: 5 runs",
        "≥ 80 %",
        &[SLIDING],
        forty,
    ),
    (
        "window of 400/10 s, after the first: 5 runs",
        "≥ 90 %",
        &[TEN_SECONDS],
        forty,
    ),
    (
        "window of 300/60 s, after the first: 5 runs",
        "≥ 90 %",
        &[MINUTE],
        |runs| shares(runs, 60.0, 5.0),
    ),
    (
        "429s per 100 successes after 5 s, limits ≤ 1 s: most",
        "≤ 1",
        FORTY,
        refused,
    ),
    (
        "the same, longer windows: most",
        "≤ 6",
        &[TEN_SECONDS, MINUTE],
        refused,
    ),
    (
        "limit falls 40 → 10/s: share in the first 5 s",
        "≥ 80 %",
        &[FALLS],
        |runs| least(runs, |run| run.rate(30.0, 35.0) * 10.0),
    ),
    ("… in the 15 s after", "≥ 88 %", &[FALLS], |runs| {
        least(runs, |run| run.rate(35.0, 50.0) * 10.0)
    }),
    ("… 429s in these 20 s", "≤ 20", &[FALLS], |runs| {
        format!(
            "{:.0}",
            most(runs, |_, run| run.refusals(30.0, 50.0) as f64)
        )
    }),
    (
        "… and rises again: 90 % of 40/s after",
        "≤ 45 s",
        &[FALLS],
        |runs| {
            let back = |run: &Outcome| {
                let full = |at: &u32| run.rate(f64::from(50 + at), f64::from(55 + at)) >= 36.0;
                (0..45).find(full)
            };
            let all: Option<Vec<_>> = runs.iter().map(|(_, run)| back(run)).collect();
            let longest = all.and_then(|all| all.into_iter().max());
            longest.map_or("not in time".to_owned(), |at| format!("{at} s"))
        },
    ),
    ("… 429s in these 45 s", "≤ 10", &[FALLS], |runs| {
        format!(
            "{:.0}",
            most(runs, |_, run| run.refusals(50.0, 95.0) as f64)
        )
    }),
    (
        "open loop, 200/s for 20 s, 30 s each: calls that succeed (50.5 % is possible), least of 5 runs",
        "≥ 45 %",
        &[OPEN],
        |runs| least(runs, Outcome::succeeded),
    ),
    (
        "… and the longest that a call waited after it was clear that it had to fail¹",
        "≤ 1 s",
        &[OPEN],
        |runs| format!("{:.1} s", most(runs, |_, run| run.in_vain(40.0))),
    ),
];

/// Ours alone: the limit is given.
const QUOTA: &[(&str, &str, Tell)] = &[
    (
        "share of the bucket's 40/s: median of 5 runs (least)",
        "≥ 97 %",
        |runs| shares(runs, 10.0, 40.0),
    ),
    ("429s per 100 successes: most", "≤ 0.2", |runs| {
        format!("{:.2}", most(runs, |_, run| run.refused_percent(0.0)))
    }),
];

pub fn text(done: &Done) -> String {
    let mut text = String::from("| measure | goal |");
    let mut line = |line: String| text.push_str(&line);
    for rival in Rival::ALL {
        line(format!(" {} |", rival.name()));
    }
    line(format!("\n|---|---|{}\n", "---|".repeat(Rival::ALL.len())));
    for (name, goal, rows, tell) in LINES {
        line(format!("| {name} | {goal} |"));
        for rival in Rival::ALL {
            line(format!(" {} |", cell(done, *rival, rows, *tell)));
        }
        line("\n".to_owned());
    }
    line(
        "\n¹ Those before it that got through took, at 40/s, more than the time that it had left.\n".into(),
    );
    line(
        "\nWith `quota(40/s, burst 10)` given:\n\n| measure | goal | clearance |\n|---|---|---|\n"
            .into(),
    );
    for (name, goal, tell) in QUOTA {
        let cell = cell(done, Rival::Quota, &[BUCKET], *tell);
        line(format!("| {name} | {goal} | {cell} |\n"));
    }
    line(
        "\nWith no limit in sight the layer does one atomic load (`cargo test -p clearance no_lock`). What passing through it \
         costs besides, and the copy of the request that a retry needs, is under [Overhead](#overhead).\n"
            .into(),
    );
    line(
        "\nRequests a second at the bucket of 40/s, burst 10; refused ones in red:\n\n".to_owned(),
    );
    for rival in Rival::ALL.iter().chain([&Rival::Quota]) {
        line(format!(
            "![{}](plots/{})\n",
            rival.name(),
            plot_name(*rival)
        ));
    }
    text
}

pub fn plot_name(rival: Rival) -> String {
    let name = rival.name().replace(", ", "-").replace(' ', "-");
    format!("{name}.svg")
}

fn cell(done: &Done, rival: Rival, rows: &[&str], tell: Tell) -> String {
    let mine = |(run, _): &&(Run, Outcome)| run.rival == rival && rows.contains(&run.row);
    let mine: Vec<_> = done.iter().filter(mine).collect();
    if mine.is_empty() {
        return "–".to_owned();
    }
    tell(&mine)
}

fn forty(runs: &[&(Run, Outcome)]) -> String {
    shares(runs, 10.0, 40.0)
}

fn refused(runs: &[&(Run, Outcome)]) -> String {
    format!("{:.1}", most(runs, |_, run| run.refused_percent(5.0)))
}

/// Median and least of what got through of `allowed` a second.
fn shares(runs: &[&(Run, Outcome)], from: f64, allowed: f64) -> String {
    let share = |(run, result): &&(Run, Outcome)| 100.0 * result.rate(from, run.seconds) / allowed;
    let whole = runs.iter().filter(|(run, _)| run.seconds > from);
    let mut shares: Vec<_> = whole.map(share).collect();
    shares.sort_by(f64::total_cmp);
    let mut text = String::new();
    if let Some(least) = shares.first() {
        let (below, above) = (shares[(shares.len() - 1) / 2], shares[shares.len() / 2]);
        let median = f64::midpoint(below, above);
        let _ = write!(text, "{median:.1} % ({least:.1} %)");
    }
    text
}

fn most(runs: &[&(Run, Outcome)], of: impl Fn(&Run, &Outcome) -> f64) -> f64 {
    runs.iter()
        .map(|(run, result)| of(run, result))
        .fold(0.0, f64::max)
}

fn least(runs: &[&(Run, Outcome)], of: impl Fn(&Outcome) -> f64) -> String {
    let least = runs
        .iter()
        .map(|(_, result)| of(result))
        .fold(f64::MAX, f64::min);
    format!("{least:.1} %")
}
