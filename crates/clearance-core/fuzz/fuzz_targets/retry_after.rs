//! `cargo +nightly fuzz run retry_after`, in the crate that is fuzzed.

#![no_main]

#[path = "../targets/retry_after.rs"]
mod target;

libfuzzer_sys::fuzz_target!(|data: &[u8]| target::check(data));
