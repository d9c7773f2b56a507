//! The `Date` of two replies to one client, a second apart, and what the clock model makes of them. The lines of the input:
//! the first `Date`, the second, and the `Age` of both.

use std::time::{Duration, SystemTime};

use clearance_core::clock::{
    ClockAnchor, Observation, OffsetInterval, ServerClock, date_fingerprint, date_of,
    parse_http_date,
};
use http::{
    HeaderMap, HeaderValue,
    header::{AGE, DATE},
};

const SECOND: Duration = Duration::from_secs(1);

/// From 1970 to the end of the year 9999: no HTTP-date is later.
const LATEST: Duration = Duration::from_secs(253_402_300_800);

pub(crate) fn check(data: &[u8]) {
    let mut lines = data.split(|byte| *byte == b'\n');
    let (first, second) = (lines.next(), lines.next());
    let age = lines.next();
    let (first, second) = (headers(first, age), headers(second, age));
    let times = [&first, &second].map(is_a_date_or_none);
    share_no_number(&first, &second);

    // Here it is noon, on 6 November 1994.
    let noon = SystemTime::UNIX_EPOCH + Duration::from_secs(784_123_200);
    let started = tokio::time::Instant::now().into_std();
    let local = ClockAnchor::new(started, noon);
    let mut clock = ServerClock::new(local);
    let mut before: Option<OffsetInterval> = None;
    for (nth, (headers, time)) in (1..).zip([&first, &second].into_iter().zip(times)) {
        let sent = started + nth * SECOND;
        let received = sent + SECOND / 10;
        let seen = Observation::from_date(headers, sent, received);
        assert_eq!(seen.map(|seen| seen.stamp()), time);
        let Some(seen) = seen else { continue };
        clock.observe(&seen);
        let here = seen.offset(&local);
        // A second's rounding and the time under way, half of it to either side.
        assert_eq!(here.skew().error(), Duration::from_millis(550));
        let known = clock.offset_at(received).expect("there is evidence");
        assert!(known.skew().magnitude() < LATEST + 2 * SECOND);
        // What one clock could have shown is not ruled out; of two clocks, neither is left out.
        let one = before.map_or(Some(here), |before| before.intersect(here));
        match one {
            Some(one) => assert_eq!(known.intersect(one), Some(one), "{known:?}"),
            None => assert!(known.intersect(here).is_some(), "{known:?}, not {here:?}"),
        }
        before = Some(here);
    }
}

/// A date means the same after it was written out, spaces around it mean nothing, and it comes out of no cache.
fn is_a_date_or_none(headers: &HeaderMap) -> Option<SystemTime> {
    let of_reply = date_of(headers);
    let text = headers.get(DATE).and_then(|date| date.to_str().ok());
    let Some(time) = text.and_then(parse_http_date) else {
        assert_eq!(of_reply, None);
        return None;
    };
    let since = time.duration_since(SystemTime::UNIX_EPOCH);
    let since = since.expect("no HTTP-date is before 1970");
    assert!(since < LATEST && since.subsec_nanos() == 0);
    let written = httpdate::fmt_http_date(time);
    assert_eq!(parse_http_date(&written), Some(time));
    assert_eq!(parse_http_date(&format!("\t{written}  ")), Some(time));
    let age = headers
        .get(AGE)
        .map(|age| age.to_str().unwrap_or("?").trim());
    assert_eq!(of_reply.is_some(), age.is_none_or(|age| age == "0"));
    of_reply
}

/// Two dates of one year never share a fingerprint, and whatever is no IMF-fixdate has none.
fn share_no_number(first: &HeaderMap, second: &HeaderMap) {
    let of = |headers| date_fingerprint(headers).zip(date_of(headers));
    for headers in [first, second] {
        if let Some((number, time)) = of(headers) {
            assert_ne!(number, 0);
            let text = headers[DATE].as_bytes();
            let written = httpdate::fmt_http_date(time);
            // The name of the day is not looked at.
            assert_eq!(text[3..], written.as_bytes()[3..], "not in this form");
        }
    }
    if let (Some((number, time)), Some((other, later))) = (of(first), of(second)) {
        let year = |headers: &HeaderMap| headers[DATE].as_bytes()[12..16].to_vec();
        if number == other && year(first) == year(second) {
            assert_eq!(time, later, "two dates with one number");
        }
    }
}

fn headers(date: Option<&[u8]>, age: Option<&[u8]>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in [(DATE, date), (AGE, age)] {
        let value = value.filter(|value| !value.is_empty());
        if let Some(value) = value.and_then(|value| HeaderValue::from_bytes(value).ok()) {
            headers.insert(name, value);
        }
    }
    headers
}
