//! What answers are made of.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header::CONTENT_TYPE};
use serde_json::Value;

/// An answer before anything spoils it.
pub(crate) type Answer = Response<Bytes>;

pub(crate) fn json(status: StatusCode, value: &Value) -> Answer {
    text(status, "application/json", value.to_string())
}

pub(crate) fn html(status: StatusCode) -> Answer {
    let page = "<!DOCTYPE html><html><body><h1>Sign in</h1></body></html>";
    text(status, "text/html; charset=utf-8", page)
}

pub(crate) fn empty(status: StatusCode) -> Answer {
    let mut answer = Response::new(Bytes::new());
    *answer.status_mut() = status;
    answer
}

pub(crate) fn text(
    status: StatusCode,
    content_type: &'static str,
    body: impl Into<Bytes>,
) -> Answer {
    let mut answer = Response::new(body.into());
    *answer.status_mut() = status;
    let content_type = HeaderValue::from_static(content_type);
    answer.headers_mut().insert(CONTENT_TYPE, content_type);
    answer
}

/// What a login host calls an error with this status (RFC 6749 §5.2). Both platforms deny an unknown client with 400 or 401.
pub(crate) fn oauth_error(status: StatusCode) -> &'static str {
    match status.as_u16() {
        400 | 401 => "invalid_client",
        402..500 => "invalid_request",
        _ => "server_error",
    }
}

/// Whole seconds since 1970, cut off, as in the claims of a JWT.
pub(crate) fn epoch_seconds(time: SystemTime) -> u64 {
    since_epoch(time).as_secs()
}

/// How long it is since 1970, nothing before.
pub(crate) fn since_epoch(time: SystemTime) -> Duration {
    time.duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default()
}

/// The last second that an HTTP-date can tell: the end of the year 9999.
pub(crate) const LAST_DATE: Duration = Duration::from_secs(253_402_300_799);

/// So long after 1970, as far as an HTTP-date can tell.
pub(crate) fn http_date(since_epoch: Duration) -> String {
    httpdate::fmt_http_date(SystemTime::UNIX_EPOCH + since_epoch.min(LAST_DATE))
}

/// ISO 8601 with milliseconds, in UTC.
pub(crate) fn iso_8601(time: SystemTime) -> String {
    let since = since_epoch(time);
    let (days, second) = (since.as_secs() / 86_400, since.as_secs() % 86_400);
    // Counted in years that begin in March, the leap day is the last of its year (days before 1970-03-01 do not occur).
    let shifted = days + 719_468;
    let era = shifted / 146_097;
    let day_of_era = shifted % 146_097;
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = (month_from_march + 2) % 12 + 1;
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    let (hour, minute) = (second / 3_600, second / 60 % 60);
    let (second, milli) = (second % 60, since.subsec_millis());
    format!("{year}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_around_leap_days() {
        let cases = [
            (0, "1970-01-01T00:00:00.000Z"),
            (784_111_777, "1994-11-06T08:49:37.000Z"),
            (951_782_400, "2000-02-29T00:00:00.000Z"),
            (1_709_251_199, "2024-02-29T23:59:59.000Z"),
            (1_709_251_200, "2024-03-01T00:00:00.000Z"),
            (4_107_542_400, "2100-03-01T00:00:00.000Z"),
        ];
        for (seconds, expected) in cases {
            let time = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
            assert_eq!(iso_8601(time), expected);
        }
    }
}
