//! The runs of the benchmarks, each of which adds its figures to one file.

use std::{path::Path, process::Command};

use benches::figures;

use crate::{here, target};

/// Runs them all, but for those that are not wanted. One that fails leaves the others as they are.
pub(crate) fn run_all(scratch: &Path, rivals: bool, peers: bool) {
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
