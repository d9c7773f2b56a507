//! The model of a server's clock, against servers whose clocks are known exactly.

#![allow(clippy::unwrap_used, reason = "test code")]

mod always;
mod precision;
mod several;
mod simulated;
