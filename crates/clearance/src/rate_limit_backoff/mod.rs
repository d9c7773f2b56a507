//! Waiting out rate limits, all callers together.
//!
//! A client of many tasks that each wait out their own 429 comes back all at once and is refused again. Here the first
//! 429 holds them all, and after the pause they leave one after the other.
//!
//! ```
//! use std::{convert::Infallible, time::Duration};
//! use clearance::{RateLimitBackoffLayer, Waited};
//! use http::{Request, Response, header::RETRY_AFTER};
//! use tokio::time::Instant;
//! use tower::{ServiceBuilder, ServiceExt, service_fn};
//! # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(async {
//!
//! // A server that takes no more requests for ten seconds.
//! let start = Instant::now();
//! let server = service_fn(move |_: Request<String>| async move {
//!     let reply = match start.elapsed() < Duration::from_secs(10) {
//!         true => Response::builder().status(429).header(RETRY_AFTER, 10),
//!         false => Response::builder().status(200),
//!     };
//!     Ok::<_, Infallible>(reply.body(String::new()).unwrap())
//! });
//! let client = ServiceBuilder::new().layer(RateLimitBackoffLayer::new()).service(server);
//!
//! let request = || Request::post("https://api.example.com/v2/users").body("a user".to_owned()).unwrap();
//! let (one, other) = tokio::join!(client.clone().oneshot(request()), client.oneshot(request()));
//!
//! assert_eq!((one?.status().as_u16(), start.elapsed().as_secs()), (200, 10));
//! // The other one was told how long it took, and why: it was held, and only then sent.
//! let waited = other?.extensions().get::<Waited>().copied().unwrap();
//! assert_eq!((waited.attempts, waited.total.as_secs()), (1, 10));
//! # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(()) }).unwrap();
//! ```
//!
//! # How it decides
//!
//! 1. **429 is a limit of its key**, which is the origin unless [`keyed_by`](RateLimitBackoffLayer::keyed_by) says
//!    otherwise. It holds every call of that key, first ones and retries, until the stated time has passed and 0.1 %
//!    more, counted from the receipt of the reply. Without a stated time it is 1 s, doubling to 60 s as long as
//!    nothing gets through, and of that from a half to all by chance. So is a moment (below 1 s) that is stated again
//!    while nothing gets through.
//! 2. **A stated wait of more than a minute** (a daily quota) concerns only the call that met it. Several that are told
//!    so wait each alone, and so come back together.
//! 3. **503 with `Retry-After` is the server's trouble**: its call waits alone, and only if the request is idempotent
//!    (`GET`, `HEAD`, `PUT`, `DELETE`, `OPTIONS`, `TRACE`, or any with an `Idempotency-Key`). Further statuses can be
//!    named by [`classify_with`](RateLimitBackoffLayer::classify_with). From the second refusal on it waits 1 s at least,
//!    doubling to 32 s. A `Retry-After` on 401 and 3xx is ignored, and
//!    no 429 refreshes a token.
//! 4. **A 429 of a call that was sent before the pause began** is no new evidence: it lengthens the pause if it states
//!    a longer time, and nothing else.
//! 5. **Calls leave one by one, in the order of their arrival, at the rate that the key was found to allow.** After the
//!    first 429 that is 20 calls a second, and twice as many every second while calls are held: those before it are
//!    not counted, as that would cost every call. From the second 429 on it lies between what got through since the pause
//!    before, pauses included, and what was refused. It is kept for two pauses; then a little more is tried, only
//!    while calls are held; that is refused in time, and then 5 % less are kept for longer, up to 30 s.
//!    Nothing but 429s, their `Retry-After` and the calls that got through is needed for that; the `RateLimit` and
//!    `RateLimit-Policy` fields (draft-ietf-httpapi-ratelimit-headers) of replies that arrive while a limit is in sight
//!    are kept to as well, as far as they are about requests in a minute at most: a day's quota is not spread over the
//!    day. Where they hold calls back, nothing more is tried. A limit that was not felt for five minutes is forgotten.
//!    One that is known from the start is given by [`quota`](RateLimitBackoffLayer::quota), and only what was learned
//!    below it is forgotten. A refused call keeps its place, unless nothing has got through since the last pause: then
//!    another one is the next to try.
//! 6. **The gate is looked at last**, after the inner service is ready and in the moment of sending. Where a pause
//!    began meanwhile the readiness is given back. Nothing is held while a call waits, neither readiness nor a lock.
//! 7. **It gives up**, and returns the refused reply at once with [`RetryAfter`] in its extensions, when the call's turn,
//!    by the pause and the rate, comes later than it may wait: 180 s in all, or what its request says ([`MaxWait`], a
//!    `grpc-timeout`); when the call was sent five times and is refused while others get through; when 1024 calls of the
//!    key are held; when its body cannot be sent a second time. A call that has no reply to return, since it was held
//!    before it was sent or its turn moved on, fails with [`RateLimited`]: on arrival if it is clear then, else within a
//!    second of it. The rest of a refused reply that is waited out is read, so that its connection can be used again: 64
//!    KiB and 1 s at most, and no longer than until the call's turn or for half of what it may wait. After its
//!    `grpc-timeout` nothing is sent.
//! 8. **gRPC** says it in the fields of a reply without messages: `RESOURCE_EXHAUSTED` with a `grpc-retry-pushback-ms`
//!    that is not negative is a limit, and that is its wait (0: as if none were stated). Without one it may be about the
//!    size of a message: `classify_with` can take it for a limit all the same. What is sent after a wait tells the server
//!    what is left of its `grpc-timeout`.
//!
//! A reply that was waited for says so: [`Waited`](crate::Waited) is in its extensions. In the extensions of a request
//! it counts as spent.
//!
//! | `Retry-After` (RFC 9110 §10.2.3) | is read as |
//! |---|---|
//! | a whole number below 10⁹ | seconds |
//! | 10⁹ to 10¹¹, 10¹² to 10¹⁴ | seconds or milliseconds since 1970, against the `Date` of the same reply |
//! | a decimal fraction | seconds, rounded up to the millisecond |
//! | an HTTP-date in any of its three forms | minus the `Date` of the same reply; without one, the local clock |
//! | 0, a negative number, a time in the past, words, nothing | as if it were not there |
//! | several fields | the longest of them |
//!
//! # Where it belongs
//!
//! Below whatever sends requests again, so that a replay cannot slip past a pause, and above whatever attaches tokens, so
//! that a token is chosen after the wait:
//!
//! ```text
//! ServiceBuilder::new()
//!     .layer(Retry401Layer::new())
//!     .layer(RateLimitBackoffLayer::new())
//!     .layer(SkewAuthLayer::new(source))
//!     .service(client)
//! ```
//!
//! A timeout above bounds the call with its waits, one below each sending. The inner service must be `Clone`; tower's
//! `Buffer` makes any service so. Make one layer, and clone it or its services: only those share their pauses.
//!
//! # Caveats
//!
//! * How long an inner service takes to be ready is not bounded here: put a `Timeout` above.
//! * A request is sent twice only where its body can be: see [`replay`](crate::replay).
//! * A refresh of the token does not end a pause, as an organisation may be limited as well as its tokens
//!   ([`per_generation`](RateLimitBackoffLayer::per_generation) changes that, and then a 429 that was meant for the token
//!   before holds nobody but its own call).
//! * A call that waits has to be polled to move. One that is not slows down those behind it, but does not stop them.
//! * 1024 keys at a time have a pause of their own; while they all are limited, all further keys share one.
//! * Waiting needs tokio's timer: a limit that is met outside a tokio runtime with time enabled is a panic.
//! * While any key is limited, and for five minutes after, every call works out its key and looks it up. With no limit in
//!   sight it is one atomic load. With a quota one always is in sight.
//!
//! # Configuration and what is seen from outside
//!
//! ```
//! use std::{convert::Infallible, time::Duration};
//! use clearance::{RateLimitBackoffLayer, rate_limit_backoff::{Refusal, RetryAfter}};
//! use http::{Request, Response, StatusCode, header::RETRY_AFTER};
//! use tower::{ServiceBuilder, ServiceExt, service_fn};
//! # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(async {
//!
//! let layer = RateLimitBackoffLayer::new()
//!     // This server limits by tenant, which is the first segment of its paths,
//!     .keyed_by(|head| head.uri.path().split('/').nth(1).unwrap_or_default().to_owned())
//!     // and says 403 where others say 429.
//!     .classify_with(|status, headers| {
//!         let limited = status == StatusCode::FORBIDDEN && headers.contains_key(RETRY_AFTER);
//!         limited.then_some(Refusal::Limited)
//!     })
//!     .max_wait(Duration::from_secs(20));
//!
//! let client = ServiceBuilder::new().layer(layer.clone()).service(service_fn(|_: Request<String>| async {
//!     let reply = Response::builder().status(403).header(RETRY_AFTER, 30);
//!     Ok::<_, Infallible>(reply.body(String::new()).unwrap())
//! }));
//! let request = Request::get("https://api.example.com/acme/users").body(String::new()).unwrap();
//! let reply = client.oneshot(request).await?;
//!
//! // Thirty seconds do not fit into twenty: the caller is told at once, and everyone else is held.
//! assert_eq!(reply.status(), 403);
//! assert_eq!(reply.extensions().get(), Some(&RetryAfter(Duration::from_secs(30))));
//! assert_eq!(layer.status().to_string(), "acme: 0 held, pause 30.0 s, 1 refused, 1 given up");
//! # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(()) }).unwrap();
//! ```
//!
//! Events of `tracing`: `held`, `released` (held, and sent for the first time), `retried` and `paced` (the rate of a key
//! is another one by a tenth or more) at debug level, `gave up` as a warning. Their fields: `key`; `status` of the
//! refusal; `wait_ms`, to come or past; `attempt`, how often the request was sent; `rate`, calls a second; `reason` for
//! giving up. Of a request they tell no more than the key. [`status`](RateLimitBackoffLayer::status) tells what is held
//! now, and at which rate calls leave.

mod call;
mod event;
pub mod future;
mod gate;
mod gates;
mod hint;
mod key;
mod layer;
mod learner;
mod pace;
mod pause;
mod quota;
mod refusal;
mod service;
mod signal;
mod status;
mod step;

pub use self::{
    layer::RateLimitBackoffLayer,
    quota::Quota,
    refusal::{MaxWait, RateLimited, Refusal, RetryAfter},
    service::RateLimitBackoff,
    status::{KeyStatus, Status},
};

#[cfg(test)]
#[cfg(clearance_model)]
mod model;
#[cfg(test)]
#[cfg(not(clearance_model))]
mod tests;
