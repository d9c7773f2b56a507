//! Rate limits, and the pauses that were announced.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use http::HeaderValue;
use tokio::time::Instant;

use super::answer::{LAST_DATE, http_date, since_epoch};

const SECOND: Duration = Duration::from_secs(1);
const MILLISECOND: Duration = Duration::from_millis(1);
/// No clock goes further in a test: a pause as long as this is one for ever.
const FOR_EVER: Duration = Duration::from_secs(100 * 365 * 86_400);

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
        let now = since_epoch(now);
        let end = now.saturating_add(wait);
        let (text, announced) = match self {
            Self::Absent => return None,
            Self::Seconds => {
                let wait = rounded_up(wait, SECOND);
                (wait.as_secs().to_string(), wait)
            }
            Self::Fraction => {
                let wait = rounded_up(wait, MILLISECOND);
                let text = format!("{}.{:03}", wait.as_secs(), wait.subsec_millis());
                (text, wait)
            }
            Self::HttpDate => {
                let end = rounded_up(end, SECOND).min(LAST_DATE);
                (http_date(end), end.saturating_sub(now))
            }
            Self::EpochSeconds => {
                let end = rounded_up(end, SECOND);
                (end.as_secs().to_string(), end.saturating_sub(now))
            }
            Self::EpochMillis => (rounded_up(end, MILLISECOND).as_millis().to_string(), wait),
        };
        Some((HeaderValue::from_str(&text).ok()?, announced))
    }
}

/// To whole units of a second or a part of one.
fn rounded_up(time: Duration, unit: Duration) -> Duration {
    let unit = unit.as_nanos();
    let over = u128::from(time.subsec_nanos()) % unit;
    let missing = (unit - over) % unit;
    time.saturating_add(Duration::from_nanos(missing as u64))
}

// ===== impl Limiter =====

impl Limiter {
    /// Lets a request of `key` through, or says how long it is until the next window.
    pub(crate) fn admit(&self, key: &str, rate: Rate, now: Instant) -> Result<(), Duration> {
        let mut windows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (begun, used) = windows.entry(key.to_owned()).or_insert((now, 0));
        if now.duration_since(*begun) >= rate.window {
            (*begun, *used) = (now, 0);
        }
        if *used >= rate.requests {
            return Err(rate.window - now.duration_since(*begun));
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
        *until = (*until).max(now + pause.min(FOR_EVER));
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

    #[test]
    fn the_longest_wait_is_announced_as_far_as_the_form_can_tell_it() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_millis(784_111_777_250);
        for (form, text) in [
            (RetryAfter::Seconds, "18446744073709551615"),
            (RetryAfter::Fraction, "18446744073709551615.999"),
            (RetryAfter::HttpDate, "Fri, 31 Dec 9999 23:59:59 GMT"),
            (RetryAfter::EpochSeconds, "18446744073709551615"),
            (RetryAfter::EpochMillis, "18446744073709551615999"),
        ] {
            let (value, announced) = form.announce(Duration::MAX, now).unwrap();
            assert_eq!(value, text);
            assert!(announced > FOR_EVER, "{form:?}");
        }
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
