//! Runs all benchmarks and writes `benches/README.md`, with its plots.
//!
//! ```text
//! cargo run -p benches --release --bin report
//! cargo run -p benches --release --bin report -- --without-peers --without-rivals
//! cargo run -p benches --release --bin report -- --again      # writes it from the last run's figures
//! ```

use std::{
    env,
    fmt::Write,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use benches::{
    circumstances::{circumstances, said},
    figures::{self, Figure, Figures},
    goals::{Bound, Goal, goals},
    load::Case,
    plot::{Bar, bars},
    section,
    sides::Side,
    wire,
};
use serde_json::Value;

fn main() {
    let args: Vec<_> = env::args().skip(1).collect();
    let has = |name: &str| args.iter().any(|arg| arg == name);
    let scratch = target().join("benches-report");
    if !has("--again") {
        let _ = fs::remove_dir_all(&scratch);
        fs::create_dir_all(&scratch).expect("a directory for the figures");
        run_all(&scratch, !has("--without-rivals"), !has("--without-peers"));
    }
    let figures = Figures(figures::read(&scratch.join("figures.jsonl")));
    let plots = here("plots");
    fs::create_dir_all(&plots).expect("a directory for the plots");
    for (name, svg) in charts(&figures) {
        fs::write(plots.join(name), svg).expect("a plot is written");
    }
    let text = readme(&figures, &scratch);
    fs::write(here("README.md"), text).expect("the report is written");
    println!("written: {}", here("README.md").display());
}

fn here(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// Where cargo builds: this program is in `release` there.
fn target() -> PathBuf {
    let this = env::current_exe().expect("this program's path");
    let above = this.ancestors().nth(2).expect("it is in a directory there");
    above.to_owned()
}

// ===== running =====

fn run_all(scratch: &Path, rivals: bool, peers: bool) {
    let cargo = |args: &[&str]| {
        println!("== cargo {}", args.join(" "));
        let done = Command::new(env!("CARGO"))
            .args(args)
            .current_dir(here(".."))
            .env(figures::KEPT, scratch.join("figures.jsonl"))
            .env("CRITERION_HOME", scratch.join("criterion"))
            .env("GUNGRAUN_HOME", scratch.join("gungraun"))
            .status();
        let well = done.is_ok_and(|status| status.success());
        if !well {
            println!("== failed: its figures are missing from the report");
        }
    };
    for bench in [
        "allocations",
        "instructions",
        "contention",
        "refresh",
        "overhead",
        "loopback",
    ] {
        let features = if rivals { "rivals" } else { "" };
        cargo(&[
            "bench",
            "-p",
            "benches",
            "--locked",
            "--features",
            features,
            "--bench",
            bench,
        ]);
    }
    if peers {
        cargo(&[
            "bench",
            "--locked",
            "--manifest-path",
            "benches/peers/Cargo.toml",
            "--target-dir",
            &target().join("peers").to_string_lossy(),
        ]);
    }
}

// ===== writing =====

fn readme(figures: &Figures, scratch: &Path) -> String {
    let goals = goals(figures);
    let mut text = format!("{HEAD}\n\n{}\n", circumstances());
    text +=
        "\n## Goals\n\n| # | measure | sketch | goal | measured | |\n|---|---|---|---|---|---|\n";
    for goal in &goals {
        let Goal {
            number,
            measure,
            sketch,
            bound,
            measured,
        } = goal;
        let bound = match bound {
            Bound::Most(most) => format!("≤ {most}"),
            Bound::Least(least) => format!("≥ {least}"),
            Bound::Is(is) => format!("{is}"),
        };
        let met = match goal.is_met() {
            Some(true) => "met",
            Some(false) => "**missed**",
            None => "not measured",
        };
        let measured = measured.map_or_else(|| "–".to_owned(), number_of);
        writeln!(
            text,
            "| {number} | {measure} | {sketch} | {bound} | {measured} | {met} |"
        )
        .expect("a string");
    }
    text += FOOTNOTE;
    let measure = "requests/s over 1 task";
    if let Some(own) = figures.of("contention", Side::Static.name(), "64 tasks", measure) {
        writeln!(
            text,
            "\nTo goal 7: the static header alone went up by {} from 1 to 64 tasks in this run, which is what the machine gave.",
            number_of(own)
        )
        .expect("a string");
    }
    text += &overhead(figures);
    text += &times(scratch);
    text += &contention(figures);
    text += &refresh(figures);
    text += &loopback(figures);
    text += &peers(figures);
    text += &profiles(scratch);
    // Filled by a benchmark of its own.
    let before = fs::read_to_string(here("README.md")).unwrap_or_default();
    if let Some(section) = section::of(&before, section::BACKOFF) {
        text += &format!("\n{section}");
    }
    text + LIMITS
}

const HEAD: &str = "# What the layers cost\n\n\
This file is written by `cargo run -p benches --release --bin report`, which runs all benchmarks. Figures that gate are \
counts (instructions, allocations, bytes); **times are for information**, and told as ratios of sides that took turns in \
one run. *Static header* is tower-http's `AddAuthorizationLayer` with a fixed token: the least that any client does. *Net* \
is what is left when the same run without layers is subtracted.";

const FOOTNOTE: &str = "\n¹ With `ReplayBodyLayer` outermost: its body has a seat for the one copy of the request's head that both \
retrying layers share. A bare `Clone` body has none, so each layer keeps a copy (*whole stack* in the tables below). Extensions \
are cloned by each layer, which is free while there are none.\n";

const LIMITS: &str = "\n## What these figures do not say\n\n\
* Under callgrind a clock is read by a system call, which counts as next to nothing; natively it is 25 to 60 instructions. \
The times have it in them.\n\
* Instructions are not time: caches, branches and locks are in the times alone, and those come from a machine that others use too.\n\
* Counts depend on the compiler and on the versions of `http`, `tower-http` and `tokio` as named above. The gate compares ratios, \
with 10 % of slack.\n\
* The service behind the layers answers at once and is not inlined; requests are made beforehand and dropping them is counted.\n\
* Over the wire, the number of polls depends on what has arrived: the spread of the rounds is told beside it.\n\
* Loopback has no TLS and no distance: over a real network all of this is a smaller part of the whole.\n";

fn number_of(value: f64) -> String {
    let digits = match value.abs() {
        value if value.fract() == 0.0 => 0,
        100.0.. => 0,
        10.0.. => 1,
        _ => 2,
    };
    format!("{value:.digits$}")
}

/// A table with a row for each of `rows` and a column for each of `columns`.
fn table(
    corner: &str,
    rows: &[String],
    columns: &[String],
    cell: impl Fn(&str, &str) -> Option<f64>,
) -> String {
    let mut text = format!(
        "\n| {corner} | {} |\n|---{}|\n",
        columns.join(" | "),
        "|---".repeat(columns.len())
    );
    for row in rows {
        let cells: Vec<_> = columns.iter().map(|column| cell(row, column)).collect();
        if cells.iter().all(Option::is_none) {
            continue;
        }
        let cells = cells
            .into_iter()
            .map(|cell| cell.map_or_else(|| "–".to_owned(), number_of));
        writeln!(
            text,
            "| {row} | {} |",
            cells.collect::<Vec<_>>().join(" | ")
        )
        .expect("a string");
    }
    text
}

fn names<T: ToString>(of: impl IntoIterator<Item = T>) -> Vec<String> {
    of.into_iter().map(|name| name.to_string()).collect()
}

fn overhead(figures: &Figures) -> String {
    let (sides, cases) = (names(Side::ALL), names(Case::ALL));
    let of = |bench, measure| move |side: &str, case: &str| figures.of(bench, side, case, measure);
    let ratios = table(
        "net instructions / static header",
        &sides[2..],
        &cases,
        of("instructions", "net / static header"),
    );
    let net = table(
        "net instructions",
        &sides[1..2],
        &cases,
        of("instructions", "net instructions"),
    );
    let allocations = table(
        "allocations added",
        &sides[1..],
        &cases,
        of("allocations", "allocations added"),
    );
    let inner = ["inner future inline", "inner future boxed"].map(str::to_owned);
    let sizes = table(
        "bytes over the inner future",
        &sides[1..],
        &inner,
        of("allocations", "size of the future, B over inner"),
    );
    format!(
        "\n## Overhead\n\nOver a service that answers at once (`instructions`, `allocations`).\n\n\
         ![net instructions](plots/overhead.svg)\n{net}{ratios}{allocations}{sizes}"
    )
}

/// What criterion measured.
fn times(scratch: &Path) -> String {
    let json = |path: PathBuf| -> Option<Value> {
        serde_json::from_str(&fs::read_to_string(path).ok()?).ok()
    };
    let mut found = Vec::new();
    let below = |path: &Path| {
        fs::read_dir(path)
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.path())
    };
    for side in below(&scratch.join("criterion/overhead")) {
        for case in below(&side) {
            let Some(told) = json(case.join("new/benchmark.json")) else {
                continue;
            };
            let Some(estimates) = json(case.join("new/estimates.json")) else {
                continue;
            };
            let (side, case) = (told["function_id"].as_str(), told["value_str"].as_str());
            let nanos = estimates["median"]["point_estimate"].as_f64();
            if let (Some(side), Some(case), Some(nanos)) = (side, case, nanos) {
                found.push((side.to_owned(), case.to_owned(), nanos));
            }
        }
    }
    let of = |side: &str, case: &str| {
        let is = |(one, other, _): &&(String, String, f64)| (&**one, &**other) == (side, case);
        found.iter().find(is).map(|(_, _, nanos)| *nanos)
    };
    let cases = names([Case::COMMON, Case::BUILT]);
    let table = table(
        "ns a request, with the service (a time)",
        &names(Side::ALL),
        &cases,
        of,
    );
    format!("\n### Times\n\nBy criterion (`overhead`), for information.\n{table}")
}

fn contention(figures: &Figures) -> String {
    let sides = names([
        Side::Static,
        Side::Auth,
        Side::Stack,
        Side::ReplayStack,
        Side::RetryStatic,
        Side::Textbook,
    ]);
    let tasks = names(["1 task", "8 tasks", "64 tasks", "512 tasks"]);
    let of = |measure: &'static str| {
        move |side: &str, tasks: &str| figures.of("contention", side, tasks, measure)
    };
    let ratio = table(
        "requests/s / static header",
        &sides,
        &tasks,
        of("requests/s / static header"),
    );
    let scaling = table(
        "requests/s over 1 task",
        &sides,
        &tasks,
        of("requests/s over 1 task"),
    );
    format!(
        "\n## Contention\n\nTasks over 2 workers; making the request is in it, on all sides.\n\n\
         ![throughput at 64 tasks](plots/contention.svg)\n{ratio}{scaling}"
    )
}

fn refresh(figures: &Figures) -> String {
    let cases = ["64 tasks, all the time", "64 tasks, during refreshes"];
    let mut rows = Vec::new();
    for side in ["SkewAuth", "static header"] {
        rows.extend(cases.map(|case| format!("{side}, {case}")));
    }
    let columns = [
        "latency p50, µs",
        "latency p99, µs",
        "latency p99.9, µs",
        "latency most, µs",
        "requests over 50 ms",
        "requests",
    ];
    let latency = table("a time", &rows, &names(columns), |row, measure| {
        let (side, case) = row.split_once(", ")?;
        figures.of("refresh", side, case, measure)
    });
    let herds = [
        "expired token, 1000 tasks",
        "expired token, 10000 tasks",
        "refused token, 1000 tasks",
        "refused token, 10000 tasks",
    ];
    let columns = ["fetches, most of the rounds", "time / one fetch"];
    let herds = table("herd", &names(herds), &names(columns), |row, measure| {
        let (side, case) = row.split_once(", ")?;
        figures.of("refresh", side, case, measure)
    });
    let refreshes = figures
        .of("refresh", "SkewAuth", "64 tasks, all the time", "refreshes")
        .unwrap_or(0.0);
    format!(
        "\n## Refresh\n\n64 tasks that send every 5 ms, both sides at the same time, while the token is renewed ({refreshes} times, \
         200 ms each). Corrected for coordinated omission.\n{latency}\nHerds: all tasks find the token expired, or have it refused, at \
         once; a fetch takes 200 ms.\n{herds}"
    )
}

fn loopback(figures: &Figures) -> String {
    let mut sides = names(wire::SIDES);
    sides.extend(["reqwest + static header", "reqwest-retry + token"].map(str::to_owned));
    let columns = names([
        "instructions",
        "over static header, %",
        "spread of the rounds, %",
        "allocations",
        "requests/s / static header",
        "p99 / static header",
    ]);
    let table = table("64 connections", &sides, &columns, |side, measure| {
        figures.of("loopback", side, "64 connections", measure)
    });
    format!(
        "\n## Loopback\n\nhyper-util's client (reqwest where it says so) on one thread, a hyper server in another process. \
         Instructions and allocations are the whole client's, for each request; the last two columns are from times.\n\n\
         ![instructions over a static header](plots/loopback.svg)\n{table}"
    )
}

fn peers(figures: &Figures) -> String {
    let mut sides: Vec<String> = Vec::new();
    for figure in figures.0.iter().filter(|figure| figure.bench == "peers") {
        if !sides.contains(&figure.side) {
            sides.push(figure.side.clone());
        }
    }
    if sides.is_empty() {
        return "\n## Peers\n\nNot run: see `benches/peers`.\n".to_owned();
    }
    let columns = names([
        "net instructions",
        "net / static header",
        "allocations added",
    ]);
    let table = table(
        "cached token to header",
        &sides,
        &columns,
        |side, measure| {
            let is = |figure: &&Figure| {
                figure.side == side && figure.measure == measure && figure.bench == "peers"
            };
            figures.0.iter().find(is).map(|figure| figure.value)
        },
    );
    let note = fs::read_to_string(here("peers/README.md")).unwrap_or_default();
    let note = note.split_once("\n## ").map_or("", |(_, rest)| rest);
    let note = note.split_once('\n').map_or("", |(_, rest)| rest);
    format!(
        "\n## Peers\n\n![peers](plots/peers.svg)\n{table}\n{}\n",
        note.trim()
    )
}

/// What the instructions of the common case go into.
fn profiles(scratch: &Path) -> String {
    let mut text = "\n## Where the instructions go\n\nThe functions that cost most in the common case, in instructions for each request, \
                    the service's and the dropping of the request among them (`callgrind_annotate`).\n"
        .to_owned();
    for side in [Side::Auth, Side::ReplayStack, Side::OnceStack] {
        let nth = Side::ALL
            .iter()
            .position(|other| *other == side)
            .expect("it is one");
        let Some(out) = find(
            &scratch.join("gungraun"),
            &format!("requests.nth_{nth}"),
            "instructions",
        ) else {
            continue;
        };
        let annotated = said(
            "callgrind_annotate",
            &["--threshold=100", &out.to_string_lossy()],
        );
        let mut rows = Vec::new();
        for line in annotated.lines() {
            let Some((count, rest)) = line.trim().split_once(' ') else {
                continue;
            };
            let Ok(count) = count.replace(',', "").parse::<f64>() else {
                continue;
            };
            let Some((_, function)) = rest.split_once(':') else {
                continue;
            };
            let function = function.split(" [").next().unwrap_or(function);
            rows.push((count / 100.0, shortened(function)));
        }
        writeln!(text, "\n| {side} | instructions |\n|---|---|").expect("a string");
        for (count, function) in rows
            .iter()
            .filter(|(_, function)| !function.contains("PROGRAM TOTALS"))
            .take(16)
        {
            writeln!(text, "| `{function}` | {count:.0} |").expect("a string");
        }
    }
    text
}

fn shortened(function: &str) -> String {
    let function = function.replace('|', "\\|").replace('`', "");
    match function.char_indices().nth(110) {
        Some((end, _)) => format!("{}…", &function[..end]),
        None => function,
    }
}

/// The newest output of callgrind in a directory of this name.
fn find(below: &Path, name: &str, bench: &str) -> Option<PathBuf> {
    for entry in fs::read_dir(below).ok()?.flatten() {
        let path = entry.path();
        if path.is_dir() {
            if let Some(found) = find(&path, name, bench) {
                return Some(found);
            }
        } else if path.to_string_lossy().ends_with(&format!("{name}.out"))
            && path.to_string_lossy().contains(bench)
        {
            return Some(path);
        }
    }
    None
}

// ===== plots =====

fn charts(figures: &Figures) -> Vec<(&'static str, String)> {
    let case = Case::COMMON.to_string();
    let chart = |sides: &[Side], value: &dyn Fn(Side) -> Option<f64>| -> Vec<Bar> {
        let bar = |side: &Side| {
            let value = value(*side)?;
            Some(Bar {
                label: side.to_string(),
                value,
                ours: side.is_ours(),
            })
        };
        sides.iter().filter_map(bar).collect()
    };
    let overhead = chart(&Side::ALL[1..], &|side| figures.ratio(side, Case::COMMON));
    let contention = chart(&Side::ALL, &|side| {
        figures.of(
            "contention",
            side.name(),
            "64 tasks",
            "requests/s / static header",
        )
    });
    let mut loopback = chart(&wire::SIDES[2..], &|side| {
        figures.of(
            "loopback",
            side.name(),
            "64 connections",
            "over static header, %",
        )
    });
    for rival in ["reqwest + static header", "reqwest-retry + token"] {
        if let Some(value) =
            figures.of("loopback", rival, "64 connections", "over static header, %")
        {
            loopback.push(Bar {
                label: rival.to_owned(),
                value,
                ours: false,
            });
        }
    }
    let peers = figures
        .0
        .iter()
        .filter(|figure| figure.bench == "peers" && figure.measure == "net / static header");
    let peers = peers.map(|figure| Bar {
        label: figure.side.clone(),
        value: figure.value,
        ours: figure.side == Side::Auth.name(),
    });
    vec![
        (
            "overhead.svg",
            bars(
                &format!("Net instructions / static header: {case}"),
                &overhead,
            ),
        ),
        (
            "contention.svg",
            bars(
                "Throughput / static header: 64 tasks on 2 workers (times)",
                &contention,
            ),
        ),
        (
            "loopback.svg",
            bars(
                "Instructions over a static header, %: 64 connections to a hyper server",
                &loopback,
            ),
        ),
        (
            "peers.svg",
            bars(
                "Net instructions / static header: a cached token is attached",
                &peers.collect::<Vec<_>>(),
            ),
        ),
    ]
}
