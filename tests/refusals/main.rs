//! Refused tokens: what was revoked is replaced once for all, and what is refused for other reasons costs few tokens.

#![allow(clippy::unwrap_used, reason = "test code")]

#[path = "../logged.rs"]
mod logged;
mod noticed;
mod returned;
mod revoked;
#[path = "../support.rs"]
mod support;
mod trials;
mod two_hosts;
