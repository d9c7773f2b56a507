//! How long a pause is.

use std::time::Duration;

/// The first wait where the server names none, and the longest that doubling makes of it.
pub(super) const FIRST_STEP: Duration = Duration::from_secs(1);
const LAST_STEP: Duration = Duration::from_secs(60);

/// A tenth of a percent more: our clock may run faster than the server's.
pub(super) fn with_drift(wait: Duration) -> Duration {
    wait.saturating_add(wait / 1000)
        .saturating_add(Duration::from_nanos(1))
}

/// 1 s in the first of the fruitless rounds, then doubling to 60 s, of which from a half to all.
pub(super) fn step(rounds: u32, dice: f64) -> Duration {
    let doubled = FIRST_STEP.saturating_mul(1 << rounds.saturating_sub(1).min(6));
    doubled
        .min(LAST_STEP)
        .mul_f64(0.5 + dice.clamp(0.0, 1.0) / 2.0)
}
