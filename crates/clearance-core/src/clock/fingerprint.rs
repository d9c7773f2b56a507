//! Telling one `Date` from the next without reading it.

use http::{HeaderMap, header::DATE};

use super::observation::is_cached;

/// A number that stands for the text of a reply's `Date`: as long as it stays the same, so does the date, and nothing
/// new can be learned but that the server's second has not ended.
///
/// `None` if the field is absent or not an IMF-fixdate (RFC 9110 §5.6.7; the other forms and whatever is odd deserve to
/// be read), and if the reply comes out of a cache. Never 0. Two dates of one year never share a number; it proves
/// nothing of whether the text is a date.
///
/// ```
/// use clearance_core::clock::date_fingerprint;
/// use http::{HeaderMap, HeaderValue, header::DATE};
///
/// let of = |date| {
///     let mut headers = HeaderMap::new();
///     headers.insert(DATE, HeaderValue::from_static(date));
///     date_fingerprint(&headers)
/// };
/// let first = of("Sun, 06 Nov 1994 08:49:37 GMT");
/// assert!(first.is_some() && first == of("Sun, 06 Nov 1994 08:49:37 GMT"));
/// assert_ne!(first, of("Sun, 06 Nov 1994 08:49:38 GMT"));
/// assert_eq!(None, of("Sunday, 06-Nov-94 08:49:37 GMT"));
/// ```
#[inline]
#[must_use]
pub fn date_fingerprint(headers: &HeaderMap) -> Option<u64> {
    /// What tells two characters apart that may stand in the same place: digits, and the letters of the months.
    const LOW_NIBBLES: u64 = 0x0f0f_0f0f_0f0f_0f0f;

    let text: &[u8; 29] = headers.get(DATE)?.as_bytes().try_into().ok()?;
    // An asctime date that is padded to this length has its digits elsewhere.
    if text[3] != b',' || is_cached(headers) {
        return None;
    }
    // "Sun, 06 Nov 1994 08:49:37 GMT"
    //       ^^^^^^^^    ^^^^^^^^
    let day = u64::from_le_bytes(*text[5..].first_chunk()?);
    let time = u64::from_le_bytes(*text[17..].first_chunk()?);
    Some((day & LOW_NIBBLES) << 4 | (time & LOW_NIBBLES))
}

#[cfg(test)]
mod tests {
    use std::{
        collections::HashSet,
        time::{Duration, SystemTime},
    };

    use http::{HeaderValue, header::AGE};

    use super::*;

    fn headers(date: &str) -> HeaderMap {
        HeaderMap::from_iter([(DATE, HeaderValue::from_str(date).unwrap())])
    }

    #[test]
    fn no_two_seconds_of_a_year_share_a_number() {
        let new_year = SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_225_600);
        let of = |seconds| {
            let date = httpdate::fmt_http_date(new_year + Duration::from_secs(seconds));
            date_fingerprint(&headers(&date)).unwrap()
        };
        let seconds_of_a_day = (0..86_400).step_by(7).chain(0..3_600);
        let days_at_noon = (0..365).map(|day| day * 86_400 + 43_200);
        let seconds: HashSet<u64> = seconds_of_a_day.chain(days_at_noon).collect();
        let numbers: HashSet<u64> = seconds.iter().copied().map(of).collect();
        assert_eq!(numbers.len(), seconds.len());
        assert!(!numbers.contains(&0));
    }

    #[test]
    fn what_must_be_read_or_left_alone_has_none() {
        let fixed = "Sun, 06 Nov 1994 08:49:37 GMT";
        for other in [
            "",
            "Sun Nov  6 08:49:37 1994",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            // Found by the fuzz target `date`: padded to 29 bytes, it had a number without its minutes.
            "Sun Nov  6 08:49:37 1994     ",
        ] {
            assert_eq!(date_fingerprint(&headers(other)), None, "{other}");
        }
        assert_eq!(date_fingerprint(&HeaderMap::new()), None);
        let mut cached = headers(fixed);
        cached.insert(AGE, HeaderValue::from_static("3"));
        assert_eq!(date_fingerprint(&cached), None);
        cached.insert(AGE, HeaderValue::from_static("0"));
        assert!(date_fingerprint(&cached).is_some());
    }
}
