//! The corpora of the fuzz targets, replayed: what was worth a fuzzer's attention is tried with every test run, by the same
//! code and without a fuzzer. The targets themselves: `cargo +nightly fuzz list` in this crate.

#![allow(clippy::unwrap_used, reason = "test code")]

use std::{fs, path::Path};

#[path = "../fuzz/targets/discovery.rs"]
mod discovery;

#[test]
fn discovery() {
    replay("discovery", discovery::check);
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
