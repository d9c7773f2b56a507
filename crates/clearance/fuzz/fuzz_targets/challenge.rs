//! `cargo +nightly fuzz run challenge`, in the crate that is fuzzed.

#![no_main]

#[path = "../targets/challenge.rs"]
mod target;

libfuzzer_sys::fuzz_target!(|data: &[u8]| target::check(data));
