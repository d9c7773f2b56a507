//! The corpora of the fuzz targets, replayed: what was worth a fuzzer's attention is tried with every test run, by the same
//! code and without a fuzzer. The targets themselves: `cargo +nightly fuzz list` in this crate.

#![allow(clippy::unwrap_used, reason = "test code")]

#[path = "../fuzz/targets/date.rs"]
mod date;
#[path = "../fuzz/replay.rs"]
mod replay;
#[path = "../fuzz/targets/retry_after.rs"]
mod retry_after;

#[test]
fn retry_after() {
    replay::corpus("retry_after", retry_after::check);
}

#[test]
fn date() {
    replay::corpus("date", date::check);
}
