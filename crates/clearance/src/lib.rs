//! Tower layers that keep an HTTP client authorised.
#[cfg(any(feature = "skew-auth", feature = "retry-401"))]
mod challenge;
mod refused;
mod replay;
#[cfg(feature = "rate-limit-backoff")]
pub mod rate_limit_backoff;
#[cfg(feature = "retry-401")]
pub mod retry_401;
#[cfg(feature = "skew-auth")]
pub mod skew_auth;
#[cfg(feature = "skew-auth")]
mod token_cache;
mod waited;

pub use clearance_core::{AnyTokenSource, Audience, Secret, Token, TokenError, TokenErrorKind, TokenSource, token_source_fn};

#[cfg(feature = "rate-limit-backoff")]
pub use self::rate_limit_backoff::{RateLimitBackoff, RateLimitBackoffLayer};
#[cfg(feature = "retry-401")]
pub use self::retry_401::{Retry401, Retry401Layer};
#[cfg(feature = "skew-auth")]
pub use self::skew_auth::{SkewAuth, SkewAuthLayer};
pub use self::{
    refused::{RefusalReason, Settled, TokenRefused},
    replay::Replay,
    waited::Waited,
};
