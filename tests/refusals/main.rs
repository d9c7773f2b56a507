//! Refused tokens: what was revoked is replaced once for all, and what is refused for other reasons costs few tokens.

mod noticed;
mod returned;
mod revoked;
#[path = "../support.rs"]
mod support;
mod trials;
