//! Tower layers that keep an HTTP client authorised.
//!
//! They attach a bearer token and keep it fresh ([`SkewAuthLayer`]), cure a 401 with one refresh and one replay
//! ([`Retry401Layer`]), and wait out a 429 together instead of each alone ([`RateLimitBackoffLayer`]). Each is useful
//! alone and is a feature of its own; any tower HTTP client composes them.
//!
//! ```text
//!  request                                                               response
//!     |                                                                      ^
//! +---v--- Retry401 --------- 401: one replay -------------------------------+---+
//! |   |     +-- RateLimitBackoff - 429: wait, all callers share the pause +  |   |
//! |   |     |     +-- SkewAuth --- attach token, watch the clock ---+     |  |   |
//! |   +-----+-----+---------------> client -------------------------+-----+--+   |
//! +------------------------------------------------------------------------------+
//! ```
//!
//! Why this order: what limits sends must see every send, so that the replay of a 401 does not slip past a pause; and what
//! attaches the token must run after every wait. Other orders compose and work, for what they are. Anything that follows
//! redirects goes **above** `SkewAuthLayer`. For a body that is not `Clone`, [`ReplayBodyLayer`] comes first of all.
//! Where tower's own layers go, and what each HTTP client needs, is told in [`composing`].
//!
//! # Example
//!
//! ```
//! use bytes::Bytes;
//! use clearance::{RateLimitBackoffLayer, Retry401Layer, SkewAuthLayer};
//! use clearance_test::ScriptedSource;
//! use http::{Request, Response, StatusCode, header::AUTHORIZATION};
//! use http_body_util::Full;
//! use tower::{ServiceBuilder, ServiceExt, service_fn};
//!
//! # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(async {
//! // A server that has revoked the first token.
//! let server = service_fn(|request: Request<Full<Bytes>>| async move {
//!     let revoked = request.headers()[AUTHORIZATION] == "Bearer stale";
//!     let status = if revoked { StatusCode::UNAUTHORIZED } else { StatusCode::OK };
//!     Ok::<_, std::io::Error>(Response::builder().status(status).body(Full::<Bytes>::default()).unwrap())
//! });
//!
//! let client = ServiceBuilder::new()
//!     .layer(Retry401Layer::new())
//!     .layer(RateLimitBackoffLayer::new())
//!     .layer(SkewAuthLayer::new(ScriptedSource::new(["stale", "fresh"])))
//!     .service(server);
//!
//! let users = client.oneshot(Request::get("https://api.example.com/users").body(Full::default())?).await?;
//! assert_eq!(users.status(), StatusCode::OK);
//! # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(()) }).unwrap();
//! ```
//!
//! # Where tokens come from
//!
//! From a [`TokenSource`]: one `async fn fetch` and the [`Audience`] that its tokens may be sent to. `clearance-genesys`,
//! `clearance-cxone` and `clearance-oauth` have sources for Genesys Cloud, NICE CXone and any OAuth 2.0 issuer. In a test,
//! `clearance_test::ScriptedSource` takes their place and nothing else changes.
//!
//! # When clock skew matters, and when it does not
//!
//! ```text
//!      you                       issuer                        API
//!   +--------+   "lives 300 s"  +--------+   iat, exp (JWT)  +--------+
//!   | 12:07  | <--------------- | 12:00  | ................> | 11:59  |
//!   +--------+                  +--------+                   +--------+
//!       |                                                        ^
//!       +------------------ Bearer t0k3n ------------------------+
//!                  (your clock is nowhere in it)
//! ```
//!
//! * **Your clock is wrong: nothing happens.** A bearer token does not carry your clock, and for a *lifetime* the skew
//!   cancels out: it is counted on the monotonic clock from the moment the token was asked for. Nobody refuses a token
//!   because of your clock. You are told that it is wrong, and by how much.
//! * **The API is behind the issuer: a fresh token is from the future there.** Another one would be younger still. The same
//!   token is held back until it is good, and later ones ripen before they are used.
//! * **The API is ahead of the issuer: a token with an absolute end (`exp`) ends there earlier.** It is renewed earlier.
//! * **`Retry-After` is a date:** it is measured against the `Date` of the same reply.
//! * **Your clock jumps, or the machine sleeps:** one token request, and no call is lost.
//!
//! [`skew_auth`] says how each is done.
//!
//! # What is seen from outside
//!
//! [`SkewAuthLayer::status`] and [`RateLimitBackoffLayer::status`] are snapshots for a health page; replies carry
//! [`Waited`], [`TokenRefused`] and [`RefusalReason`] in their extensions; everything else is `tracing`. No token,
//! secret, query or body is in any of it.
//!
//! | event or span | level | fields |
//! |---|---|---|
//! | span `token_refresh` | info | `cause` |
//! | token refreshed | info | `lifetime_s` |
//! | token kept (the issuer had none that lives longer) | info | `error` |
//! | token refresh failed | warn | `error` |
//! | token refresh vanished with its task | debug | |
//! | a clock is off | warn | (a sentence) |
//! | token request failed, trying again | debug | `attempt`, `error`, `pause_ms` |
//! | token refused | debug | `token` (its number), `advice` |
//! | token not attached | debug | `withheld` |
//! | request replayed after a refusal | debug | `uri.path` |
//! | 401 returned, 403 | warn | `correlation_id`, `why` or `scope` |
//! | held, released, retried | debug | `key`, `status`, `wait_ms`, `attempt` |
//! | paced (the learned rate has changed by a tenth) | debug | `key`, `rate` (calls a second) |
//! | gave up | warn | the same, and `reason` |
//!
//! # Features
//!
//! `skew-auth`, `retry-401` and `rate-limit-backoff`, one for each layer, all on by default.

#[cfg(any(feature = "skew-auth", feature = "retry-401"))]
mod challenge;
pub mod composing;
#[cfg(any(
    feature = "skew-auth",
    feature = "retry-401",
    feature = "rate-limit-backoff"
))]
mod grpc;
#[cfg(test)]
#[cfg(clearance_model)]
mod model;
#[cfg(any(feature = "skew-auth", feature = "rate-limit-backoff"))]
mod origin;
#[cfg(feature = "rate-limit-backoff")]
pub mod rate_limit_backoff;
mod refused;
#[cfg(any(feature = "retry-401", feature = "rate-limit-backoff"))]
pub mod replay;
#[cfg(feature = "retry-401")]
pub mod retry_401;
#[cfg(feature = "skew-auth")]
mod server_clocks;
#[cfg(feature = "skew-auth")]
pub mod skew_auth;
#[cfg(any(feature = "skew-auth", feature = "rate-limit-backoff"))]
mod sync;
#[cfg(feature = "skew-auth")]
mod token_cache;
mod waited;

pub use clearance_core::{
    AnyTokenSource, Audience, Secret, Token, TokenError, TokenErrorKind, TokenSource,
    token_source_fn,
};

#[cfg(feature = "rate-limit-backoff")]
pub use self::rate_limit_backoff::{RateLimitBackoff, RateLimitBackoffLayer};
#[cfg(any(feature = "retry-401", feature = "rate-limit-backoff"))]
pub use self::replay::{Replay, ReplayBody, ReplayBodyLayer};
#[cfg(feature = "retry-401")]
pub use self::retry_401::{Retry401, Retry401Layer};
#[cfg(feature = "skew-auth")]
pub use self::skew_auth::{SkewAuth, SkewAuthLayer};
pub use self::{
    refused::{RefusalReason, Settled, TokenRefused},
    waited::Waited,
};
