//! Stand-ins for Genesys Cloud and NICE CXone that behave as the platforms do, down to status codes, error bodies and
//! header names, and that misbehave by script.
//!
//! They share no code with the crates that talk to the real platforms, so that a mistake there is not repeated here.
//! What is not known of a platform is left out, and where something had to be chosen its docs say so.
//!
//! # Ways in
//!
//! | | what it is good for |
//! |---|---|
//! | [`Simulator::client`], [`Simulator::connector`] | everything timed: hyper's server at the other end of a pipe in memory, the bytes of a real connection, exact virtual time |
//! | [`Simulator::serve`] | examples, and stacks that bring their own connections: real sockets on 127.0.0.1, real time |
//! | the [`Simulator`] itself, a tower service | tests of layers alone: no HTTP, no connection; any address is as good, the path tells which host is meant |
//!
//! **Never combine paused time with sockets**: tokio jumps the clock while a socket is merely slow, and every deadline
//! fires at once.
//!
//! ```
//! use bytes::Bytes;
//! use clearance_test::sim::{Fault, Genesys};
//! use http::Request;
//! use http_body_util::Full;
//! use std::time::Duration;
//! use tokio::time::{Instant, timeout};
//! # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(async {
//!
//! let genesys = Genesys::new();
//! let client = genesys.client::<Full<Bytes>>();
//! let request = || Request::get(format!("{}/api/v2/users", genesys.api_url())).body(Full::default()).unwrap();
//!
//! // Without a token the platform says no, as it does.
//! assert_eq!(client.request(request()).await.unwrap().status(), 401);
//!
//! // A hang ends exactly when the client gives up, in no time at all.
//! genesys.fault_next_api(Fault::Hang);
//! let begun = Instant::now();
//! assert!(timeout(Duration::from_secs(10), client.request(request())).await.is_err());
//! assert_eq!(begun.elapsed(), Duration::from_secs(10));
//!
//! assert_eq!((genesys.counters().api_requests, genesys.counters().unauthorized()), (2, 1));
//! # });
//! ```
//!
//! # Clocks
//!
//! A platform has three: the issuer's, by which tokens are made and end, the API's, and that of the edge in front
//! of the API, which writes the `Date` of its answers. They start at the time of this machine (or [`Builder::starting_at`]), follow tokio's clock, and can be
//! apart, drift, and step while the platform runs.
//!
//! # Tokens
//!
//! The platform keeps a book of what it minted. A token is good until its lifetime is over on the issuer's clock, or until
//! it is revoked; earlier ones live on beside later ones. [`Builder::api_checks_expiry`] and
//! [`Builder::not_before_tolerance`] let the API judge by a clock of its own.
//!
//! # Faults
//!
//! [`Fault`]s are queued for the token endpoint, for the rest of the login host and for the API apart. Each request takes
//! the next one as it arrives. [`Counters`] tell what was seen: assert counts, not sleeps.

mod answer;
mod body;
mod builder;
mod call;
mod counters;
mod cxone;
mod exchange;
mod fault;
mod genesys;
mod issuer;
mod limiter;
mod people;
mod pipe;
mod serve;
mod service;
mod settings;
mod simulator;
mod vendor;
mod world;

pub use self::{
    body::Body,
    builder::Builder,
    call::Endpoint,
    counters::{Counters, Seen},
    cxone::{Cxone, NiceCxone},
    fault::{Fault, Faults},
    genesys::{Genesys, GenesysCloud},
    limiter::RetryAfter,
    pipe::{Connector, Pipe},
    serve::Running,
    simulator::Simulator,
};
