//! What holds of every run: the truth is within the error bar.

use clearance_core::clock::Skew;
use proptest::{collection::vec, prelude::*};

use crate::simulated::{Client, Exchange, MILLI, SECOND, Server};

fn server() -> impl Strategy<Value = Server> {
    const YEAR: i64 = 365 * 86_400 * SECOND;
    let offset = prop_oneof![
        -2 * SECOND..2 * SECOND,
        -3_600 * SECOND..3_600 * SECOND,
        -20 * YEAR..20 * YEAR,
    ];
    (offset, -200..=200_i64).prop_map(|(offset, drift_ppm)| Server { offset, drift_ppm })
}

/// Replies in the order in which they are looked at: close together or with long silence between them, in quick and in
/// slow exchanges that overtake each other.
fn exchanges() -> impl Strategy<Value = Vec<Exchange>> {
    let pause = prop_oneof![0..20 * MILLI, 0..2 * SECOND, 0..120 * SECOND];
    let round_trip = prop_oneof![0..50 * MILLI, 0..3 * SECOND, 0..10 * SECOND];
    let left_lying = prop_oneof![3 => Just(0), 1 => 0..3 * SECOND];
    let one = (pause, round_trip, 0..=1_000_i64, left_lying);
    vec(one, 1..100).prop_map(|parts| {
        let mut sent = 0;
        let mut exchanges: Vec<_> = parts
            .into_iter()
            .map(|(pause, round_trip, stamped_at, left_lying)| {
                sent += pause;
                Exchange {
                    sent,
                    round_trip,
                    stamped_at,
                    left_lying,
                }
            })
            .collect();
        exchanges.sort_by_key(Exchange::looked_at);
        exchanges
    })
}

/// Looks at all replies, and after each one at what is known then, earlier and later.
fn run(
    server: &Server,
    exchanges: &[Exchange],
    look_at: impl Fn(&mut Client, &Exchange),
) -> Result<Client, TestCaseError> {
    let mut client = Client::new();
    for exchange in exchanges {
        look_at(&mut client, exchange);
        let now = exchange.looked_at();
        for at in [now, exchange.sent, now + SECOND / 3, now + 3_600 * SECOND] {
            prop_assert!(
                client.allows(server, at),
                "{at}: {:?} of {:?}",
                client.asked().skew(),
                server.offset_at(at)
            );
        }
        prop_assert_eq!(client.asked().clocks(), 1);
    }
    Ok(client)
}

fn sign_is_right(skew: Skew, offset: i64) -> Result<(), TestCaseError> {
    prop_assert!(!skew.is_server_ahead() || offset > 0, "{}", skew);
    prop_assert!(!skew.is_server_behind() || offset < 0, "{}", skew);
    // Further off than an exchange can take: there is no doubt.
    if offset.abs() > 11 * SECOND {
        prop_assert_eq!(skew.is_server_ahead(), offset > 0, "{}", skew);
        prop_assert_eq!(skew.is_server_behind(), offset < 0, "{}", skew);
        let sign = if offset > 0 { '+' } else { '−' };
        prop_assert!(skew.to_string().starts_with(sign), "{}", skew);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn the_offset_of_the_stamps_is_within_the_interval(server in server(), exchanges in exchanges()) {
        let mut client = run(&server, &exchanges, |client, exchange| client.look_at(&server, exchange))?;
        let last = exchanges.iter().map(Exchange::received).max().unwrap();
        sign_is_right(client.asked().skew().unwrap(), server.offset_at(last))?;
    }

    #[test]
    fn so_it_is_with_milliseconds(server in server(), exchanges in exchanges()) {
        run(&server, &exchanges, |client, exchange| client.look_at_millis(&server, exchange))?;
    }

    /// Two stamps of a clock that is kept well are never taken for two clocks, be they of a body or of a header.
    #[test]
    fn so_it_is_with_both(server in server(), exchanges in exchanges()) {
        run(&server, &exchanges, |client, exchange| {
            if exchange.stamped_at % 3 == 0 {
                client.look_at_millis(&server, exchange);
            } else {
                client.look_at(&server, exchange);
            }
        })?;
    }

    #[test]
    fn the_time_told_is_off_by_no_more_than_the_error(server in server(), exchanges in exchanges()) {
        let mut client = run(&server, &exchanges, |client, exchange| client.look_at(&server, exchange))?;
        let at = exchanges.last().unwrap().looked_at() + 5 * SECOND;
        let (now, true_time) = (client.instant(at), client.server_time(&server, at));
        let told = client.asked().time_at(now).unwrap();
        let off = told.duration_since(true_time).unwrap_or_else(|error| error.duration());
        prop_assert!(off.as_secs_f64() <= client.error(at) + 1e-6);
    }
}
