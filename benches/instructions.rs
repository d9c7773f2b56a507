//! How many instructions does a request cost, on each side and in each case, beside a layer that adds a fixed header?
//!
//! Callgrind counts them, so they are the same on a busy machine: these figures gate. `-- --check` holds them against
//! `limits.json`, `-- --record` writes them there. Without valgrind it says so and ends.

#![allow(missing_docs, reason = "gungraun's macros make public items")]

use std::process::ExitCode;

use benches::{
    bare::keep_heads,
    callgrind, figures,
    limits::{Limits, Wanted},
    load::{Case, Prepared},
    sides::Side,
};
use gungraun::{Callgrind, LibraryBenchmarkConfig, library_benchmark, library_benchmark_group};

const REQUESTS: usize = 100;

fn all() -> Vec<(Side, Case)> {
    let sides = |case| Side::ALL.map(move |side| (side, case));
    Case::ALL.into_iter().flat_map(sides).collect()
}

fn prepared((side, case): (Side, Case)) -> Prepared {
    keep_heads(REQUESTS);
    Prepared::new(side, &case, REQUESTS)
}

// Given back, so that dropping it is not counted.
#[library_benchmark]
#[benches::nth(iter = all(), setup = prepared)]
fn requests(mut prepared: Prepared) -> Prepared {
    prepared.run();
    prepared
}

library_benchmark_group!(name = instructions, benchmarks = requests);

fn config() -> LibraryBenchmarkConfig {
    let mut config = LibraryBenchmarkConfig::default();
    config.tool(Callgrind::with_args(["--cache-sim=no"]));
    config
}

mod counted {
    use super::{config, instructions};

    gungraun::main!(config = config(); library_benchmark_groups = instructions);

    pub(super) fn run() {
        main();
    }
}

fn main() -> ExitCode {
    if callgrind::is_counted() {
        counted::run();
        return ExitCode::SUCCESS;
    }
    let wanted = Wanted::from_args();
    if wanted == Wanted::Test {
        for case in all() {
            prepared(case).run();
        }
        return ExitCode::SUCCESS;
    }
    let counts = match callgrind::counts() {
        Ok(counts) => counts,
        Err(missing) => {
            println!("{missing}");
            return ExitCode::SUCCESS;
        }
    };
    // Compilers and the memory functions of the C library differ from machine to machine by some per cent.
    let mut limits = Limits::read("instructions", 1.1);
    let each = |count: u64| count as f64 / REQUESTS as f64;
    // Of the common case, for all: it is the unit.
    let fixed = each(counts[1]) - each(counts[0]);
    for (of_case, counts) in all()
        .chunks(Side::ALL.len())
        .zip(counts.chunks(Side::ALL.len()))
    {
        let net = |count| each(count) - each(counts[0]);
        for ((side, case), &count) in of_case.iter().zip(counts) {
            if *side == Side::Bare {
                figures::tell("instructions", side, case, "instructions", each(count));
                continue;
            }
            figures::tell("instructions", side, case, "net instructions", net(count));
            figures::tell(
                "instructions",
                side,
                case,
                "net / static header",
                net(count) / fixed,
            );
            if side.is_ours() {
                limits.hold(&format!("{side}, {case}"), net(count) / fixed);
            }
        }
    }
    limits.done(wanted)
}
