//! Who gets how much of a limited rate through? All rivals against the same limiters, on loopback sockets.
//!
//! `cargo bench -p benches --features rivals --bench backoff` fills its section of `README.md` and `plots/`. With
//! `-- --test` every run lasts a second and nothing is written; with `-- --rival NAME` or `-- --row NAME` only those
//! are run.

#![allow(missing_docs, unreachable_pub, reason = "no library")]

#[path = "../crates/clearance/src/rate_limit_backoff/tests/limiter.rs"]
mod limiter;
#[path = "backoff/plot.rs"]
mod plot;
#[path = "backoff/rivals.rs"]
mod rivals;
#[path = "backoff/runs.rs"]
mod runs;
#[path = "backoff/server.rs"]
mod server;
#[path = "backoff/table.rs"]
mod table;

use std::{fs, path::Path, sync::Arc};

use benches::{circumstances::circumstances, section};
use tokio::{sync::Semaphore, task::JoinSet};

use self::{rivals::Rival, runs::Run};

/// So many runs at a time: they mostly sleep.
const AT_A_TIME: usize = 24;

const HEAD: &str = "By `cargo bench -p benches --features rivals --bench backoff`: 64 callers, 64 or 200 calls a second \
in all, round trips of 5 and 50 ms, on loopback sockets; one rival after the other.";

fn main() {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let option = |name: &str| {
        let at = arguments.iter().position(|argument| argument == name)?;
        arguments.get(at + 1).cloned()
    };
    let quick = arguments.iter().any(|argument| argument == "--test");
    let (row, rival) = (option("--row"), option("--rival"));

    let mut all = runs::all();
    all.retain(|run| row.as_ref().is_none_or(|row| run.row == row));
    all.retain(|run| rival.as_ref().is_none_or(|rival| run.rival.name() == rival));
    if quick {
        all.iter_mut().for_each(|run| run.seconds = 1.0);
    }
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let mut done = vec![];
    // One rival after the other: some send so much that it would disturb the others.
    for one in all.chunk_by(|one, other| one.rival == other.rival) {
        done.extend(runtime.block_on(perform(one.to_vec())));
    }
    let text = table::text(&done);
    println!("{text}");
    if quick {
        assert!(
            done.iter()
                .all(|(_, result)| !result.seen.passed.is_empty())
        );
        return;
    }
    if row.is_none() && rival.is_none() {
        write(&done, &text).expect("files beside this one");
    }
}

/// The longest first, so that the end is not waited for.
async fn perform(mut all: Vec<Run>) -> Vec<(Run, runs::Outcome)> {
    all.sort_by(|one, other| other.seconds.total_cmp(&one.seconds));
    let places = Arc::new(Semaphore::new(AT_A_TIME));
    let mut tasks = JoinSet::new();
    for (number, run) in all.into_iter().enumerate() {
        let places = Arc::clone(&places);
        tasks.spawn(async move {
            let _place = places.acquire().await.expect("never closed");
            let result = run.perform().await;
            eprintln!("{}: {}", run.rival.name(), run.row);
            (number, run, result)
        });
    }
    let mut done = tasks.join_all().await;
    done.sort_by_key(|(number, ..)| *number);
    done.into_iter()
        .map(|(_, run, result)| (run, result))
        .collect()
}

fn write(done: &[(Run, runs::Outcome)], text: &str) -> std::io::Result<()> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let plots = here.join("plots");
    fs::create_dir_all(&plots)?;
    let readme = fs::read_to_string(here.join("README.md"))?;
    let text = format!("{HEAD}\n\n{}\n\n{text}", circumstances());
    fs::write(
        here.join("README.md"),
        section::put(&readme, section::BACKOFF, &text),
    )?;
    for rival in Rival::ALL.iter().chain([&Rival::Quota]) {
        let main = |(run, _): &&(Run, runs::Outcome)| run.rival == *rival && run.main;
        if let Some((run, result)) = done.iter().find(main) {
            let svg = plot::plot(rival.name(), &result.seen, run.seconds, 40.0);
            fs::write(plots.join(table::plot_name(*rival)), svg)?;
        }
    }
    Ok(())
}
