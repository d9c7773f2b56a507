//! Reading `Retry-After` (RFC 9110 §10.2.3) in every form in which servers send it. No policy in here.

use std::time::{Duration, SystemTime};

use http::{
    HeaderMap, HeaderValue,
    header::{DATE, RETRY_AFTER},
};

use crate::clock::parse_http_date;

/// Whole seconds from here on are no duration but a time since 1970.
const EPOCH_SECONDS: std::ops::Range<u64> = 1_000_000_000..100_000_000_000;
const EPOCH_MILLIS: std::ops::Range<u64> = 1_000_000_000_000..100_000_000_000_000;

/// How long the reply asks to wait, counted from its receipt: the longest of its `Retry-After` fields. `None` if it
/// does not say so in a way that can be read, or names no time to come.
///
/// A point in time is measured against the reply's own `Date`, so that the local clock has no say in it. `local_now` is
/// asked only where there is no `Date`; `|| None` then leaves such a field unread.
///
/// | field | is read as |
/// |---|---|
/// | a whole number below 10⁹ | seconds |
/// | 10⁹ to 10¹¹, 10¹² to 10¹⁴ | seconds or milliseconds since 1970 |
/// | a decimal fraction | seconds, rounded up to the millisecond |
/// | an HTTP-date in any of its three forms | that time |
/// | 0, a negative number, a time in the past, words, nothing | as if it were not there |
///
/// ```
/// use std::time::Duration;
/// use clearance_core::retry_after;
/// use http::{HeaderMap, HeaderValue, header::{DATE, RETRY_AFTER}};
///
/// let mut headers = HeaderMap::new();
/// headers.insert(DATE, HeaderValue::from_static("Sun, 06 Nov 1994 08:49:37 GMT"));
/// headers.insert(RETRY_AFTER, HeaderValue::from_static("Sun, 06 Nov 1994 08:50:07 GMT"));
/// assert_eq!(retry_after(&headers, || None), Some(Duration::from_secs(30)));
/// headers.insert(RETRY_AFTER, HeaderValue::from_static("0.5"));
/// assert_eq!(retry_after(&headers, || None), Some(Duration::from_millis(500)));
/// ```
#[must_use]
pub fn retry_after(
    headers: &HeaderMap,
    local_now: impl Fn() -> Option<SystemTime>,
) -> Option<Duration> {
    let date = || headers.get(DATE).and_then(text).and_then(parse_http_date);
    let now = || date().or_else(&local_now);
    let fields = headers.get_all(RETRY_AFTER).iter().filter_map(text);
    fields
        .filter_map(|field| wait(field.trim(), now))
        .filter(|wait| !wait.is_zero())
        .max()
}

fn text(value: &HeaderValue) -> Option<&str> {
    value.to_str().ok()
}

fn wait(field: &str, now: impl Fn() -> Option<SystemTime>) -> Option<Duration> {
    let until = |time: SystemTime| time.duration_since(now()?).ok();
    let Some((whole, millis)) = decimal(field) else {
        return until(parse_http_date(field)?);
    };
    if whole < EPOCH_SECONDS.start {
        return Some(Duration::from_millis(whole * 1000 + millis));
    }
    let epoch = if EPOCH_SECONDS.contains(&whole) {
        Duration::from_millis(whole * 1000 + millis)
    } else if EPOCH_MILLIS.contains(&whole) {
        Duration::from_millis(whole)
    } else {
        return None;
    };
    until(SystemTime::UNIX_EPOCH.checked_add(epoch)?)
}

/// A number without sign and exponent: its whole part, and the rest rounded up to thousandths.
fn decimal(text: &str) -> Option<(u64, u64)> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(fraction) {
        return None;
    }
    let leading = fraction
        .bytes()
        .chain(std::iter::repeat(b'0'))
        .take(3)
        .fold(0, |sum, digit| sum * 10 + u64::from(digit - b'0'));
    let remainder = fraction.bytes().skip(3).any(|digit| digit != b'0');
    Some((whole.parse().ok()?, leading + u64::from(remainder)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DATE_TEXT: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
    const EPOCH: u64 = 784_111_777;

    fn headers(fields: &[&str], date: Option<&'static str>) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for field in fields {
            headers.append(RETRY_AFTER, HeaderValue::from_str(field).unwrap());
        }
        if let Some(date) = date {
            headers.insert(DATE, HeaderValue::from_static(date));
        }
        headers
    }

    fn millis(fields: &[&str]) -> Option<u128> {
        let headers = headers(fields, Some(DATE_TEXT));
        let wait = retry_after(&headers, || unreachable!("the reply has a Date"));
        wait.map(|wait| wait.as_millis())
    }

    #[test]
    fn seconds() {
        assert_eq!(millis(&["1"]), Some(1000));
        assert_eq!(millis(&[" 120 "]), Some(120_000));
        assert_eq!(millis(&["007"]), Some(7000));
        assert_eq!(millis(&["999999999"]), Some(999_999_999_000));
    }

    #[test]
    fn fractions_are_rounded_up_to_the_millisecond() {
        assert_eq!(millis(&["0.25"]), Some(250));
        assert_eq!(millis(&["1.0000001"]), Some(1001));
        assert_eq!(millis(&["1.9999"]), Some(2000));
        assert_eq!(millis(&["2.000000"]), Some(2000));
        assert_eq!(millis(&["3."]), Some(3000));
    }

    #[test]
    fn times_since_1970_are_measured_against_the_date_of_the_reply() {
        // The smallest of them lies in 2001, after this reply's date.
        assert_eq!(
            millis(&["1000000000"]),
            Some(u128::from(1_000_000_000 - EPOCH) * 1000)
        );
        assert_eq!(
            millis(&["1000000000000"]),
            Some(u128::from(1_000_000_000 - EPOCH) * 1000)
        );
        assert_eq!(
            millis(&["1000000000.5"]),
            Some(u128::from(1_000_000_000 - EPOCH) * 1000 + 500)
        );
        assert!(millis(&["99999999999"]).is_some());
        assert!(millis(&["99999999999999"]).is_some());
        for neither in [
            "100000000000",
            "999999999999",
            "100000000000000",
            "18446744073709551615",
        ] {
            assert_eq!(millis(&[neither]), None, "{neither}");
        }
    }

    #[test]
    fn dates_in_all_three_forms() {
        assert_eq!(millis(&["Sun, 06 Nov 1994 08:50:37 GMT"]), Some(60_000));
        assert_eq!(millis(&["Sunday, 06-Nov-94 08:50:37 GMT"]), Some(60_000));
        assert_eq!(millis(&["Sun Nov  6 08:50:37 1994"]), Some(60_000));
    }

    #[test]
    fn what_names_no_time_to_come_is_as_good_as_absent() {
        let past = "Sun, 06 Nov 1994 08:49:36 GMT";
        let other = [
            "", "0", "0.0", "00", "-5", "+5", "1e3", "soon", "1 s", "1.5.2", ".", "٣", DATE_TEXT,
            past,
        ];
        for field in other {
            let mut headers = headers(&[], Some(DATE_TEXT));
            headers.insert(
                RETRY_AFTER,
                HeaderValue::from_bytes(field.as_bytes()).unwrap(),
            );
            assert_eq!(retry_after(&headers, || None), None, "{field:?}");
        }
        assert_eq!(millis(&[]), None);
        assert_eq!(millis(&["99999999999999999999999999999999999999999"]), None);
        assert_eq!(millis(&["1.", "9".repeat(400).as_str()]), Some(1000));
    }

    #[test]
    fn of_several_fields_the_longest_counts() {
        assert_eq!(
            millis(&["3", "Sun, 06 Nov 1994 08:49:44 GMT", "soon", "5"]),
            Some(7000)
        );
    }

    #[test]
    fn the_local_clock_has_a_say_only_without_a_date() {
        let server = parse_http_date(DATE_TEXT).unwrap();
        let hour = Duration::from_secs(3600);
        let field = ["Sun, 06 Nov 1994 08:50:37 GMT"];
        for local in [server - hour, server, server + hour] {
            assert_eq!(
                retry_after(&headers(&field, Some(DATE_TEXT)), || Some(local)),
                Some(Duration::from_secs(60))
            );
        }
        let without = |local: SystemTime| retry_after(&headers(&field, None), || Some(local));
        assert_eq!(without(server), Some(Duration::from_secs(60)));
        assert_eq!(without(server - hour), Some(Duration::from_secs(3660)));
        assert_eq!(without(server + hour), None);
        let unreadable = headers(&field, Some("today"));
        assert_eq!(
            retry_after(&unreadable, || Some(server)),
            Some(Duration::from_secs(60))
        );
    }
}
