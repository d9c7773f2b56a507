//! The sources of the library crates, read for what a test must not miss.
#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "test code, of which each file uses a part"
)]

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// The crates whose words are judged.
pub(crate) const CRATES: [&str; 5] = [
    "clearance",
    "clearance-core",
    "clearance-cxone",
    "clearance-genesys",
    "clearance-oauth",
];

/// Every place in the crates at which an event or a span is made: file from the root of the workspace, and line.
pub(crate) fn callsites() -> BTreeSet<String> {
    const MACROS: [&str; 7] = [
        "trace!", "debug!", "info!", "warn!", "error!", "event!", "span!",
    ];
    let mut sites = BTreeSet::new();
    for (file, line, code) in lines_of_code() {
        assert!(
            !(code.contains("#[") && code.contains("instrument")),
            "{file}:{line}: the attribute would log arguments: {code}"
        );
        let is_site = MACROS.iter().any(|name| {
            code.match_indices(name).any(|(at, _)| {
                let before = code[..at].chars().next_back();
                // `info_span!` is one, `compile_error!` is none.
                !before.is_some_and(|c| c.is_alphanumeric() || (c == '_' && *name != "span!"))
            })
        });
        if is_site && !code.trim_start().starts_with("use ") {
            sites.insert(format!("{file}:{line}"));
        }
    }
    sites
}

/// File from the root of the workspace, line, and the code in it: without comments, and without the tests at the foot.
pub(crate) fn lines_of_code() -> Vec<(String, usize, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut lines = Vec::new();
    for name in CRATES {
        for path in sources(&root.join("crates").join(name).join("src")) {
            let file = path.strip_prefix(root).unwrap().display().to_string();
            let text = fs::read_to_string(&path).unwrap();
            for (at, line) in text.lines().enumerate() {
                if line.starts_with("#[cfg(test)]") && !file.ends_with("lib.rs") {
                    break;
                }
                let code = line.split("//").next().unwrap_or_default();
                lines.push((file.clone(), at + 1, code.to_owned()));
            }
        }
    }
    assert!(lines.len() > 5_000, "the sources of the crates are there");
    lines
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut entries: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    entries.sort();
    for path in entries {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        if path.is_dir() && name != "tests" {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|it| it == "rs")
            && name != "tests"
            && name != "testing"
        {
            found.push(path);
        }
    }
    found
}

/// The public types of the crates, and those of them that have a `Display`.
pub(crate) fn public_types() -> (BTreeSet<String>, BTreeSet<String>) {
    let lines = lines_of_code();
    let name_after = |code: &str, words: &str| {
        let rest = code.split(words).nth(1)?;
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_');
        Some(rest[..end.unwrap_or(rest.len())].to_owned())
    };
    let find = |words: &[&str]| -> BTreeSet<String> {
        let found = lines.iter().filter_map(|(file, _, code)| {
            let name = words.iter().find_map(|words| name_after(code, words))?;
            Some(format!("{}::{name}", module_of(file)))
        });
        found.collect()
    };
    let types = find(&["pub struct ", "pub enum ", "pub union "]);
    let shown = find(&["fmt::Display for ", "Display for "]);
    let shown = shown.intersection(&types).cloned().collect();
    (types, shown)
}

/// `crates/clearance-core/src/clock/mod.rs` is `clearance_core::clock`.
fn module_of(file: &str) -> String {
    let parts: Vec<_> = file.trim_end_matches(".rs").split('/').collect();
    let root = parts[1].replace('-', "_");
    let modules = parts[3..]
        .iter()
        .filter(|part| !["mod", "lib"].contains(part));
    modules.fold(root, |path, part| format!("{path}::{part}"))
}
