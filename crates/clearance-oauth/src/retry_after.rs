//! For how long an issuer asks not to be called.

use std::time::Duration;

use clearance_core::clock::parse_http_date;
use http::{
    HeaderMap,
    header::{DATE, RETRY_AFTER},
};

/// Reads `Retry-After` (RFC 9110 §10.2.3): seconds, or an HTTP-date, of which the answer's own `Date` is taken away so
/// that no other clock has a say. What is past, 0 or unreadable is as if absent; of several fields the longest counts.
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let waits = headers.get_all(RETRY_AFTER).iter().filter_map(|value| {
        let text = value.to_str().ok()?.trim();
        if text.bytes().all(|byte| byte.is_ascii_digit()) {
            // From 10⁹ on it is an epoch and not a duration.
            let seconds = text
                .parse()
                .ok()
                .filter(|seconds| *seconds < 1_000_000_000)?;
            return Some(Duration::from_secs(seconds));
        }
        let now = parse_http_date(headers.get(DATE)?.to_str().ok()?)?;
        parse_http_date(text)?.duration_since(now).ok()
    });
    waits.max().filter(|wait| !wait.is_zero())
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn seconds_and_dates_against_the_answers_own_clock() {
        const DATED: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
        for (date, fields, seconds) in [
            (None, &["7"][..], Some(7)),
            (None, &[" 7 "], Some(7)),
            (None, &["7", "30", "x"], Some(30)),
            (Some(DATED), &["Sun, 06 Nov 1994 08:50:07 GMT"], Some(30)),
            (Some(DATED), &["Sunday, 06-Nov-94 08:50:07 GMT"], Some(30)),
            (Some(DATED), &["Sun, 06 Nov 1994 08:49:00 GMT"], None),
            (Some("soon"), &["Sun, 06 Nov 1994 08:50:07 GMT"], None),
            (None, &["Sun, 06 Nov 1994 08:50:07 GMT"], None),
            (None, &["0"], None),
            (None, &["-5"], None),
            (None, &["soon"], None),
            (None, &[""], None),
            (None, &["1767225600"], None),
            (None, &["99999999999999999999999"], None),
            (None, &[], None),
        ] {
            let mut headers = HeaderMap::new();
            if let Some(date) = date {
                headers.insert(DATE, HeaderValue::from_static(date));
            }
            for field in fields {
                headers.append(RETRY_AFTER, HeaderValue::from_static(field));
            }
            let wait = retry_after(&headers);
            assert_eq!(
                wait,
                seconds.map(Duration::from_secs),
                "{date:?} {fields:?}"
            );
        }
    }
}
