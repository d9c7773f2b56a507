//! `Retry-After`, against arithmetic on the seconds that it was written from.

use std::time::Duration;

use clearance_core::retry_after;
use http::{
    HeaderMap, HeaderValue,
    header::{DATE, RETRY_AFTER},
};
use proptest::{collection::vec, option, prelude::*};

use crate::calendar::{END, Form, at, form, seconds, written};

fn headers<S: AsRef<[u8]>>(date: Option<&str>, fields: &[S]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    if let Some(date) = date {
        headers.insert(DATE, HeaderValue::from_str(date).unwrap());
    }
    for field in fields {
        if let Ok(field) = HeaderValue::from_bytes(field.as_ref()) {
            headers.append(RETRY_AFTER, field);
        }
    }
    headers
}

/// What one field says in a reply with a `Date`: the local clock must not be asked.
fn read(date: u64, field: &str) -> Option<Duration> {
    let date = written(date, Form::Fixed).unwrap();
    retry_after(&headers(Some(&date), &[field]), || {
        panic!("the reply has a Date")
    })
}

fn some_field() -> impl Strategy<Value = String> {
    prop_oneof![
        "[0-9]{0,20}",
        "[0-9]{0,12}\\.[0-9]{0,12}",
        "[-+ .0-9eE]{0,8}",
        "[ -~]{0,40}",
        (seconds(), form()).prop_map(|(seconds, form)| written(seconds, form).unwrap_or_default()),
    ]
}

proptest! {
    #[test]
    fn whole_seconds_are_themselves(
        date in seconds(),
        seconds in 1..1_000_000_000_u64,
        zeros in 0..9_usize,
        spaces in "[ \t]{0,3}",
    ) {
        let field = format!("{spaces}{}{seconds}{spaces}", "0".repeat(zeros));
        prop_assert_eq!(read(date, &field), Some(Duration::from_secs(seconds)), "{}", field);
    }

    /// Never a moment earlier than was asked for, and less than a millisecond later.
    #[test]
    fn fractions_are_rounded_up_to_the_millisecond(whole in 0..1_000_000_000_u64, nanos in 0..1_000_000_000_u64, more in "0{0,4}") {
        let field = format!("{whole}.{nanos:09}{more}");
        let expected = Duration::from_secs(whole) + Duration::from_millis(nanos.div_ceil(1_000_000));
        prop_assert_eq!(read(5, &field).unwrap_or_default(), expected, "{}", field);
    }

    #[test]
    fn a_time_is_as_far_off_as_it_is_after_the_date(date in seconds(), until in seconds(), form in form()) {
        let expected = until.checked_sub(date).filter(|left| *left > 0).map(Duration::from_secs);
        if let Some(field) = written(until, form) {
            prop_assert_eq!(read(date, &field), expected, "{}", field);
        }
        if (1_000_000_000..100_000_000_000).contains(&until) {
            prop_assert_eq!(read(date, &until.to_string()), expected);
            prop_assert_eq!(read(date, &format!("{until}000")), expected);
        }
    }

    #[test]
    fn without_a_date_the_local_clock_is_as_good(local in option::of(seconds()), until in seconds()) {
        let field = written(until, Form::Fixed).unwrap();
        let wait = retry_after(&headers(None, &[field]), || local.map(at));
        let left = local.and_then(|local| until.checked_sub(local)).filter(|left| *left > 0);
        prop_assert_eq!(wait, left.map(Duration::from_secs));
    }

    #[test]
    fn the_longest_of_several_fields_counts(date in seconds(), fields in vec(some_field(), 0..6)) {
        let text = written(date, Form::Fixed).unwrap();
        let each = fields.iter().filter_map(|field| read(date, field)).max();
        let mut all = headers(Some(&text), &fields);
        prop_assert_eq!(retry_after(&all, || None), each);
        let backwards: Vec<_> = fields.iter().rev().collect();
        all = headers(Some(&text), &backwards);
        prop_assert_eq!(retry_after(&all, || None), each);
    }

    #[test]
    fn a_wait_is_never_nothing_nor_longer_than_there_are_dates(
        date in option::of(seconds()),
        local in option::of(seconds()),
        fields in vec(vec(any::<u8>(), 0..40), 0..4),
        texts in vec(some_field(), 0..4),
    ) {
        let date = date.and_then(|date| written(date, Form::Fixed));
        let fields: Vec<_> = fields.into_iter().chain(texts.into_iter().map(String::into_bytes)).collect();
        if let Some(wait) = retry_after(&headers(date.as_deref(), &fields), || local.map(at)) {
            prop_assert!(!wait.is_zero() && wait < Duration::from_secs(END), "{wait:?}");
        }
    }

    /// RFC 9110 knows no sign, exponent, unit or other digits: what has them is not understood, and not guessed at.
    #[test]
    fn numbers_of_other_notations_are_not_read(seconds in 1..1_000_000_000_u64, how in 0..7_usize) {
        let field = [
            format!("-{seconds}"),
            format!("+{seconds}"),
            format!("{seconds}e0"),
            format!("{seconds}s"),
            format!("{seconds},0"),
            format!("0x{seconds:x}"),
            format!("{seconds} {seconds}"),
        ][how].clone();
        prop_assert_eq!(read(5, &field), None, "{}", field);
    }
}
