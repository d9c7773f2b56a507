//! Whom a gate holds and counts, when it opens, and what is news of it.

use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn seat() -> (Seat, Arc<Signal>) {
    let signal = Arc::new(Signal::default());
    let gate = Gate::new("key".into(), Arc::clone(&signal), None);
    (Seat::new(Arc::new(gate)), signal)
}

#[test]
fn a_rate_is_news_when_it_changed_by_a_tenth() {
    for (told, rate, news) in [
        (None, None, false),
        (None, Some(10.0), true),
        (Some(10.0), None, true),
        (Some(10.0), Some(10.0), false),
        (Some(10.0), Some(10.9), false),
        (Some(10.0), Some(11.1), true),
        (Some(10.0), Some(9.1), false),
        (Some(10.0), Some(8.9), true),
    ] {
        assert_eq!(is_news(told, rate), news, "{told:?} {rate:?}");
    }
}

#[test]
fn those_who_are_held_are_counted_until_they_are_let_go() {
    let (mut one, _) = seat();
    let mut other = Seat::new(Arc::clone(&one.gate));
    let now = Instant::now();
    let gate = Arc::clone(&one.gate);
    let held = || gate.status(now).held;
    assert!(one.hold(2) && other.hold(2));
    assert!(!Seat::new(Arc::clone(&gate)).hold(2));
    assert_eq!(held(), 2);
    one.release();
    one.release();
    assert_eq!(held(), 1);
    drop(one);
    assert_eq!(held(), 1);
    drop(other);
    assert_eq!(held(), 0);
}

#[test]
fn a_call_meets_a_limit_where_it_is_held() {
    let (mut one, signal) = seat();
    let now = Instant::now();
    assert!(one.ask(now).is_none() && !one.met_limit());
    one.limited(now, 0, Some(SECOND));
    assert!(!signal.read().clear);
    let mut other = Seat::new(Arc::clone(&one.gate));
    assert!(other.ask(now).is_some() && other.met_limit());
    one.gate.forget();
    assert!(signal.read().clear && other.ask(now).is_none());
}

#[test]
fn a_limit_is_void_with_another_token_and_not_before() {
    let (mut one, signal) = seat();
    one.renew(1);
    one.limited(Instant::now(), 0, Some(SECOND));
    one.renew(1);
    assert!(!signal.read().clear);
    one.renew(2);
    assert!(signal.read().clear);
}

#[test]
fn a_gate_shows_its_key() {
    let (one, _) = seat();
    assert!(format!("{:?}", one.gate).contains("\"key\""));
    assert_eq!(&**one.key(), "key");
}
