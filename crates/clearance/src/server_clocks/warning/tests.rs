//! What is said of which clocks, and how often.

use std::time::SystemTime;

use clearance_core::clock::{ClockAnchor, Observation};
use tokio::time::Instant;

use super::*;

const SECOND: Duration = Duration::from_secs(1);
const MILLI: Duration = Duration::from_millis(1);

#[derive(Clone, Copy)]
enum Off {
    Ahead(Duration),
    Behind(Duration),
}
use Off::{Ahead, Behind};

/// A server that is off by that much, give or take `error`.
fn server(name: &str, off: Off, error: Duration) -> (String, Skew) {
    let (now, wall) = (
        Instant::now().into_std(),
        SystemTime::UNIX_EPOCH + 9999 * SECOND,
    );
    let shown = match off {
        Ahead(by) => wall + by,
        Behind(by) => wall - by,
    };
    let seen = Observation::new(shown - error, 2 * error, now, now);
    let skew = seen.offset(&ClockAnchor::new(now, wall)).skew();
    (name.to_owned(), skew)
}

#[test]
fn more_than_a_minute_beyond_the_error_is_worth_a_word() {
    let said = |off, error| Warned::default().judge(&[server("api", off, error)]);
    assert_eq!(said(Ahead(61 * SECOND), SECOND), None);
    assert_eq!(said(Behind(61 * SECOND), SECOND), None);
    assert_eq!(said(Ahead(90 * SECOND), 40 * SECOND), None);
    assert_eq!(
        said(Ahead(61 * SECOND + MILLI), SECOND).unwrap(),
        "the clock of api and the local one differ: +61.00 s ± 1.00 s, server ahead; check which of them is right"
    );
    assert_eq!(
        said(Behind(300 * SECOND), SECOND).unwrap(),
        "the clock of api and the local one differ: −300.00 s ± 1.00 s, server behind; check which of them is right"
    );
    assert_eq!(Warned::default().judge(&[]), None);
}

#[test]
fn it_is_said_once_and_again_when_it_changed_by_a_minute() {
    let mut warned = Warned::default();
    let mut said = |off| warned.judge(&[server("api", off, SECOND)]).is_some();
    assert!(said(Ahead(100 * SECOND)));
    assert!(!said(Ahead(100 * SECOND)));
    assert!(!said(Ahead(160 * SECOND - MILLI)));
    assert!(said(Ahead(160 * SECOND)));
    assert!(!said(Ahead(100 * SECOND + MILLI)));
    assert!(said(Ahead(100 * SECOND)));
}

#[test]
fn where_all_agree_it_is_the_local_clock_and_nobody_is_named() {
    let mut warned = Warned::default();
    let fast = [
        server("a", Ahead(300 * SECOND), SECOND),
        server("b", Ahead(304 * SECOND), SECOND),
    ];
    assert_eq!(
        warned.judge(&fast).unwrap(),
        "the local clock is slow: all 2 servers agree on +300.00 s ± 1.00 s, server ahead; synchronise it (NTP)"
    );
    assert_eq!(warned.judge(&fast), None, "nor of the second one later");
    let slow = [
        server("a", Behind(304 * SECOND), SECOND),
        server("b", Behind(300 * SECOND), SECOND),
    ];
    let said = Warned::default().judge(&slow).unwrap();
    assert!(said.starts_with("the local clock is fast"), "{said}");
}

#[test]
fn where_they_do_not_agree_each_is_named_in_its_turn() {
    for other in [
        // By a millisecond more than both errors and what two seconds' stamps allow.
        server("b", Ahead(307 * SECOND + MILLI), 3 * SECOND),
        server("b", Behind(300 * SECOND), SECOND),
        server("b", Ahead(Duration::ZERO), SECOND),
    ] {
        let mut warned = Warned::default();
        let off = server("a", Ahead(300 * SECOND), 2 * SECOND);
        let is_off = other.1.magnitude() > NOTABLE;
        let both = [off, other];
        let said = warned.judge(&both).unwrap();
        assert_eq!(
            said,
            "the clock of a is off: +300.00 s ± 2.00 s, server ahead, and the other servers do not agree; have it set"
        );
        let next = warned.judge(&both);
        assert_eq!(next.is_some(), is_off, "{next:?}");
        assert!(next.is_none_or(|said| said.starts_with("the clock of b is off")));
        assert_eq!(warned.judge(&both), None, "of each once");
    }
}

#[test]
fn the_local_clock_is_blamed_once_however_many_servers_are_met() {
    let mut warned = Warned::default();
    let server = |name, off| server(name, Ahead(off * SECOND), SECOND);
    let mut met = vec![server("the issuer", 300), server("a", 300)];
    let said = warned.judge(&met).unwrap();
    assert!(said.starts_with("the local clock is slow: all 2"), "{said}");
    met.push(server("b", 300));
    assert_eq!(warned.judge(&met), None);
    // One that is right after all takes nothing back of the others.
    met.push(server("c", 0));
    assert_eq!(warned.judge(&met), None);
    met[3] = server("c", 600);
    let said = warned.judge(&met).unwrap();
    assert!(said.starts_with("the clock of c is off"), "{said}");
}

#[test]
fn the_local_clock_is_blamed_again_when_it_is_off_by_another_minute_or_was_set_meanwhile() {
    let mut warned = Warned::default();
    let mut said = |off| {
        let servers = ["the issuer", "a"].map(|name| server(name, off, SECOND));
        let said = warned.judge(&servers);
        said.inspect(|said| assert!(said.starts_with("the local clock"), "{said}"))
            .is_some()
    };
    assert!(said(Ahead(100 * SECOND)));
    assert!(!said(Ahead(160 * SECOND - MILLI)));
    assert!(said(Ahead(160 * SECOND)));
    assert!(!said(Behind(10 * SECOND)));
    assert!(said(Ahead(160 * SECOND)));
    assert!(said(Behind(160 * SECOND)));
    assert!(!said(Behind(160 * SECOND)));
}

/// What a token's answer told of the issuer half a day ago: half a second, and a thousandth of the time since.
#[test]
fn a_server_whose_error_bar_has_grown_does_not_disagree() {
    let said = |issuer, error: u32| {
        let issuer = server("the issuer", issuer, error * SECOND);
        let api = server("api", Ahead(100 * SECOND), SECOND / 2);
        Warned::default().judge(&[issuer, api]).unwrap()
    };
    for (issuer, error, expected) in [
        (Ahead(100 * SECOND), 47, "the local clock is slow: all 2"),
        (Ahead(51 * SECOND), 47, "the local clock is slow: all 2"),
        (Ahead(50 * SECOND), 47, "the clock of api is off"),
        // It agrees as well with a local clock that is right.
        (
            Ahead(80 * SECOND),
            90,
            "the clock of api and the local one differ",
        ),
        (
            Behind(10 * SECOND),
            150,
            "the clock of api and the local one differ",
        ),
    ] {
        let said = said(issuer, error);
        assert!(said.starts_with(expected), "{said}");
    }
}

#[test]
fn a_clock_that_was_set_and_is_off_again_is_spoken_of_again() {
    let mut warned = Warned::default();
    let mut said = |off, error| warned.judge(&[server("api", off, error)]).is_some();
    assert!(said(Ahead(300 * SECOND), SECOND));
    assert!(!said(Ahead(Duration::ZERO), SECOND), "it was set");
    assert!(said(Ahead(300 * SECOND), SECOND));
    assert!(
        said(Behind(300 * SECOND), SECOND),
        "it was set to the other side"
    );
    // It is the error bar that grew, and shrank.
    assert!(!said(Behind(300 * SECOND), 299 * SECOND));
    assert!(!said(Behind(300 * SECOND), SECOND));
}
