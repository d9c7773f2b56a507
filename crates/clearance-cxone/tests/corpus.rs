//! The corpora of the fuzz targets, replayed: what was worth a fuzzer's attention is tried with every test run, by the same
//! code and without a fuzzer. The targets themselves: `cargo +nightly fuzz list` in this crate.

#![allow(clippy::unwrap_used, reason = "test code")]

#[path = "../fuzz/targets/discovery.rs"]
mod discovery;
#[path = "../../clearance-core/fuzz/replay.rs"]
mod replay;

#[test]
fn discovery() {
    replay::corpus("discovery", discovery::check);
}
