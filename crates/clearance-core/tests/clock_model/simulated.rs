//! A server whose clock is known exactly, and what a client does that watches it.

use std::time::{Duration, Instant, SystemTime};

use clearance_core::clock::{ClockAnchor, Observation, ServerClock, date_fingerprint};
use http::{HeaderMap, HeaderValue, header::DATE};

pub(crate) const SECOND: i64 = 1_000_000_000;
pub(crate) const MILLI: i64 = 1_000_000;

/// A server's clock, against a local one that is right. Times are nanoseconds since the client was started.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Server {
    pub(crate) offset: i64,
    pub(crate) drift_ppm: i64,
}

/// A request and its reply.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Exchange {
    pub(crate) sent: i64,
    pub(crate) round_trip: i64,
    /// When in the round trip the server made its stamp: 0 to 1 000.
    pub(crate) stamped_at: i64,
    /// How long the reply lies about in the client before it is looked at.
    pub(crate) left_lying: i64,
}

/// A client that compares texts, and shows the model only those that differ from the last.
#[derive(Debug)]
pub(crate) struct Client {
    clock: ServerClock,
    started: Instant,
    started_at: SystemTime,
    text: Option<u64>,
    last_sent: Instant,
}

impl Server {
    pub(crate) fn offset_at(&self, at: i64) -> i64 {
        let drifted = i128::from(at) * i128::from(self.drift_ppm) / 1_000_000;
        self.offset + i64::try_from(drifted).unwrap()
    }
}

impl Exchange {
    /// One that takes 10 ms, with the stamp made half way.
    pub(crate) fn quick(sent: i64) -> Self {
        Self {
            sent,
            round_trip: 10 * MILLI,
            stamped_at: 500,
            left_lying: 0,
        }
    }

    pub(crate) fn stamped(&self) -> i64 {
        self.sent + self.round_trip / 1_000 * self.stamped_at
    }

    pub(crate) fn received(&self) -> i64 {
        self.sent + self.round_trip
    }

    pub(crate) fn looked_at(&self) -> i64 {
        self.received() + self.left_lying
    }
}

impl Client {
    pub(crate) fn new() -> Self {
        // Sun, 06 Nov 1994 08:49:37.377 GMT, with the clocks of all servers of a test long after 1970.
        let started_at = SystemTime::UNIX_EPOCH + Duration::from_millis(784_111_777_377);
        let started = tokio::time::Instant::now().into_std();
        Self {
            clock: ServerClock::new(ClockAnchor::new(started, started_at)),
            started,
            started_at,
            text: None,
            last_sent: started,
        }
    }

    pub(crate) fn instant(&self, at: i64) -> Instant {
        self.started + Duration::from_nanos(at.try_into().unwrap())
    }

    fn wall(&self, at: i64) -> SystemTime {
        let moved = Duration::from_nanos(at.unsigned_abs());
        if at < 0 {
            self.started_at - moved
        } else {
            self.started_at + moved
        }
    }

    pub(crate) fn server_time(&self, server: &Server, at: i64) -> SystemTime {
        self.wall(at + server.offset_at(at))
    }

    /// A reply with a `Date`.
    pub(crate) fn look_at(&mut self, server: &Server, exchange: &Exchange) {
        let (sent, received) = (
            self.instant(exchange.sent),
            self.instant(exchange.received()),
        );
        let date = httpdate::fmt_http_date(self.server_time(server, exchange.stamped()));
        let headers = HeaderMap::from_iter([(DATE, HeaderValue::from_str(&date).unwrap())]);

        let text = date_fingerprint(&headers);
        assert!(text.is_some());
        if text == self.text {
            // All that this costs is a comparison and a store; the model hears of it when it is asked.
            self.last_sent = self.last_sent.max(sent);
            return;
        }
        let seen = Observation::from_date(&headers, sent, received).unwrap();
        let previous_last_sent = self.text.is_some().then_some(self.last_sent);
        self.clock.observe_change(previous_last_sent, &seen);
        (self.text, self.last_sent) = (text, sent);
    }

    /// A reply with a stamp of milliseconds in its body.
    pub(crate) fn look_at_millis(&mut self, server: &Server, exchange: &Exchange) {
        let (sent, received) = (
            self.instant(exchange.sent),
            self.instant(exchange.received()),
        );
        let time = self.server_time(server, exchange.stamped());
        let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap();
        let millis = since.as_millis().try_into().unwrap();
        let stamp = SystemTime::UNIX_EPOCH + Duration::from_millis(millis);
        let milli = Duration::from_millis(1);
        self.clock
            .observe(&Observation::new(stamp, milli, sent, received));
    }

    /// The model, with all that the client knows.
    pub(crate) fn asked(&mut self) -> &ServerClock {
        if self.text.is_some() {
            self.clock.observe_unchanged(self.last_sent);
        }
        &self.clock
    }

    /// Whether the model allows what the server's clock really shows.
    pub(crate) fn allows(&mut self, server: &Server, at: i64) -> bool {
        let (now, time) = (self.instant(at), self.server_time(server, at));
        let clock = self.asked();
        clock.earliest_at(now).unwrap() <= time && time <= clock.latest_at(now).unwrap()
    }

    /// Half the width of what the model allows, in seconds.
    pub(crate) fn error(&mut self, at: i64) -> f64 {
        let now = self.instant(at);
        let offset = self.asked().offset_at(now).unwrap();
        offset.skew().error().as_secs_f64()
    }
}
