//! The corpora of the fuzz targets, replayed: what was worth a fuzzer's attention is tried with every test run, by the same
//! code and without a fuzzer. The targets themselves: `cargo +nightly fuzz list` in this crate.

#![allow(clippy::unwrap_used, reason = "test code")]

use std::{fs, path::Path};

#[path = "../fuzz/targets/date.rs"]
mod date;
#[path = "../fuzz/targets/retry_after.rs"]
mod retry_after;

#[test]
fn retry_after() {
    replay("retry_after", retry_after::check);
}

#[test]
fn date() {
    replay("date", date::check);
}

fn replay(target: &str, check: fn(&[u8])) {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
    let entries = fs::read_dir(corpus.join(target)).unwrap();
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() >= 10, "the corpus of {target} is gone");
    for file in files {
        // The last name that is shown is that of the input that fails.
        println!("{}", file.display());
        check(&fs::read(&file).unwrap());
    }
}
