//! The corpora of the fuzz targets, replayed: what was worth a fuzzer's attention is tried with every test run, by the same
//! code and without a fuzzer. The targets themselves: `cargo +nightly fuzz list` in this crate.

#![allow(clippy::unwrap_used, reason = "test code")]

#[path = "../fuzz/targets/jwt_payload.rs"]
mod jwt_payload;
#[path = "../../clearance-core/fuzz/replay.rs"]
mod replay;
#[path = "../fuzz/targets/token_answer.rs"]
mod token_answer;

#[test]
fn token_answer() {
    replay::corpus("token_answer", token_answer::check);
}

#[test]
fn jwt_payload() {
    replay::corpus("jwt_payload", jwt_payload::check);
}
