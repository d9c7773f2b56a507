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
//!    If that fails, or has not come half-way to its true end, the old token is sent; only past its end is the error
//!    returned. A token that is over by the wall clock alone is expired too: the machine may have slept.
//! 5. A refresh makes up to three attempts within 15 s and gives all waiters one outcome. After a failure there is a
//!    hold-off of 1 s doubling to 30 s (5 s to 60 s where credentials were denied), in which calls get the old token or
//!    the remembered error at once. Nothing stops for good.
//! 6. A **401** concerns the token that was sent. Was it accepted before, it was revoked: a new one is asked for at once.
//!    The reply carries [`TokenRefused`](crate::TokenRefused), whose `settled()` tells when a replay is worth sending.
//!    Refusals force six refreshes and one more every ten seconds at most.
//! 7. Was it **never accepted**, and the refusing reply's own `Date` lies before its issue: it is too young there. Calls
//!    to that host are held until it is not, for 30 s at most, and the *same* token is sent again. A new one would be
//!    younger.
//! 8. Never accepted, and no clock tells why: one more token is tried by one call while the others are held. If that is
//!    refused too, the older one is tried again as it ages, by one call every two seconds, until it is 30 s old; each
//!    call is held for 5 s at most. Then further tokens are tried, after 1, 2, 4 … 60 s, and the first of them to be
//!    refused is kept in its turn, since it may ripen. The age at which a host took its first token is its *ripening* time,
//!    but for what lies more than two seconds after its last refusal: later tokens become current when they are that old
//!    and a second more (an `iat` is a whole second, so the first may have been older there than it looked), and the old
//!    one is served meanwhile. Is there none, the new one is held back from that host alone.
//! 9. A **route that refuses** a new token while others accept it refreshes nothing for 5 s, doubling to 5 min.
//! 10. **gRPC**: `UNAUTHENTICATED` in a reply without messages is what a 401 is elsewhere; any other status but `OK` says
//!     nothing of the token. A status after messages has been handed up with them. A call waits no longer for its token
//!     than its `grpc-timeout`, and for a better one than it could send no longer than half of that. The server is told
//!     what is left.
//!
//! # Where it belongs
//!
//! Innermost: what waits or sends again goes above it, so that the token is judged after every wait. Anything that follows
//! redirects goes **above** it: a rule, not advice. Below it, a redirect would take the token along to a stranger.
//!
//! # Clocks
//!
//! A lifetime is counted on the local monotonic clock from the moment the token was *asked for*, so a wrong wall clock
//! changes nothing. The clocks of the issuer and of each API host are followed by the `Date` of their replies, against that
//! monotonic clock and with an error bar (a comparison and a store where it has not changed). Of the successes of one
//! host a clone of the service looks, after the first 16, at one in 10 ms: more would tell nothing new. They are used
//!
//! * to name a clock that is off by more than a minute, once, as a warning that says which one it is;
//! * for rule 7, where it is the *refusing reply's own* date that counts;
//! * for a token with an absolute end ([`Token::with_expires_at`](crate::Token::with_expires_at)): a host that is ahead of
//!   the issuer by less than half of the token's life shortens it by that; one further ahead is not believed, and left to
//!   its 401. A token that knows only its end is counted on the issuer's clock;
//! * in [`SkewAuthLayer::status`] and [`SkewAuthLayer::clock`], for health pages and queries that need the server's time.
//!
//! `Date` tells the clock of whoever wrote it, often a proxy: it is a hint, and being accepted is the proof. No token that
//! was just minted is given up for what a clock says.
//!
//! With [`Audience::any`](crate::Audience::any) two hosts may share one of 64 places, and then count as one of two clocks.
//! Where the source's audience changes, which it does with a new token, all hosts are learned anew.
//!
//! # Panics
//!
//! Waiting needs a tokio runtime with time enabled: outside a runtime a call that has to wait is an error that says so, and
//! in one without time tokio panics. A call whose token is fresh needs no runtime.
//!
//! # Errors
//!
//! The error is a boxed one, since this layer can fail by itself: downcast it to [`TokenError`](crate::TokenError). Where
//! the token had come and the service did not become ready within a `grpc-timeout`, it is an [`io::Error`](std::io::Error)
//! of the kind [`TimedOut`](std::io::ErrorKind::TimedOut).
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
mod look;
mod min_remaining;
mod sent;
mod server_times;
mod service;
mod status;

pub use self::{
    layer::SkewAuthLayer,
    min_remaining::MinRemaining,
    server_times::ServerTimes,
    service::SkewAuth,
    status::{HostStatus, Refreshes, Status, TokenState},
};

type BoxError = Box<dyn std::error::Error + Send + Sync>;
