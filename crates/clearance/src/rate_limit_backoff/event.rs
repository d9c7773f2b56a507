//! Everything that is logged: the same fields everywhere, and no more of a request than its key.

use std::time::Duration;

use http::StatusCode;
use tracing::{debug, warn};

use super::{
    key::Key,
    refusal::{GaveUp, RateLimited},
};

/// `attempt`: how often the request has been sent.
pub(super) fn held(key: &Key, status: Option<StatusCode>, ahead: Duration, attempt: u32) {
    let status = status.map(|status| status.as_u16());
    debug!(%key, status, wait_ms = millis(ahead), attempt, "held");
}

pub(super) fn sent(key: &Key, waited: Duration, attempt: u32) {
    let wait_ms = millis(waited);
    match attempt {
        1 => debug!(%key, wait_ms, attempt, "released"),
        _ => debug!(%key, wait_ms, attempt, "retried"),
    }
}

/// `rate`: how many calls a second leave at most from now on.
pub(super) fn paced(key: &Key, rate: f64) {
    debug!(%key, rate, "paced");
}

pub(super) fn gave_up(
    key: &Key,
    status: StatusCode,
    ahead: Duration,
    attempt: u32,
    reason: GaveUp,
) {
    let (status, wait_ms) = (status.as_u16(), millis(ahead));
    warn!(%key, status, wait_ms, attempt, %reason, "gave up");
}

/// A call that has no reply to return.
pub(super) fn refused(key: &Key, error: &RateLimited, attempt: u32) {
    let wait_ms = millis(error.wait);
    warn!(%key, wait_ms, attempt, reason = error.reason(), "gave up");
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
