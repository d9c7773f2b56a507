//! Rate limits, and the pauses that were announced.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use http::HeaderValue;
use tokio::time::Instant;

use super::answer::since_epoch;

/// In which form a pause is told in `Retry-After`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RetryAfter {
    /// Whole seconds, rounded up (RFC 9110 §10.2.3).
    Seconds,
    /// Seconds with three decimals, as some services write it against the standard.
    Fraction,
    /// An HTTP-date on the clock that also writes `Date`, rounded up.
    HttpDate,
    /// Seconds since 1970 on that clock, as some services write it.
    EpochSeconds,
    /// Milliseconds since 1970 on that clock, as some services write it.
    EpochMillis,
    /// Not at all.
    Absent,
}

/// How many requests are let through in how long a window.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rate {
    pub(crate) requests: u32,
    pub(crate) window: Duration,
}

/// Counts requests in fixed windows, each of which begins with the first request after the last one.
#[derive(Debug, Default)]
pub(crate) struct Limiter(Mutex<HashMap<String, (Instant, u32)>>);

/// The pauses that were announced, by token.
#[derive(Debug, Default)]
pub(crate) struct Pauses(Mutex<HashMap<String, (Instant, Instant)>>);

// ===== impl RetryAfter =====

impl RetryAfter {
    /// The header value for a pause of `wait`, and how long the pause is that it announces.
    pub(crate) fn announce(
        self,
        wait: Duration,
        now: SystemTime,
    ) -> Option<(HeaderValue, Duration)> {
        let seconds = wait.as_nanos().div_ceil(1_000_000_000);
        let end = since_epoch(now + wait);
        let end_second = end.as_secs() + u64::from(end.subsec_nanos() > 0);
        let end_milli = end.as_nanos().div_ceil(1_000_000);
        let until_second = || Duration::from_secs(end_second).saturating_sub(since_epoch(now));
        let (text, announced) = match self {
            Self::Absent => return None,
            Self::Seconds => {
                let announced = Duration::from_secs(seconds as u64);
                (seconds.to_string(), announced)
            }
            Self::Fraction => {
                let millis = wait.as_nanos().div_ceil(1_000_000) as u64;
                let text = format!("{}.{:03}", millis / 1_000, millis % 1_000);
                (text, Duration::from_millis(millis))
            }
            Self::HttpDate => {
                let date = SystemTime::UNIX_EPOCH + Duration::from_secs(end_second);
                (httpdate::fmt_http_date(date), until_second())
            }
            Self::EpochSeconds => (end_second.to_string(), until_second()),
            Self::EpochMillis => (end_milli.to_string(), wait),
        };
        Some((HeaderValue::from_str(&text).ok()?, announced))
    }
}

// ===== impl Limiter =====

impl Limiter {
    /// Lets a request of `key` through, or says how long it is until the next window.
    pub(crate) fn admit(&self, key: &str, rate: Rate, now: Instant) -> Result<(), Duration> {
        let mut windows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (begun, used) = windows.entry(key.to_owned()).or_insert((now, 0));
        if now >= *begun + rate.window {
            (*begun, *used) = (now, 0);
        }
        if *used >= rate.requests {
            return Err(*begun + rate.window - now);
        }
        *used += 1;
        Ok(())
    }
}

// ===== impl Pauses =====

impl Pauses {
    pub(crate) fn announce(&self, key: &str, now: Instant, pause: Duration) {
        let mut pauses = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (from, until) = pauses.entry(key.to_owned()).or_insert((now, now));
        if *until <= now {
            *from = now;
        }
        *until = (*until).max(now + pause);
    }

    /// Whether a request that arrived at `now` could have known better.
    pub(crate) fn covers(&self, key: &str, now: Instant) -> bool {
        let pauses = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        pauses
            .get(key)
            .is_some_and(|(from, until)| (*from..*until).contains(&now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_announces_at_least_the_wait() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_millis(784_111_777_250);
        let wait = Duration::from_millis(1_500);
        let cases = [
            (RetryAfter::Seconds, "2", 2_000),
            (RetryAfter::Fraction, "1.500", 1_500),
            (RetryAfter::HttpDate, "Sun, 06 Nov 1994 08:49:39 GMT", 1_750),
            (RetryAfter::EpochSeconds, "784111779", 1_750),
            (RetryAfter::EpochMillis, "784111778750", 1_500),
        ];
        for (form, text, millis) in cases {
            let (value, announced) = form.announce(wait, now).unwrap();
            assert_eq!(value, text);
            assert_eq!(announced, Duration::from_millis(millis), "{form:?}");
        }
        assert_eq!(RetryAfter::Absent.announce(wait, now), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_window_begins_with_its_first_request() {
        let limiter = Limiter::default();
        let rate = Rate {
            requests: 2,
            window: Duration::from_secs(10),
        };
        let admit = |key| limiter.admit(key, rate, Instant::now());
        assert!(admit("a").is_ok());
        tokio::time::advance(Duration::from_secs(4)).await;
        assert!(admit("a").is_ok());
        assert_eq!(admit("a"), Err(Duration::from_secs(6)));
        assert!(admit("b").is_ok(), "each key has its own");
        tokio::time::advance(Duration::from_secs(6)).await;
        assert!(admit("a").is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_covers_what_arrives_between_its_answer_and_its_end() {
        let pauses = Pauses::default();
        let (now, second) = (Instant::now(), Duration::from_secs(1));
        pauses.announce("a", now + second, 3 * second);
        pauses.announce("a", now + 2 * second, second);
        let covered = [0, 1, 3, 4].map(|at| pauses.covers("a", now + at * second));
        assert_eq!(covered, [false, true, true, false]);
        assert!(!pauses.covers("b", now + second));
    }
}
