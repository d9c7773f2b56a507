//! Which functions the instructions of the common case are spent in.

use std::{
    collections::HashMap,
    fmt::Write,
    fs,
    path::{Path, PathBuf},
};

use benches::{circumstances::said, sides::Side};

pub(crate) fn profiles(scratch: &Path) -> String {
    let mut text = "\n## Where the instructions go\n\nThe functions that cost most in the common case, in net instructions for each \
                    request (`callgrind_annotate`).\n"
        .to_owned();
    let Some(bare) = functions(scratch, Side::Bare) else {
        return text;
    };
    for side in [Side::Auth, Side::ReplayStack, Side::OnceStack] {
        let Some(functions) = functions(scratch, side) else {
            continue;
        };
        let net = functions.into_iter().map(|(function, count)| {
            let bare = bare.get(&function).copied().unwrap_or_default();
            (count - bare, function)
        });
        let mut net: Vec<_> = net.collect();
        net.sort_by(|(one, _), (other, _)| other.total_cmp(one));
        writeln!(text, "\n| {side} | instructions |\n|---|---|").expect("a string");
        for (count, function) in net.iter().take(16) {
            let function = shortened(function);
            writeln!(text, "| `{function}` | {count:.0} |").expect("a string");
        }
    }
    text
}

/// What callgrind counted in each function, for a request of the common case.
fn functions(scratch: &Path, side: Side) -> Option<HashMap<String, f64>> {
    let nth = Side::ALL.iter().position(|other| *other == side)?;
    let out = find(
        &scratch.join("gungraun"),
        &format!("requests.nth_{nth}"),
        "instructions",
    )?;
    let annotated = said(
        "callgrind_annotate",
        &["--threshold=100", &out.to_string_lossy()],
    );
    let mut functions = HashMap::new();
    for line in annotated.lines() {
        let counted = line.trim().split_once(' ').and_then(|(count, rest)| {
            let (_, function) = rest.split_once(':')?;
            Some((count.replace(',', "").parse::<f64>().ok()?, function))
        });
        let Some((count, function)) = counted else {
            continue;
        };
        let function = function.split(" [").next().unwrap_or(function);
        // The parts of it that come from other files are told apart.
        *functions.entry(function.to_owned()).or_default() += count / 100.0;
    }
    Some(functions)
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
