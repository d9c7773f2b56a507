//! Instruction counts, by callgrind through gungraun.
//!
//! A benchmark that counts has a `main` of its own, which runs this same program once more as gungraun wants it: that one
//! prints a line of JSON for each case, and here they are read.

use std::{
    env,
    process::{Command, Stdio},
};

use serde_json::Value;

const MARK: &str = "BENCHES_COUNTED";

/// Whether this process is one that gungraun shall run.
#[must_use]
pub fn is_counted() -> bool {
    env::var_os(MARK).is_some() || env::args().nth(1).as_deref() == Some("--gungraun-run")
}

/// Instructions of each case of this program's one group, in their order.
///
/// # Errors
///
/// What is missing here, for people.
///
/// # Panics
///
/// If the tools are there and fail.
pub fn counts() -> Result<Vec<u64>, String> {
    present("valgrind", "the package `valgrind`")?;
    let runner =
        "`cargo install gungraun-runner --version =X`, with the version that Cargo.lock has";
    present("gungraun-runner", runner)?;
    let this = env::current_exe().expect("this program's path");
    let output = Command::new(this)
        .env(MARK, "1")
        .env("GUNGRAUN_OUTPUT_FORMAT", "json")
        .stderr(Stdio::inherit())
        .output()
        .expect("this program runs once more");
    assert!(output.status.success(), "gungraun failed: see above");
    let mut counts: Vec<_> = String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .map(|summary| read(&summary).unwrap_or_else(|| panic!("not understood: {summary}")))
        .collect();
    counts.sort_unstable();
    assert!(
        counts.iter().map(|(nth, _)| *nth).eq(0..counts.len()),
        "a case is missing"
    );
    Ok(counts.into_iter().map(|(_, count)| count).collect())
}

fn present(program: &str, from: &str) -> Result<(), String> {
    let asked = Command::new(program).arg("--version").output();
    match asked {
        Ok(_) => Ok(()),
        Err(error) => Err(format!(
            "instructions are not counted: no {program} ({error}); it comes from {from}"
        )),
    }
}

/// The case's number and its instructions.
fn read(summary: &Value) -> Option<(usize, u64)> {
    let nth = summary["id"].as_str()?.rsplit('_').next()?.parse().ok()?;
    let total = &summary["profiles"][0]["summaries"]["total"];
    let counted = &total["summary"]["Callgrind"]["Ir"]["metrics"];
    // With the one before, where there was one.
    let new = counted.get("Left").unwrap_or(&counted["Both"][0]);
    Some((nth, new["Int"].as_u64()?))
}
