//! What ordinary traffic brings. How close to the end of a second a reply falls is chance, hence figures of many runs:
//! always the same ones, so that a bound is kept or not, and not now and then.

use fastrand::Rng;

use crate::simulated::{Client, Exchange, MILLI, SECOND, Server};

/// What so many of a thousand runs reach, in seconds.
struct Errors(Vec<f64>);

impl Errors {
    /// Of runs with servers that are off and drift by chance. `sends` gives the times of the requests.
    fn of(what: &str, sends: impl Fn(&mut Rng) -> Vec<i64>) -> Self {
        let mut chance = Rng::with_seed(1);
        let mut errors: Vec<_> = (0..200)
            .map(|_| {
                let server = Server {
                    offset: chance.i64(-SECOND * 1_000..SECOND * 1_000),
                    drift_ppm: chance.i64(-200..=200),
                };
                let mut client = Client::new();
                let mut now = 0;
                for sent in sends(&mut chance) {
                    let exchange = Exchange {
                        stamped_at: chance.i64(0..=1_000),
                        ..Exchange::quick(sent)
                    };
                    client.look_at(&server, &exchange);
                    now = exchange.received();
                    assert!(client.allows(&server, now));
                }
                client.error(now)
            })
            .collect();
        errors.sort_by(f64::total_cmp);
        let errors = Self(errors);
        println!(
            "{what}: half of the runs ±{:.3} s, 99 % ±{:.3} s, all ±{:.3} s",
            errors.reached_by(500),
            errors.reached_by(990),
            errors.reached_by(1_000)
        );
        errors
    }

    fn reached_by(&self, thousandths: usize) -> f64 {
        self.0[self.0.len() * thousandths / 1_000 - 1]
    }
}

#[test]
fn twenty_replies_with_evenly_spread_fractions() {
    for seconds_between in [0, 1] {
        let errors = Errors::of(
            &format!("20 even replies, {seconds_between} s + 1/20 s apart"),
            |chance| {
                let first = chance.i64(0..SECOND);
                let apart = seconds_between * SECOND + SECOND / 20;
                (0..20).map(|nth| first + nth * apart).collect()
            },
        );
        assert!(errors.reached_by(1_000) < 0.06);
    }
}

#[test]
fn sixty_random_replies() {
    for seconds in [1, 10, 60] {
        let errors = Errors::of(&format!("60 random replies in {seconds} s"), |chance| {
            let mut sends: Vec<_> = (0..60).map(|_| chance.i64(0..seconds * SECOND)).collect();
            sends.sort_unstable();
            sends
        });
        assert!(errors.reached_by(990) < 0.1);
    }
}

#[test]
fn ten_replies_a_second_for_a_minute() {
    let errors = Errors::of("600 random replies in 60 s", |chance| {
        let mut sends: Vec<_> = (0..600).map(|_| chance.i64(0..60 * SECOND)).collect();
        sends.sort_unstable();
        sends
    });
    assert!(errors.reached_by(990) < 0.03);
    let errors = Errors::of("one reply in each of 600 tenths", |chance| {
        (0..600)
            .map(|nth| nth * 100 * MILLI + chance.i64(0..100 * MILLI))
            .collect()
    });
    assert!(errors.reached_by(990) < 0.03);
    let errors = Errors::of("each one 100 ms after the last reply", |chance| {
        let first = chance.i64(0..SECOND);
        (0..600)
            .map(|nth| first + nth * 110 * MILLI + chance.i64(0..2 * MILLI))
            .collect()
    });
    assert!(errors.reached_by(1_000) < 0.03);
}
