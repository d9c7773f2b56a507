//! Cures a 401: waits until the refused token has been replaced, and sends the request once more.
//!
//! # How it decides
//!
//! 1. A reply with status 401, or with [`TokenRefused`](crate::TokenRefused) in its extensions, is a refusal. Everything
//!    else is passed on, a 403 with a log line that names the scope which its challenge asks for.
//! 2. With `TokenRefused` it holds the reply and awaits [`settled()`](crate::TokenRefused::settled), for 30 s at most.
//!    Without (another auth layer is below) a replay is worth a try at once.
//! 3. Is a replay of no use, the *original* reply is returned as it came, with the
//!    [`RefusalReason`](crate::RefusalReason) in its extensions.
//! 4. Else the rest of the reply is read (64 KiB and 1 s at most, so that its connection can be used again), and the
//!    request is sent again: its method, URI, version, fields, extensions and body are the original's. Once. Of a gRPC
//!    call the `grpc-timeout` bounds the wait too, reading takes half of what is left of it at most, and the replay tells
//!    how much that is then.
//! 5. A replay that is refused too is returned with its reason:
//!    [`RefusedAgain`](crate::RefusalReason::RefusedAgain), even if yet another token is on its way. A 403 is logged as in 1.
//!
//! A 401 is *taken to mean* that the request was refused before any work was done, so every method is sent again. Where a
//! server refuses half-way, [`Retry401Layer::idempotent_only`] narrows it. A body that cannot be sent twice
//! (see [`replay`](crate::replay)) is never replayed, and the 401 is returned.
//!
//! # Where it belongs
//!
//! Outermost of the three. Above [`RateLimitBackoffLayer`](crate::RateLimitBackoffLayer), so that the replay meets the
//! shared pause too, and above [`SkewAuthLayer`](crate::SkewAuthLayer), which attaches the new token.
//!
//! How long the inner service takes to be ready for the replay is not bounded here: put a `Timeout` above.
//!
//! # Errors
//!
//! None of its own: the inner error type is kept.
//!
//! # Panics
//!
//! A refusal is waited for with tokio's timer, so a reply with status 401 panics outside a tokio runtime with time enabled.
//!
//! # Example
//!
//! ```
//! use bytes::Bytes;
//! use clearance::{Retry401Layer, SkewAuthLayer};
//! use clearance_test::ScriptedSource;
//! use http::{Request, Response, StatusCode, header::AUTHORIZATION};
//! use http_body_util::Full;
//! use tower::{ServiceBuilder, ServiceExt, service_fn};
//!
//! # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(async {
//! let source = ScriptedSource::new(["stale", "fresh"]);
//! let client = ServiceBuilder::new()
//!     .layer(Retry401Layer::new())
//!     .layer(SkewAuthLayer::new(source.clone()))
//!     .service(service_fn(|request: Request<Full<Bytes>>| async move {
//!         let mut response = Response::new(Full::<Bytes>::default());
//!         if request.headers()[AUTHORIZATION] == "Bearer stale" {
//!             *response.status_mut() = StatusCode::UNAUTHORIZED;
//!         }
//!         Ok::<_, std::io::Error>(response)
//!     }));
//!
//! let request = Request::post("https://api.example.com/users").body(Full::from("new user"))?;
//! let response = client.oneshot(request).await?;
//! assert_eq!(response.status(), StatusCode::OK);
//! assert_eq!(source.fetches(), 2);
//! # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(()) }).unwrap();
//! ```

pub mod future;
mod layer;
mod report;
mod service;

pub use self::{layer::Retry401Layer, service::Retry401};
