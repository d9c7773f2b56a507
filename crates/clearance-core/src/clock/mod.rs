//! How far another machine's clock is from ours, as an interval and never as a point.
//!
//! A reply that carries a time stamp `S` of resolution `r`, to a request sent at `t0` and received at `t1`, bounds the
//! offset `server − local` to `[S − t1, S + r − t0]`: the stamp was made between the two, and a floored second may be
//! almost a second old. `t0` and `t1` are read on the monotonic clock, so a step of the local wall clock cannot spoil
//! them; a [`ClockAnchor`] says which wall-clock time a monotonic instant stands for.
//!
//! **Sign**: positive = the server is ahead. [`Skew`] says it in words, so that nobody has to remember it.
//!
//! # How [`ServerClock`] decides
//!
//! * Bounds are *intersected*: each reply falls elsewhere in the server's second, and the tightest bounds stay. Each
//!   widens by 1 000 ppm of the time since it held, for clocks drift.
//! * When the *text* of a `Date` changes, the server's second has just ended. The first reply with the new text bounds
//!   the offset from below, the last with the old one from above. A reply whose text is the old one costs a comparison of
//!   [`date_fingerprint`]s and keeping its send time; see [`observe_change`](ServerClock::observe_change).
//! * A stamp that contradicts what is known begins another clock: the server's may have been stepped, or a balancer has
//!   several nodes. Up to four are kept, and the answer *spans* all of them, from the first stamp on. A second stamp, of
//!   another second, confirms one: then it is counted, and may tell the time. A clock is forgotten after 64 observed
//!   replies and 10 s without one of its own.
//! * Contradictions up to 50 ms are the scatter of one clock; the interval is widened by them for a while.
//! * Of several clocks that a stamp agrees with, none learns from it. An exchange of more than 5 s neither begins nor
//!   confirms a clock.
//! * No evidence at all: a reply out of a cache (`Age` above 0) or without a `Date` that can be read, for which there is
//!   no [`Observation`]; a stamp that a clock showed before and that now contradicts it, a copy; and an exchange across
//!   which the local clocks disagree ([`ClockAnchor::kept_pace`]), which is for the caller to check.
//!
//! ```
//! use std::time::{Duration, SystemTime};
//! use clearance_core::clock::{ClockAnchor, Observation, ServerClock, parse_http_date};
//! # let now = tokio::time::Instant::now().into_std();
//!
//! let noon = parse_http_date("Sun, 06 Nov 1994 12:00:00 GMT").unwrap();
//! let mut clock = ServerClock::new(ClockAnchor::new(now, noon));
//! let (second, ms) = (Duration::from_secs(1), Duration::from_millis(1));
//!
//! // A reply within 40 ms says that it is two minutes later than we think.
//! let sent = now + 5 * second;
//! let stamp = noon + 125 * second;
//! clock.observe_change(None, &Observation::new(stamp, second, sent, sent + 40 * ms));
//!
//! let skew = clock.skew().unwrap();
//! assert_eq!(skew.to_string(), "+120.48 s ± 0.52 s, server ahead");
//! assert!(skew.is_server_ahead() && skew.covers(Duration::from_secs(120)));
//!
//! // So does every reply until, 700 ms later, the next one has the next second.
//! let (last, sent) = (sent + 600 * ms, sent + 700 * ms);
//! clock.observe_change(Some(last), &Observation::new(stamp + second, second, sent, sent + 40 * ms));
//! assert_eq!(clock.skew().unwrap().to_string(), "+120.33 s ± 0.07 s, server ahead");
//! ```
//!
//! # What it cannot tell
//!
//! * The *stamps* are what is bounded. Many servers write their date once a second and use it until the next: their clock
//!   is ahead of the stamps by a lag of up to [`STAMP_LAG`], see [`Skew::with_lag`].
//! * Whose clock it is. A proxy may write the `Date` of all that passes.
//! * Clocks behind one name that are less than a second apart may be taken for one, so that the interval lies somewhere
//!   among them; of more than four, some are missing. Of one clock that drifts by no more than allowed, the offset is
//!   always inside.

mod anchor;
mod bound;
mod candidate;
mod fingerprint;
mod http_date;
mod observation;
mod offset;
mod server_clock;
mod skew;

pub use self::{
    anchor::{ClockAnchor, SystemClock, WallClock},
    fingerprint::date_fingerprint,
    http_date::parse_http_date,
    observation::{Observation, date_of},
    offset::OffsetInterval,
    server_clock::ServerClock,
    skew::{STAMP_LAG, Skew},
};
