//! No secret in all that the whole suite says to `tracing` and `log`, at every level, and in all its panics.
//!
//! The suite is built so that each process writes down what is a secret in it, every one that goes through the libraries,
//! and what it says (`crates/clearance-core/src/watch.rs`); this searches the one for the other:
//!
//! ```sh
//! export CLEARANCE_WATCH=$PWD/target/watch; rm -rf $CLEARANCE_WATCH
//! RUSTFLAGS="--cfg clearance_watch" cargo test --workspace
//! cargo test -p tests --test watched -- --ignored --nocapture
//! ```
//!
//! A secret of 12 characters or more must not be found anywhere, in any spelling; a shorter one not as a word of its own.
//! Below 5 characters it cannot be told from chance: property tests make those. In `secrets*`, secrets are planted to be
//! found: they are, or this fails as well.
#![allow(clippy::unwrap_used, reason = "test code")]

mod sought;

use std::{collections::BTreeSet, env, fs, path::PathBuf};

use aho_corasick::AhoCorasick;

/// Shorter secrets are not looked for.
const SHORTEST: usize = 5;

/// One process of the suite.
struct Process {
    name: String,
    secrets: BTreeSet<String>,
    said: String,
}

/// Secrets of a process, and what to look for.
struct Search {
    patterns: Vec<String>,
    automaton: AhoCorasick,
}

impl Search {
    fn new(secrets: &BTreeSet<String>) -> Self {
        let mut patterns = BTreeSet::new();
        for secret in secrets {
            match secret.len() {
                ..SHORTEST => {}
                SHORTEST..sought::PIECE => _ = patterns.insert(secret.clone()),
                _ => patterns.extend(sought::whole(secret)),
            }
        }
        let patterns = Vec::from_iter(patterns);
        let automaton = AhoCorasick::new(&patterns).unwrap();
        Self {
            patterns,
            automaton,
        }
    }

    /// What is found, and the line that it is in. A secret may have line breaks itself.
    fn finds<'a>(&'a self, said: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
        let is_apart =
            |c: Option<char>| !c.is_some_and(|c| c.is_alphanumeric() || c == '-' || c == '_');
        let all = self.automaton.find_overlapping_iter(said);
        all.filter_map(move |found| {
            let pattern = self.patterns[found.pattern()].as_str();
            let (before, after) = (&said[..found.start()], &said[found.end()..]);
            let counts = pattern.len() >= sought::PIECE
                || is_apart(before.chars().next_back()) && is_apart(after.chars().next());
            let begin = before.rfind('\n').map_or(0, |at| at + 1);
            let end = found.end() + after.find('\n').unwrap_or(after.len());
            counts.then_some((pattern, &said[begin..end]))
        })
    }
}

fn processes() -> Vec<Process> {
    let directory = env::var_os("CLEARANCE_WATCH");
    let directory = PathBuf::from(directory.expect("CLEARANCE_WATCH names what the suite wrote"));
    let files = fs::read_dir(directory).unwrap();
    let files = files.map(|file| file.unwrap().path());
    files
        .filter(|file| file.extension().is_some_and(|kind| kind == "secrets"))
        .map(|file| {
            let read = |kind| {
                let text = fs::read(file.with_extension(kind)).unwrap();
                String::from_utf8_lossy(&text).into_owned()
            };
            let secrets = read("secrets");
            Process {
                name: file.file_stem().unwrap().to_string_lossy().into_owned(),
                secrets: secrets.split_terminator('\0').map(str::to_owned).collect(),
                said: read("said"),
            }
        })
        .collect()
}

#[test]
#[ignore = "searches what the suite said: see above"]
fn the_suite_told_no_secret() {
    let (mut lines, mut secrets, mut short, mut planted) = (0, 0, 0, 0);
    let processes = processes();
    for process in &processes {
        let search = Search::new(&process.secrets);
        for (found, line) in search.finds(&process.said) {
            let is_planted = line.starts_with("secrets") && line.contains(": planted ");
            assert!(is_planted, "{}: `{found}` is in: {line}", process.name);
            planted += 1;
        }
        lines += process.said.lines().count();
        secrets += process.secrets.len();
        short += process
            .secrets
            .iter()
            .filter(|it| it.len() < SHORTEST)
            .count();
    }
    println!(
        "{} processes said {lines} lines; {secrets} secrets, {short} too short to be looked for; \
         {planted} planted ones found",
        processes.len()
    );
    assert!(processes.len() > 50 && lines > 100_000 && planted > 10);
    assert!(short < secrets / 2);
}
