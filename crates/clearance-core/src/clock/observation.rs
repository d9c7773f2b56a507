//! One piece of evidence on a server's clock.

use std::{
    fmt,
    time::{Duration, Instant, SystemTime},
};

use http::{
    HeaderMap,
    header::{AGE, DATE},
};

use super::{
    ClockAnchor, OffsetInterval,
    anchor::{nanos, nanos_since_epoch},
    bound::{Bound, Bounds},
    parse_http_date,
};

/// An exchange that takes longer says too little of when the stamp was made to prove that a clock was stepped: 5 s.
const SLOW: i128 = 5_000_000_000;

/// A server's time stamp, and when the exchange that carried it began and ended here.
#[derive(Clone, Copy)]
pub struct Observation {
    stamp: SystemTime,
    resolution: Duration,
    sent: Instant,
    received: Instant,
}

/// What an observation says, in nanoseconds of the local time of one anchor.
#[derive(Clone, Copy, Debug)]
pub(super) struct Evidence {
    /// The server's time that the stamp begins at, and that it ends before.
    pub(super) stamp: i128,
    pub(super) end: i128,
    pub(super) bounds: Bounds,
}

impl Observation {
    /// A stamp that was cut to `resolution` (`iat` and `Date`: one second), in a reply to a request that was sent at
    /// `sent` and whose head had arrived at `received`, both on tokio's clock.
    #[must_use]
    pub fn new(stamp: SystemTime, resolution: Duration, sent: Instant, received: Instant) -> Self {
        Self {
            stamp,
            resolution,
            sent,
            received: received.max(sent),
        }
    }

    /// The stamp in the `Date` field of a reply (RFC 9110 §6.6.1). `None` if there is none that can be read, or if the
    /// reply comes out of a cache (`Age` above 0) and its date with it.
    #[must_use]
    pub fn from_date(headers: &HeaderMap, sent: Instant, received: Instant) -> Option<Self> {
        Some(Self::new(
            date_of(headers)?,
            Duration::from_secs(1),
            sent,
            received,
        ))
    }

    /// What the server's clock showed, cut to the [resolution](Self::resolution).
    #[must_use]
    pub fn stamp(&self) -> SystemTime {
        self.stamp
    }

    /// To what the stamp was cut.
    #[must_use]
    pub fn resolution(&self) -> Duration {
        self.resolution
    }

    /// Between which bounds this puts `server − local`.
    #[must_use]
    pub fn offset(&self, local: &ClockAnchor) -> OffsetInterval {
        let Bounds { lower, upper } = self.evidence(local).bounds;
        OffsetInterval::new(lower.offset, upper.offset)
    }

    pub(super) fn evidence(&self, local: &ClockAnchor) -> Evidence {
        let stamp = nanos_since_epoch(self.stamp);
        let end = stamp + nanos(self.resolution);
        let (sent, received) = (local.nanos_at(self.sent), local.nanos_at(self.received));
        Evidence {
            stamp,
            end,
            bounds: Bounds {
                // The stamp had begun when it was received, and had not ended when it was asked for.
                lower: Bound {
                    offset: stamp - received,
                    at: received,
                },
                upper: Bound {
                    offset: end - sent,
                    at: sent,
                },
            },
        }
    }
}

impl Evidence {
    pub(super) fn received(&self) -> i128 {
        self.bounds.lower.at
    }

    pub(super) fn is_slow(&self) -> bool {
        self.bounds.lower.at - self.bounds.upper.at > SLOW
    }
}

/// Whether a reply was in a cache for a while (RFC 9111 §5.1), and its `Date` with it. What cannot be read counts as a while.
pub(super) fn is_cached(headers: &HeaderMap) -> bool {
    headers
        .get(AGE)
        .is_some_and(|age| age.to_str().map_or("", str::trim) != "0")
}

/// What a reply's `Date` says (RFC 9110 §6.6.1). `None` if it has none that can be read, or if the reply comes out of a
/// cache (`Age` above 0) and its date with it.
#[must_use]
pub fn date_of(headers: &HeaderMap) -> Option<SystemTime> {
    if is_cached(headers) {
        return None;
    }
    parse_http_date(headers.get(DATE)?.to_str().ok()?)
}

impl fmt::Debug for Observation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Observation")
            .field("stamp", &self.stamp)
            .field("resolution", &self.resolution)
            .field(
                "round_trip",
                &self.received.saturating_duration_since(self.sent),
            )
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn a_date_out_of_a_cache_is_no_evidence() {
        let now = tokio::time::Instant::now().into_std();
        let mut headers = HeaderMap::new();
        headers.insert(
            DATE,
            HeaderValue::from_static("Sun, 06 Nov 1994 08:49:37 GMT"),
        );
        assert!(Observation::from_date(&headers, now, now).is_some());
        for (age, usable) in [("0", true), ("1", false), ("soon", false)] {
            headers.insert(AGE, HeaderValue::from_static(age));
            assert_eq!(
                Observation::from_date(&headers, now, now).is_some(),
                usable,
                "Age: {age}"
            );
        }
    }

    #[test]
    fn a_stamp_bounds_the_offset_from_when_it_was_asked_for_to_when_it_came() {
        let (now, second) = (
            tokio::time::Instant::now().into_std(),
            Duration::from_secs(1),
        );
        let wall = SystemTime::UNIX_EPOCH + 9999 * second;
        let seen = Observation::new(wall + 60 * second, second, now + second, now + 4 * second);
        let offset = seen.offset(&ClockAnchor::new(now, wall));
        let seconds = |nanos: i128| nanos as f64 / 1e9;
        assert_eq!(
            (seconds(offset.lower()), seconds(offset.upper())),
            (56.0, 60.0)
        );
        assert_eq!(
            (seen.stamp(), seen.resolution()),
            (wall + 60 * second, second)
        );
        let shown = format!("{seen:?}");
        assert!(shown.contains("round_trip: 3s"), "{shown}");
    }
}
