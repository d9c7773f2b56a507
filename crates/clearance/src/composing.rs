//! Where other layers go: those of tower and tower-http, and the clients that the stack ends in.
//!
//! From the outside in. Leave out what you do not need, and keep the order of the rest.
//!
//! ```text
//! ServiceBuilder::new()
//!     .layer(ReplayBodyLayer::new())             // any body; not needed where it is `Clone`
//!     .layer(SetSensitiveHeadersLayer::new(..))
//!     .layer(TraceLayer::new_for_http())         // each call
//!     .timeout(..)                               // each call, with its waits
//!     .layer(RetryLayer::new(policy))
//!     .layer(DecompressionLayer::new())
//!     .layer(FollowRedirectLayer::new())         // above SkewAuthLayer: a rule
//!     .load_shed()
//!     .layer(Retry401Layer::new())
//!     .layer(RateLimitBackoffLayer::new())
//!     .layer(SkewAuthLayer::new(source))
//!     .layer(TraceLayer::new_for_http())         // each sending
//!     .buffer(64)
//!     .concurrency_limit(8)
//!     .rate_limit(100, Duration::from_secs(1))
//!     .timeout(..)                               // each sending
//!     .service(client)
//! ```
//!
//! # Example
//!
//! ```
//! use std::{io, time::Duration};
//! use bytes::Bytes;
//! use clearance::{RateLimitBackoffLayer, Retry401Layer, SkewAuthLayer};
//! use clearance_test::ScriptedSource;
//! use http::{Request, Response, header::{AUTHORIZATION, RETRY_AFTER}};
//! use http_body_util::Full;
//! use tokio::time::Instant;
//! use tower::{ServiceBuilder, ServiceExt, service_fn, timeout::error::Elapsed};
//! # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(async {
//!
//! // Limits for 20 s whoever comes in the first 20 s, and then for a minute.
//! let start = Instant::now();
//! let server = service_fn(move |request: Request<Full<Bytes>>| async move {
//!     assert!(request.headers().contains_key(AUTHORIZATION));
//!     let wait = if start.elapsed() < Duration::from_secs(20) { 20 } else { 60 };
//!     let (status, wait) = if request.uri().path() == "/users" && wait == 60 { (200, 0) } else { (429, wait) };
//!     Ok::<_, io::Error>(Response::builder().status(status).header(RETRY_AFTER, wait).body(Full::<Bytes>::default()).unwrap())
//! });
//! let client = ServiceBuilder::new()
//!     .timeout(Duration::from_secs(30)) // the call with its waits
//!     .layer(Retry401Layer::new())
//!     .layer(RateLimitBackoffLayer::new())
//!     .layer(SkewAuthLayer::new(ScriptedSource::new(["t0k3n"])))
//!     .buffer(64)
//!     .concurrency_limit(1) // nothing holds the place while it waits
//!     .timeout(Duration::from_secs(5)) // each sending: a wait of 20 s does not count
//!     .service(server);
//!
//! let get = |url: &str| Request::get(url).body(Full::<Bytes>::default()).unwrap();
//! let users = client.clone().oneshot(get("https://api.example.com/users")).await?;
//! assert_eq!((users.status().as_u16(), start.elapsed().as_secs()), (200, 20));
//!
//! let begun = Instant::now();
//! let error = client.oneshot(get("https://api.example.com/export")).await.unwrap_err();
//! assert!(error.is::<Elapsed>());
//! assert_eq!(begun.elapsed(), Duration::from_secs(30));
//! # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(()) }).unwrap();
//! ```
//!
//! # Layers
//!
//! **`Timeout`**: above, it bounds the call with all its waits (for a token, out a pause); below, each sending. Take both.
//! One above does not cancel a refresh that others wait for, or that the next call needs. Without one below, a sending that
//! hangs is bounded by the call alone.
//!
//! **`ConcurrencyLimit`**: below, it counts sendings; no place is held during a wait, so even a limit of one can be shared
//! with the token source. Above, it counts calls, waiting ones included: a bound for memory, not for the server.
//!
//! **`RateLimit`**: below, so that replays count. It is not `Clone` and needs a `Buffer` above it.
//!
//! **`Buffer`**: right above what is not `Clone` (a `RateLimit`, a bare connection); without it the compiler says that the
//! layers need `Clone`. Never above a service whose `poll_ready` may fail: one error there ends the buffer for good. Ours
//! never fail there by themselves.
//!
//! **`LoadShed`**: above the three, with the limit below them: it sheds what finds no place to be sent, and nothing because
//! others wait. With the limit above the three, every call is shed while as many wait.
//!
//! **`Retry`**: above the three, for what they leave (a 503, a broken connection). Below, it would send a refused token
//! again, and into a pause. Leave 401 and 429 out of its policy. `Request<ReplayBody<B>>` is not `Clone`: a policy makes the
//! copy of [`request.body().again()?`](crate::Replay::again) and the rest of the head, and asks again in its `retry`
//! (`request.body().again()?;`), since a body can turn out to be too long while it is sent.
//!
//! **`Trace`**: above, a span for each call; below, one for each sending, which shows the replays. The token that is seen
//! there is marked sensitive; so is, above [`SkewAuthLayer`](crate::SkewAuthLayer), a field of a refusal that repeats it.
//!
//! **`SetSensitiveHeaders`**: above the outermost `Trace`, for secrets of your own (`Cookie`). The token needs none.
//!
//! **`FollowRedirect`**: above [`SkewAuthLayer`](crate::SkewAuthLayer), which judges each hop by its
//! [`Audience`](crate::Audience). Below, the token goes wherever a reply points. With the standard policy an upload does not
//! follow a 307; `clone_body_fn(ReplayBody::again)` makes it, as long as the body is kept: a longer one then ends in an error.
//!
//! **`Decompression`**: above the three, which read on what they refuse and should not have to decompress it.
//!
//! # Clients
//!
//! **hyper-util** takes the stack's body as it is: `.service(client)`, or `clearance_oauth::https()`.
//!
//! **axum**: a `Router` is a service and takes any body: `.service(router)`. In a server, keep the stack in the state
//! (`State<Client>`) and clone it for each call. Its bodies stream through a
//! [`ReplayBodyLayer`](crate::ReplayBodyLayer).
//!
//! **tonic**: a `Channel` has a body of its own,
//! `.map_request(|r: Request<ReplayBody<_>>| r.map(tonic::body::Body::new)).service(channel)`. It sets the address further
//! in, so the source's audience must be [`or_unaddressed`](crate::Audience::or_unaddressed).
//!
//! **reqwest** is a service of its own requests: `examples/reqwest_adapter.rs` is the conversion (`reqwest::Body::wrap`).
//! Its own redirects must be off (`redirect::Policy::none()`).
//!
//! # Erase outside, not inside
//!
//! Over a client that was erased to a `BoxCloneSyncService<_, _, BoxError>` rustc refuses to await the stack in a spawned
//! async block, an axum handler or an `async fn`:
//!
//! ```text
//! error: implementation of `From` is not general enough
//!    = note: `Box<(dyn std::error::Error + Send + Sync + 'static)>` must implement `From<Box<(dyn std::error::Error + Send + Sync + '0)>>`, for any lifetime `'0`...
//! ```
//!
//! It is how rustc handles `dyn Error + 'static` as a parameter of a type that is held across an await; tower's own
//! `Timeout` fails alike. So does tower's `Buffer`, with `higher-ranked lifetime error`, over a service whose future is a bare
//! `Pin<Box<dyn Future>>`. The remedies: erase the whole stack, outermost; or put a struct of your own around the erased
//! service (or future), which forwards to it.
