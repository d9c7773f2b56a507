//! Which functions the instructions of the common case are spent in.

use std::{
    fmt::Write,
    fs,
    path::{Path, PathBuf},
};

use benches::{circumstances::said, sides::Side};

pub(crate) fn profiles(scratch: &Path) -> String {
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
