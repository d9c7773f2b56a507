//! How far another machine's clock is from ours, as an interval and never as a point.
//!
//! A reply that carries a time stamp `S` of resolution `r`, to a request sent at `t0` and received at `t1`, bounds the
//! offset `server − local` to `[S − t1, S + r − t0]`: the stamp was made between the two, and a floored second may be
//! almost a second old. `t0` and `t1` are read on the monotonic clock, so a step of the local wall clock cannot spoil
//! them; a [`ClockAnchor`] says which wall-clock time a monotonic instant stands for.
//!
//! **Sign**: positive = the server is ahead. [`Skew`] says it in words, so that nobody has to remember it.
//!
//! ```
//! use std::time::{Duration, SystemTime};
//! use clearance_core::clock::{ClockAnchor, Observation, ServerClock, parse_http_date};
//! # let now = tokio::time::Instant::now().into_std();
//!
//! let noon = parse_http_date("Sun, 06 Nov 1994 12:00:00 GMT").unwrap();
//! let mut clock = ServerClock::new(ClockAnchor::new(now, noon));
//!
//! // A reply within 40 ms says that it is two minutes later than we think.
//! let sent = now + Duration::from_secs(5);
//! let stamp = noon + Duration::from_secs(125);
//! clock.observe(&Observation::new(stamp, Duration::from_secs(1), sent, sent + Duration::from_millis(40)));
//!
//! let skew = clock.skew().unwrap();
//! assert_eq!(skew.to_string(), "+120.48 s ± 0.52 s, server ahead");
//! assert!(skew.is_server_ahead() && skew.covers(Duration::from_secs(120)));
//! ```

mod anchor;
mod http_date;
mod observation;
mod server_clock;
mod skew;

pub use self::{
    anchor::{ClockAnchor, SystemClock, WallClock},
    http_date::parse_http_date,
    observation::Observation,
    server_clock::ServerClock,
    skew::{OffsetInterval, Skew},
};
