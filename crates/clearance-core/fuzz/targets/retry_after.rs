//! `Retry-After`, whatever a server writes. The first line of the input is the reply's `Date`, each other line is one
//! `Retry-After` field.

use std::time::{Duration, SystemTime};

use clearance_core::retry_after;
use http::{
    HeaderMap, HeaderValue,
    header::{DATE, RETRY_AFTER},
};

/// From 1970 to the end of the year 9999: no HTTP-date is later.
const LONGEST: Duration = Duration::from_secs(253_402_300_800);

/// What the local clock shows, where it is asked.
const LOCAL: Duration = Duration::from_secs(784_111_777);

pub(crate) fn check(data: &[u8]) {
    let mut lines = data.split(|byte| *byte == b'\n');
    let date = lines.next().filter(|date| !date.is_empty());
    let date = date.and_then(|date| HeaderValue::from_bytes(date).ok());
    let fields = lines.filter_map(|line| HeaderValue::from_bytes(line).ok());
    let fields: Vec<HeaderValue> = fields.take(32).collect();

    let read = |fields: &[HeaderValue]| retry_after(&headers(date.as_ref(), fields), local);
    let wait = read(&fields);
    if let Some(wait) = wait {
        assert!(!wait.is_zero() && wait < LONGEST, "{wait:?}");
    }

    let each: Vec<_> = fields
        .iter()
        .map(|field| read(std::slice::from_ref(field)))
        .collect();
    assert_eq!(
        wait,
        each.iter().flatten().max().copied(),
        "not the longest"
    );

    let server = date.as_ref().and_then(http_date);
    if server.is_some() {
        let alone = retry_after(&headers(date.as_ref(), &fields), || {
            panic!("the local clock has no say where the reply has a Date")
        });
        assert_eq!(alone, wait);
    }
    for (field, wait) in fields.iter().zip(each) {
        agrees(field, server.or_else(local), wait);
    }
}

/// What is sure of one field by itself, read in another way.
fn agrees(field: &HeaderValue, now: Option<SystemTime>, wait: Option<Duration>) {
    let Ok(text) = field.to_str() else {
        assert_eq!(wait, None, "not even text: {field:?}");
        return;
    };
    if let Some(until) = http_date(field) {
        let left = now.and_then(|now| until.duration_since(now).ok());
        assert_eq!(wait, left.filter(|left| !left.is_zero()), "{text}");
        return;
    }
    let text = text.trim();
    let is_plain = text.starts_with(|c: char| c.is_ascii_digit())
        && text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    match (wait, text.parse::<f64>()) {
        // f64 reads more: signs, exponents, infinities.
        (Some(_), _) if !is_plain => panic!("neither a date nor a number: {text:?}"),
        (Some(wait), Ok(seconds)) if seconds < 1e9 => {
            let rounded_up = wait.as_secs_f64() - seconds;
            assert!((-1e-6..0.001_001).contains(&rounded_up), "{text}: {wait:?}");
        }
        (None, Ok(seconds)) if is_plain => {
            assert!(seconds == 0.0 || seconds >= 1e9, "{text} went unread");
        }
        _ => {}
    }
}

fn headers(date: Option<&HeaderValue>, fields: &[HeaderValue]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    if let Some(date) = date {
        headers.insert(DATE, date.clone());
    }
    for field in fields {
        headers.append(RETRY_AFTER, field.clone());
    }
    headers
}

fn http_date(value: &HeaderValue) -> Option<SystemTime> {
    httpdate::parse_http_date(value.to_str().ok()?.trim()).ok()
}

fn local() -> Option<SystemTime> {
    Some(SystemTime::UNIX_EPOCH + LOCAL)
}
