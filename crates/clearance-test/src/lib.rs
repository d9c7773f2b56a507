//! A test kit for the [clearance] layers, and for any client that carries bearer tokens.
//!
//! * [`ScriptedSource`] plays a script of tokens, failures, hangs and panics, and counts how often it is asked;
//! * [`ReadyProbe`] panics where a middleware calls a service that it did not make ready, and counts held readiness;
//! * [`TokioWallClock`] is a wall clock that stands still and jumps together with tokio's paused time;
//! * [`sim`] holds stand-ins for Genesys Cloud and NICE CXone, with clocks, rate limits and faults of their own.
//!
//! Nothing sleeps for real: all time is tokio's, so a test of an hour takes milliseconds under `start_paused`. Only
//! [`sim::Simulator::serve`] opens sockets, and that one needs real time.
//!
//! ```
//! use clearance_core::{TokenSource, clock::WallClock};
//! use clearance_test::{ScriptedSource, sim::Genesys};
//! use http::{Request, header::AUTHORIZATION};
//! use http_body_util::Empty;
//! use bytes::Bytes;
//! use tower::ServiceExt;
//! # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(async {
//!
//! // A platform whose clocks are two minutes ahead, called as a tower service.
//! let genesys = Genesys::builder().clocks_ahead(120.0).build();
//! let source = ScriptedSource::new(["never-minted"]);
//!
//! let request = Request::get("https://api.mypurecloud.com/api/v2/users")
//!     .header(AUTHORIZATION, source.fetch().await?.header())
//!     .body(Empty::<Bytes>::new())
//!     .unwrap();
//! let response = genesys.clone().oneshot(request).await.unwrap();
//!
//! assert_eq!(response.status(), 401);
//! assert_eq!(response.headers()["date"], httpdate::fmt_http_date(genesys.edge_clock().now()));
//! assert_eq!((source.fetches(), genesys.counters().unauthorized()), (1, 1));
//! # Ok::<(), clearance_core::TokenError>(()) }).unwrap();
//! ```
//!
//! [clearance]: https://docs.rs/clearance

mod ready_probe;
mod scripted_source;
pub mod sim;
mod wall_clock;

pub use self::{
    ready_probe::{ProbeHandle, ReadyProbe},
    scripted_source::{ScriptedSource, Step},
    wall_clock::TokioWallClock,
};
