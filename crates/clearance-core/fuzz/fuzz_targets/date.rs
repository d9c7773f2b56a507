//! `cargo +nightly fuzz run date`, in the crate that is fuzzed.

#![no_main]

#[path = "../targets/date.rs"]
mod target;

libfuzzer_sys::fuzz_target!(|data: &[u8]| target::check(data));
