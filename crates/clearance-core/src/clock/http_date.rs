//! HTTP dates.

use std::time::SystemTime;

/// Reads an HTTP-date in any of its three forms (RFC 9110 §5.6.7). `None` if it is none.
///
/// ```
/// use clearance_core::clock::parse_http_date;
///
/// let fixed = parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT");
/// assert!(fixed.is_some());
/// assert_eq!(fixed, parse_http_date("Sunday, 06-Nov-94 08:49:37 GMT"));
/// assert_eq!(fixed, parse_http_date("Sun Nov  6 08:49:37 1994"));
/// assert_eq!(None, parse_http_date("yesterday"));
/// ```
#[must_use]
pub fn parse_http_date(text: &str) -> Option<SystemTime> {
    httpdate::parse_http_date(text.trim()).ok()
}
