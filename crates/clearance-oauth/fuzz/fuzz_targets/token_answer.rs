//! `cargo +nightly fuzz run token_answer`, in the crate that is fuzzed.

#![no_main]

#[path = "../targets/token_answer.rs"]
mod target;

libfuzzer_sys::fuzz_target!(|data: &[u8]| target::check(data));
