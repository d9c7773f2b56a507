//! `cargo +nightly fuzz run jwt_payload`, in the crate that is fuzzed.

#![no_main]

#[path = "../targets/jwt_payload.rs"]
mod target;

libfuzzer_sys::fuzz_target!(|data: &[u8]| target::check(data));
