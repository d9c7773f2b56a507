//! Attaches a bearer token to each request, and keeps it fresh without making anybody wait.
//!
//! # How it decides
//!
//! 1. A request that has an `Authorization` field of its own, or goes to an origin outside the source's
//!    [`Audience`](crate::Audience), or over plain `http` to another machine, is passed on without the token.
//! 2. A **fresh** token is attached at once: one atomic load, the clock, one header value. No lock, nothing boxed.
//! 3. An **ageing** one (from its lifetime less min(5 min, lifetime / 5), jittered to be earlier) too, while *one*
//!    refresh runs in the background. Nobody waits, however slow the issuer is.
//! 4. Where it is **expired** (its lifetime less min(30 s, lifetime / 10)), the request waits for the refresh in flight.
//!    If that fails, the old token is sent until its true end; only then is the error returned.
//! 5. A refresh makes up to three attempts within 15 s and gives all waiters one outcome. After a failure there is a
//!    hold-off of 1 s doubling to 30 s (5 s to 60 s where credentials were denied), in which calls get the old token or
//!    the remembered error at once. Nothing stops for good.
//! 6. A **401** concerns the token that was sent. Was it accepted before, it was revoked: a new one is asked for at once.
//!    Was it never accepted, one more is tried by one call, and if that is refused too, further ones only after 1, 2,
//!    4 … 60 s. Refusals force six refreshes and one more every ten seconds at most. The reply carries
//!    [`TokenRefused`](crate::TokenRefused), whose `settled()` tells when a replay is worth sending.
//!
//! # Where it belongs
//!
//! Innermost: what waits or sends again goes above it, so that the token is judged after every wait. Anything that follows
//! redirects goes **above** it: a rule, not advice. Below it, a redirect would take the token along to a stranger.
//!
//! # Clocks
//!
//! A lifetime is counted on the local monotonic clock from the moment the token was *asked for*, so a wrong wall clock
//! changes nothing. [`Status::issuer_skew`] tells how far the issuer's clock is from the local one, for people.
//!
//! # Errors
//!
//! The error is a boxed one, since this layer can fail by itself: downcast it to [`TokenError`](crate::TokenError).
//!
//! **Erase outside, not inside.** Over a service whose error is `Box<dyn Error>` *and* whose type is erased
//! (`BoxCloneSyncService<_, _, BoxError>`), rustc refuses to await the stack in a spawned async block with
//! ``implementation of `From` is not general enough``. Erase the whole stack instead, outermost, or wrap the erased
//! service in a struct of your own.
//!
//! # Example
//!
//! ```
//! use bytes::Bytes;
//! use clearance::SkewAuthLayer;
//! use clearance_test::ScriptedSource;
//! use http::{Request, Response, header::AUTHORIZATION};
//! use http_body_util::Full;
//! use tower::{ServiceBuilder, ServiceExt, service_fn};
//!
//! # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
//! let source = ScriptedSource::new(["t0k3n"]);
//! let client = ServiceBuilder::new().layer(SkewAuthLayer::new(source.clone())).service(service_fn(
//!     |request: Request<Full<Bytes>>| async move {
//!         assert_eq!(request.headers()[AUTHORIZATION], "Bearer t0k3n");
//!         Ok::<_, std::io::Error>(Response::new(Full::<Bytes>::default()))
//!     },
//! ));
//!
//! for _ in 0..3 {
//!     let request = Request::get("https://api.example.com/users").body(Full::default())?;
//!     client.clone().oneshot(request).await?;
//! }
//! assert_eq!(source.fetches(), 1);
//! # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(()) }).unwrap();
//! ```

mod cold;
pub mod future;
mod layer;
mod min_remaining;
mod service;
mod status;

pub use self::{
    layer::SkewAuthLayer,
    min_remaining::MinRemaining,
    service::SkewAuth,
    status::{Refreshes, Status, TokenState},
};

type BoxError = Box<dyn std::error::Error + Send + Sync>;
