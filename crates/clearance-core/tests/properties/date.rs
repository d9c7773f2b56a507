//! HTTP-dates, and what counts as evidence of a clock.

use std::time::Duration;

use clearance_core::clock::{ClockAnchor, Observation, date_fingerprint, date_of, parse_http_date};
use http::{
    HeaderMap, HeaderValue,
    header::{AGE, DATE},
};
use proptest::prelude::*;

use crate::calendar::{Form, at, form, length_of, seconds, written};

fn headers(date: &str, age: Option<&str>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(DATE, HeaderValue::from_str(date).unwrap());
    if let Some(age) = age {
        headers.insert(AGE, HeaderValue::from_str(age).unwrap());
    }
    headers
}

/// Seconds between two dates that differ in one place, or in any.
fn apart() -> impl Strategy<Value = u64> {
    prop_oneof![
        1..60_u64,
        (1..60_u64).prop_map(|minutes| minutes * 60),
        (1..24_u64).prop_map(|hours| hours * 3600),
        (1..300_u64).prop_map(|days| days * 86_400),
        1..31_000_000_u64,
    ]
}

proptest! {
    #[test]
    fn a_date_is_read_back_in_each_form(seconds in seconds(), form in form(), spaces in "[ \t]{0,3}") {
        if let Some(text) = written(seconds, form) {
            prop_assert_eq!(parse_http_date(&format!("{spaces}{text}{spaces}")), Some(at(seconds)), "{}", text);
        }
    }

    #[test]
    fn a_day_that_its_month_has_not_is_no_date(year in 1970..3000_u64, month in 0..12_usize, beyond in 1..4_u64) {
        const MONTHS: [&str; 12] =
            ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
        let (day, month) = (length_of(year, month) + beyond, MONTHS[month]);
        let text = format!("Sun, {day} {month} {year} 00:00:00 GMT");
        prop_assert_eq!(parse_http_date(&text), None, "{}", text);
    }

    #[test]
    fn nothing_that_is_not_nearly_a_date_is_read(text in ".{0,40}") {
        if let Some(time) = parse_http_date(&text) {
            let since = time.duration_since(at(0)).unwrap().as_secs();
            let forms = [Form::Fixed, Form::Rfc850, Form::Asctime];
            let mut forms = forms.into_iter().filter_map(|form| written(since, form));
            prop_assert!(forms.any(|form| form[5..] == text.trim()[5..]), "{}", text);
        }
    }

    /// A proxy that kept the reply for a while kept its date with it.
    #[test]
    fn what_comes_out_of_a_cache_tells_no_time(seconds in seconds(), form in form(), age in "[ -~]{0,6}") {
        let Some(text) = written(seconds, form) else { return Ok(()) };
        let is_new = age.trim() == "0";
        let cached = headers(&text, Some(&age));
        prop_assert_eq!(date_of(&cached), is_new.then(|| at(seconds)));
        prop_assert_eq!(date_of(&headers(&text, None)), Some(at(seconds)));
        let now = tokio::time::Instant::now().into_std();
        prop_assert_eq!(Observation::from_date(&cached, now, now).is_some(), is_new);
        prop_assert_eq!(date_fingerprint(&cached).is_some(), is_new && form == Form::Fixed);
    }

    /// A server writes its date at some moment between sending and receipt, cut to the second.
    #[test]
    fn the_offset_is_between_the_bounds_of_one_reply(
        ahead_ms in 0..4_000_000_000_000_u64,
        round_trip_ms in 0..10_000_u64,
        written_at in 0.0..=1.0_f64,
    ) {
        let sent = tokio::time::Instant::now().into_std();
        let local = ClockAnchor::new(sent, at(1_000_000_000));
        let under_way = (round_trip_ms as f64 * written_at) as u64;
        let server_ms = 1_000_000_000_000 + ahead_ms + under_way;
        let text = written(server_ms / 1000, Form::Fixed).unwrap();
        let received = sent + Duration::from_millis(round_trip_ms);
        let seen = Observation::from_date(&headers(&text, None), sent, received).unwrap();
        let skew = seen.offset(&local).skew();
        prop_assert!(skew.covers(Duration::from_millis(ahead_ms)), "{skew}, not {ahead_ms} ms");
        prop_assert!(!skew.is_server_behind());
        let error = Duration::from_millis(500 + round_trip_ms.div_ceil(2));
        prop_assert!(skew.error() <= error, "{skew}, not within {error:?}");
    }

    /// As long as the number stays the same, so does the date.
    #[test]
    fn dates_of_one_year_have_numbers_of_their_own(first in 1_700_000_000..1_900_000_000_u64, apart in apart()) {
        let of = |seconds| {
            let text = written(seconds, Form::Fixed).unwrap();
            (text[12..16].to_owned(), date_fingerprint(&headers(&text, None)).unwrap())
        };
        let ((year, number), (other_year, other)) = (of(first), of(first + apart));
        prop_assert!(year != other_year || number != other);
    }
}
