//! What 64 tasks see, and more of them: on two workers, while the token is renewed, and over connections.

use benches::{figures::Figures, sides::Side, wire};

use crate::table::{names, table};

/// The other clients over connections: their names are at hand only where they were built.
pub(crate) const RIVALS: [&str; 2] = ["reqwest + static header", "reqwest-retry + token"];

pub(crate) fn contention(figures: &Figures) -> String {
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

pub(crate) fn refresh(figures: &Figures) -> String {
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

pub(crate) fn loopback(figures: &Figures) -> String {
    let mut sides = names(wire::SIDES);
    sides.extend(RIVALS.map(str::to_owned));
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
