//! The corpora of the fuzz targets, replayed: what was worth a fuzzer's attention is tried with every test run, by the same
//! code and without a fuzzer. The targets themselves: `cargo +nightly fuzz list` in this crate.

#![cfg(all(feature = "skew-auth", feature = "retry-401"))]
#![allow(clippy::unwrap_used, reason = "test code")]

#[path = "../fuzz/targets/challenge.rs"]
mod challenge;
#[path = "../../clearance-core/fuzz/replay.rs"]
mod replay;

#[test]
fn challenge() {
    replay::corpus("challenge", challenge::check);
}
