//! What holds of all input: readers of fields, and the rule of where a token may go, against oracles of their own.

#![allow(clippy::unwrap_used, reason = "test code")]

mod audience;
mod calendar;
mod date;
mod redactor;
mod retry_after;
