//! What a throttled call waited, told on its reply.

use std::time::Duration;

/// In the extensions of a reply that had to wait for a rate limit: how often its request was sent, and how long it waited.
///
/// [`RateLimitBackoffLayer`](crate::RateLimitBackoffLayer) writes it. In the extensions of a *request* it counts as
/// spent already, so that a replay (of [`Retry401Layer`](crate::Retry401Layer), say) begins no new budget.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Waited {
    /// How many times the request was sent by the layer, without a sending before that met no limit and was replayed.
    pub attempts: u32,
    /// How long it waited in all.
    pub total: Duration,
}
