//! What a replay sends is what was sent, and it is sent no more often than promised.

#![allow(clippy::unwrap_used, reason = "test code")]

mod bodies;
mod counts;
mod orders;
#[path = "../support.rs"]
mod support;
mod waits;

use clearance::{
    RateLimitBackoff, RateLimitBackoffLayer, Retry401, Retry401Layer, SkewAuth, SkewAuthLayer,
};
use clearance_test::ScriptedSource;
use tower::ServiceBuilder;

/// The recommended stack.
fn recommended<S: Clone>(
    source: ScriptedSource,
    service: S,
) -> Retry401<RateLimitBackoff<SkewAuth<S>>> {
    ServiceBuilder::new()
        .layer(Retry401Layer::new())
        .layer(RateLimitBackoffLayer::new())
        .layer(SkewAuthLayer::new(source))
        .service(service)
}
