//! How the tests of every crate replay the corpus of a fuzz target.

use std::{fs, path::Path};

/// Gives each file in the corpus of this target, of the crate that the test belongs to, to `check`.
pub(crate) fn corpus(target: &str, check: fn(&[u8])) {
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
