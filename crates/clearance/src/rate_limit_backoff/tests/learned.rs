//! What the learner makes of limiters. One learner, nothing tuned to any of them.

use super::{
    field::{Field, Record, Told},
    limiter::Limiter,
    *,
};

/// So many runs each of one limiter, with these forms of `Retry-After`, both demands and both round trips.
fn all(
    limiter: &Limiter,
    (seconds, runs): (u64, u64),
    forms: &[Told],
    mut each: impl FnMut(&str, &[Record]),
) {
    for told in forms {
        for (demand, millis) in [(64.0, 50), (200.0, 5)] {
            let run = |seed| {
                let field = Field {
                    told: *told,
                    demand,
                    seconds,
                    round_trip: Duration::from_millis(millis),
                    layer: layer(),
                    ..Field::new(limiter.clone())
                };
                field.run(seed)
            };
            let runs: Vec<_> = (0..runs).map(run).collect();
            let name = format!("{told:?}, {demand}/s, {millis} ms");
            for run in &runs {
                assert_eq!(run.lost(), 0, "{name}");
            }
            each(&name, &runs);
        }
    }
}

/// The median of the runs, and the least.
fn share(runs: &[Record], from: u32, to: u32, allowed: f64) -> (f64, f64) {
    let rate = |run: &Record| run.rate(f64::from(from), f64::from(to)) / allowed;
    let mut shares: Vec<_> = runs.iter().map(rate).collect();
    shares.sort_by(f64::total_cmp);
    (shares[shares.len() / 2], shares[0])
}

/// A limit of 40 a second: `median` of it gets through, and `least` in the worst run.
fn forty(limiter: &Limiter, runs: u64, median: f64, least: f64) {
    let forms = [Told::Seconds, Told::Date, Told::Nothing];
    all(limiter, (60, runs), &forms, |name, runs| {
        let shares = share(runs, 10, 60, 40.0);
        assert!(
            shares.0 >= median && shares.1 >= least,
            "{name}: {shares:?}"
        );
        for run in runs {
            assert!(run.refused_percent(5.0) <= 1.0, "{name}");
            assert!(run.longest() <= 10.0, "{name}");
            let (longest, median) = run.waits(5.0);
            assert!(longest <= 3.0 * median, "{name}: {longest} {median}");
        }
    });
}

#[test]
fn a_bucket_with_some_burst() {
    forty(&Limiter::bucket(40.0, 10.0), 5, 0.92, 0.88);
}

#[test]
fn a_bucket_without_burst() {
    forty(&Limiter::bucket(40.0, 1.0), 1, 0.8, 0.8);
}

#[test]
fn a_bucket_with_much_burst() {
    forty(&Limiter::bucket(40.0, 40.0), 1, 0.8, 0.8);
}

#[test]
fn a_fixed_window_of_a_second() {
    forty(&Limiter::fixed(40, 1.0), 1, 0.8, 0.8);
}

#[test]
fn a_sliding_window_of_a_second() {
    forty(&Limiter::sliding(40, 1.0), 1, 0.8, 0.8);
}

#[test]
fn a_fixed_window_of_ten_seconds() {
    let forms = [Told::Seconds, Told::Date];
    all(&Limiter::fixed(400, 10.0), (60, 1), &forms, |name, runs| {
        let (_, least) = share(runs, 10, 60, 40.0);
        assert!(least >= 0.9, "{name}: {least}");
        assert!(runs.iter().all(|run| run.refused_percent(5.0) <= 6.0));
    });
}

#[test]
fn a_fixed_window_of_a_minute() {
    let forms = [Told::Seconds, Told::Date];
    all(
        &Limiter::fixed(300, 60.0),
        (240, 1),
        &forms,
        |name, runs| {
            let (_, least) = share(runs, 60, 240, 5.0);
            assert!(least >= 0.9, "{name}: {least}");
            assert!(runs.iter().all(|run| run.refused_percent(5.0) <= 6.0));
        },
    );
}

#[test]
fn a_limit_that_falls_and_rises_again() {
    let limiter = Limiter::falling(40.0, 10.0, 10.0, 30.0, 50.0);
    all(&limiter, (100, 2), &[Told::Seconds], |name, runs| {
        for run in runs {
            let at_once = run.rate(30.0, 35.0) / 10.0;
            let after = run.rate(35.0, 50.0) / 10.0;
            assert!(at_once >= 0.8 && after >= 0.88, "{name}: {at_once} {after}");
            assert!(run.refusals(30.0, 50.0) <= 20, "{name}");
            let full = |from: u32| run.rate(f64::from(from), f64::from(from + 5)) >= 36.0;
            let back = (50..90).find(|from| full(*from));
            assert!(back.is_some(), "{name}");
            assert!(run.refusals(50.0, 95.0) <= 10, "{name}");
        }
    });
}

#[test]
fn a_limit_that_is_known() {
    let limiter = Limiter::bucket(40.0, 10.0);
    for (demand, millis) in [(64.0, 50), (200.0, 5)] {
        for seed in 0..5 {
            let field = Field {
                demand,
                round_trip: Duration::from_millis(millis),
                layer: layer().quota(Quota::new(40, SECOND).burst(10)),
                ..Field::new(limiter.clone())
            };
            let run = field.run(seed);
            let (share, refused) = (run.rate(10.0, 60.0) / 40.0, run.refused_percent(0.0));
            assert!(share >= 0.97 && refused <= 0.2, "{share} {refused}");
        }
    }
}

#[test]
fn without_a_limit_nothing_is_held() {
    let field = Field::new(Limiter::bucket(1000.0, 100.0));
    let run = field.run(0);
    assert!(run.calls.iter().all(|(_, waited, _)| *waited == 0.0));
    assert!(field.layer.status().keys.is_empty());
}

#[test]
fn what_was_learned_can_be_seen() {
    let field = Field::new(Limiter::bucket(40.0, 10.0));
    let run = field.run(0);
    let key = &field.layer.status().keys[0];
    let rate = key.rate.unwrap();
    assert!((30.0..45.0).contains(&rate), "{rate}");
    assert_eq!(key.refused as usize, run.refused.len());
    assert_eq!((key.retried, key.held, key.given_up), (key.refused, 0, 0));
}
