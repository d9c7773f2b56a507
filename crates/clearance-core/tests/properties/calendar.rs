//! A calendar that shares nothing with what it checks: days are counted, and names are written by hand.

use std::time::{Duration, SystemTime};

use proptest::prelude::*;

/// The first second of the year 10000.
pub(crate) const END: u64 = 253_402_300_800;

const DAYS: [&str; 7] = [
    "Thursday",
    "Friday",
    "Saturday",
    "Sunday",
    "Monday",
    "Tuesday",
    "Wednesday",
];

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

/// The three forms of RFC 9110 §5.6.7.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Fixed,
    Rfc850,
    Asctime,
}

pub(crate) fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

/// Seconds that an HTTP-date can tell, most of them of our days.
pub(crate) fn seconds() -> impl Strategy<Value = u64> {
    prop_oneof![
        0..END,
        1_700_000_000..1_900_000_000_u64,
        Just(0),
        Just(END - 1)
    ]
}

/// `None` where the form cannot tell that year: two digits mean one of 1970 to 2069.
pub(crate) fn written(seconds: u64, form: Form) -> Option<String> {
    let name = DAYS[(seconds / 86_400 % 7) as usize];
    let (year, month, day) = day_of(seconds / 86_400);
    let month = MONTHS[month];
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    let time = format!("{hour:02}:{minute:02}:{second:02}");
    let short = &name[..3];
    Some(match form {
        Form::Fixed => format!("{short}, {day:02} {month} {year:04} {time} GMT"),
        Form::Asctime => format!("{short} {month} {day:2} {time} {year:04}"),
        Form::Rfc850 if year < 2070 => {
            format!("{name}, {day:02}-{month}-{:02} {time} GMT", year % 100)
        }
        Form::Rfc850 => return None,
    })
}

pub(crate) fn form() -> impl Strategy<Value = Form> {
    prop_oneof![Just(Form::Fixed), Just(Form::Rfc850), Just(Form::Asctime)]
}

pub(crate) fn length_of(year: u64, month: usize) -> u64 {
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        1 if is_leap => 29,
        1 => 28,
        3 | 5 | 8 | 10 => 30,
        _ => 31,
    }
}

/// Year, month (from 0) and day (from 1), by counting.
fn day_of(mut days: u64) -> (u64, usize, u64) {
    let mut year = 1970;
    loop {
        for month in 0..12 {
            let length = length_of(year, month);
            if days < length {
                return (year, month, days + 1);
            }
            days -= length;
        }
        year += 1;
    }
}
