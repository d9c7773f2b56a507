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
    parse_http_date,
};

/// A server's time stamp, and when the exchange that carried it began and ended here.
#[derive(Clone, Copy)]
pub struct Observation {
    stamp: SystemTime,
    resolution: Duration,
    sent: Instant,
    received: Instant,
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
            received,
        }
    }

    /// The stamp in the `Date` field of a reply (RFC 9110 §6.6.1). `None` if there is none that can be read, or if the
    /// reply comes out of a cache (`Age` above 0) and its date with it.
    #[must_use]
    pub fn from_date(headers: &HeaderMap, sent: Instant, received: Instant) -> Option<Self> {
        let cached = headers
            .get(AGE)
            .is_some_and(|age| age.to_str().map_or("", str::trim) != "0");
        if cached {
            return None;
        }
        let stamp = parse_http_date(headers.get(DATE)?.to_str().ok()?)?;
        Some(Self::new(stamp, Duration::from_secs(1), sent, received))
    }

    /// Between which bounds this puts `server − local`.
    #[must_use]
    pub fn offset(&self, local: &ClockAnchor) -> OffsetInterval {
        let stamp = nanos_since_epoch(self.stamp);
        OffsetInterval::new(
            stamp - local.nanos_at(self.received),
            stamp + nanos(self.resolution) - local.nanos_at(self.sent),
        )
    }
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
}
