//! `cargo +nightly fuzz run discovery`, in the crate that is fuzzed.

#![no_main]

#[path = "../targets/discovery.rs"]
mod target;

libfuzzer_sys::fuzz_target!(|data: &[u8]| target::check(data));
