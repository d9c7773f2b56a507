//! On what, and with what, something was measured.

use std::{fs, path::Path, process::Command};

const HERE: &str = env!("CARGO_MANIFEST_DIR");

/// Date, commit, machine and versions, in a line.
#[must_use]
pub fn circumstances() -> String {
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let cpu = cpu.lines().find_map(|line| line.strip_prefix("model name"));
    let cpu = cpu.map_or("unknown", |name| name.trim_start_matches([' ', '\t', ':']));
    let cores = std::thread::available_parallelism().map_or(0, Into::into);
    let lock = fs::read_to_string(Path::new(HERE).join("../Cargo.lock")).unwrap_or_default();
    let version = |name: &str| {
        let entry = format!("name = \"{name}\"\nversion = \"");
        let versions = lock
            .match_indices(&entry)
            .filter_map(|(at, _)| lock[at + entry.len()..].split('"').next());
        format!("{name} {}", versions.last().unwrap_or("?"))
    };
    let names = [
        "http",
        "tower",
        "tower-http",
        "tokio",
        "hyper",
        "hyper-util",
        "reqwest",
        "gungraun",
    ];
    let versions = names.map(version).join(", ");
    format!(
        "{}; commit {}; {cpu}, {cores} cores, {}; {}; {}; {versions}.",
        said("date", &["-u", "+%F"]),
        said("git", &["-C", HERE, "describe", "--always", "--dirty"]),
        said("uname", &["-sr"]),
        said("rustc", &["--version"]),
        said("valgrind", &["--version"]),
    )
}

/// What a program prints, or that there is none.
#[must_use]
pub fn said(program: &str, args: &[&str]) -> String {
    let output = Command::new(program).args(args).output();
    let text = output.map_or_else(
        |_| format!("no {program}").into_bytes(),
        |output| output.stdout,
    );
    String::from_utf8_lossy(&text).trim().to_owned()
}
