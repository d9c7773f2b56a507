//! The simulated platforms through all their ways in. Paused time everywhere but with sockets.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod clocks;
mod cxone;
mod faults;
mod genesys;
mod limits;
mod support;
mod ways_in;
