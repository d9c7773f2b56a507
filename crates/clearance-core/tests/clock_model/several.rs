//! Names with more than one clock behind them, and clocks that are not kept as one would wish.

use fastrand::Rng;
use proptest::{collection::vec, prelude::*};

use crate::simulated::{Client, Exchange, MILLI, SECOND, Server};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn of_two_nodes_the_span_covers_both_and_stays(
        offset in -3_600 * SECOND..3_600 * SECOND,
        drifts in (-200..=200_i64, -200..=200_i64),
        answers in vec((any::<bool>(), 0..2 * SECOND, 0..=1_000_i64), 64..300),
    ) {
        let nodes = [
            Server { offset, drift_ppm: drifts.0 },
            Server { offset: offset + 10 * SECOND, drift_ppm: drifts.1 },
        ];
        let (mut client, mut sent) = (Client::new(), 0);
        let (mut seen, mut told) = ([0, 0], Vec::new());
        for (second, pause, stamped_at) in answers {
            sent += pause;
            let exchange = Exchange { stamped_at, ..Exchange::quick(sent) };
            let node = usize::from(second);
            client.look_at(&nodes[node], &exchange);
            seen[node] += 1;

            let now = exchange.received();
            for (node, _) in nodes.iter().zip(seen).filter(|(_, seen)| *seen > 2) {
                prop_assert!(client.allows(node, now), "{:?}: {:?}", seen, client.asked());
            }
            if seen.iter().all(|seen| *seen > 6) {
                prop_assert_eq!(client.asked().clocks(), 2);
                prop_assert!(client.error(now) < 5.6, "{:?}", client.asked().skew());
                let between = client.server_time(&nodes[0], now) + std::time::Duration::from_secs(5);
                let instant = client.instant(now);
                told.push(client.asked().time_at(instant).unwrap() > between);
            }
        }
        // The time follows one of them, and the other only once the first was silent for a while.
        let changes = told.windows(2).filter(|pair| pair[0] != pair[1]).count();
        prop_assert!(changes <= 2, "{} changes in {}", changes, told.len());
    }
}

/// Replies for so many seconds, evenly but for chance, each from a server of its own.
fn watch(
    seconds: i64,
    per_second: i64,
    chance: &mut Rng,
    mut server: impl FnMut(&mut Rng, i64) -> Server,
    mut check: impl FnMut(&mut Client, i64),
) {
    let mut client = Client::new();
    for nth in 0..seconds * per_second {
        let sent = nth * SECOND / per_second + chance.i64(0..SECOND / per_second);
        let stamped_at = chance.i64(0..=1_000);
        let exchange = Exchange {
            stamped_at,
            ..Exchange::quick(sent)
        };
        client.look_at(&server(chance, exchange.stamped()), &exchange);
        check(&mut client, exchange.received());
    }
}

fn steady(offset: i64) -> Server {
    Server {
        offset,
        drift_ppm: 0,
    }
}

/// By how much the true offset is beyond what the model allows, in nanoseconds.
fn beyond(client: &mut Client, offset: i64, at: i64) -> i64 {
    let step = MILLI;
    (0..)
        .map(|steps| steps * step)
        .find(|by| {
            client.allows(&steady(offset - by), at) || client.allows(&steady(offset + by), at)
        })
        .unwrap()
}

#[test]
fn nodes_a_few_milliseconds_apart_are_one_clock() {
    for spread in [2 * MILLI, 10 * MILLI, 40 * MILLI] {
        let offset = -7 * SECOND;
        watch(
            120,
            30,
            &mut Rng::with_seed(2),
            |chance, _| steady(offset + chance.i64(0..=spread)),
            |client, now| {
                assert_eq!(client.asked().clocks(), 1);
                for node in [offset, offset + spread] {
                    let beyond = beyond(client, node, now);
                    assert!(beyond <= spread, "{beyond} of {spread}");
                }
                if now > 60 * SECOND {
                    assert!(client.error(now) < 0.06, "{}", client.error(now));
                }
            },
        );
    }
}

#[test]
fn nodes_less_than_a_second_apart_are_not_far_outside() {
    for apart in [100 * MILLI, 300 * MILLI, 900 * MILLI] {
        watch(
            120,
            10,
            &mut Rng::with_seed(3),
            |chance, _| steady(chance.i64(0..2) * apart),
            |client, now| {
                for node in [0, apart] {
                    if now > 10 * SECOND {
                        let beyond = beyond(client, node, now);
                        assert!(beyond <= apart, "{beyond} of {apart}");
                    }
                }
                assert!(client.error(now) < 1.6);
            },
        );
    }
}

/// Some servers write their date by a timer of one second and a bit, which falls behind the clock until it skips one.
#[test]
fn a_date_that_lags_by_up_to_a_second_keeps_the_clock_within_reach() {
    let period = SECOND + 15 * MILLI;
    watch(
        300,
        10,
        &mut Rng::with_seed(4),
        |_, stamped| {
            let lag = stamped % period;
            steady(-lag.min(SECOND))
        },
        |client, now| {
            let instant = client.instant(now);
            let offset = client.asked().offset_at(instant).unwrap();
            let clock = offset.with_lag().skew();
            assert!(clock.covers(std::time::Duration::ZERO), "{clock}");
            assert!(clock.error().as_secs_f64() < 2.0, "{clock}");
        },
    );
}

#[test]
fn a_clock_ten_times_worse_than_allowed_is_followed() {
    let drifting = Server {
        offset: 0,
        drift_ppm: 10_000,
    };
    watch(
        600,
        10,
        &mut Rng::with_seed(5),
        |_, _| drifting,
        |client, now| {
            let instant = client.instant(now);
            let told = client.asked().time_at(instant).unwrap();
            let truth = client.server_time(&drifting, now);
            let off = told
                .duration_since(truth)
                .unwrap_or_else(|error| error.duration());
            assert!(off.as_secs_f64() < 1.5, "{off:?} after {now}");
        },
    );
}
