//! What holds of the moments of any life, whatever its length and the margins.

use proptest::{option, prelude::*};

use super::*;

fn duration() -> impl Strategy<Value = Duration> {
    let seconds = prop_oneof![
        0.0..1.0_f64,
        1.0..100.0_f64,
        100.0..100_000.0_f64,
        0.0..1e12_f64
    ];
    seconds.prop_map(Duration::from_secs_f64)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn whatever_the_margins_its_moments_are_in_order_and_it_is_of_use(
        lifetime in duration(),
        took in duration(),
        renewal in duration(),
        soft in option::of(duration()),
        hard in option::of(duration()),
        jitter in -0.5..1.5_f64,
    ) {
        let requested = Instant::now();
        let received = requested + took.min(UNLIMITED);
        let life = Margins { soft, hard, jitter }.life(requested, received, lifetime, renewal);
        prop_assert!(life.soft <= life.hard && life.hard <= life.last_call && life.last_call <= life.deadline);

        let lifetime = lifetime.clamp(SECOND, UNLIMITED);
        let end = requested + lifetime;
        // What has just arrived can be used for a moment; and what cannot arrive in time has no longer life for it.
        let moment = (lifetime / 2).min(SECOND);
        prop_assert!(life.hard >= received + moment, "{life:?}");
        prop_assert!(life.deadline >= end && life.deadline <= end.max(received + moment), "{life:?}");
        // No margin takes more than half of a life, and jitter a fiftieth of it.
        prop_assert!(life.hard >= requested + lifetime / 2);
        prop_assert!(life.soft >= requested + lifetime.mul_f64(0.479), "{life:?}");
        prop_assert_eq!(life.half, requested + lifetime / 2);
    }

    #[test]
    fn default_margins_are_those_that_are_documented(lifetime in duration(), jitter in 0.0..=1.0_f64) {
        let requested = Instant::now();
        let of = |jitter| {
            let margins = Margins { jitter, ..Margins::default() };
            margins.life(requested, requested, lifetime, Duration::ZERO)
        };
        let (plain, jittered) = (of(0.0), of(jitter));
        let lifetime = lifetime.clamp(SECOND, UNLIMITED).as_secs_f64();
        let age = |at: Instant| at.saturating_duration_since(requested).as_secs_f64();
        let near = |left: f64, right: f64| (left - right).abs() <= 1e-6 + lifetime * 1e-12;
        // A life of a second is used for half of it at least.
        let hard = (lifetime - (lifetime / 10.0).min(30.0)).max((lifetime / 2.0).min(1.0));
        prop_assert!(near(age(plain.hard), hard), "{plain:?}");
        prop_assert!(near(age(plain.soft), lifetime - (lifetime / 5.0).min(300.0)), "{plain:?}");
        // Jitter is earlier only: by half of the margin at most, and never before 78 % of the life.
        prop_assert!(jittered.soft <= plain.soft && jittered.hard == plain.hard);
        prop_assert!(age(jittered.soft) >= 0.78 * lifetime - 1e-6, "{jittered:?}");
        let earlier = age(plain.soft) - age(jittered.soft);
        prop_assert!(earlier <= (lifetime / 10.0).min(150.0) + 1e-6, "{earlier}");
    }

    #[test]
    fn more_caution_is_never_later(
        lifetime in duration(),
        took in 0..20_u32,
        soft in (duration(), duration()),
        hard in (duration(), duration()),
        jitter in (0.0..=1.0_f64, 0.0..=1.0_f64),
        renewal in (duration(), duration()),
    ) {
        let requested = Instant::now();
        let life = |soft, hard, jitter, renewal| {
            let margins = Margins { soft: Some(soft), hard: Some(hard), jitter };
            margins.life(requested, requested + took * SECOND, lifetime, renewal)
        };
        let bold = life(soft.0.min(soft.1), hard.0.min(hard.1), jitter.0.min(jitter.1), renewal.0.min(renewal.1));
        let careful = life(soft.0.max(soft.1), hard.0.max(hard.1), jitter.0.max(jitter.1), renewal.0.max(renewal.1));
        prop_assert!(careful.soft <= bold.soft && careful.hard <= bold.hard);
        prop_assert!(careful.last_call <= bold.last_call && careful.deadline <= bold.deadline);
    }

    #[test]
    fn a_life_that_is_shortened_keeps_its_proportions(lifetime in duration(), by in 0..3600_u32) {
        let (_, life) = life(lifetime.as_secs_f64(), 0.3, SECOND);
        let shorter = life.shortened(by * SECOND);
        for (then, now) in [
            (life.half, shorter.half), (life.soft, shorter.soft), (life.hard, shorter.hard),
            (life.last_call, shorter.last_call), (life.deadline, shorter.deadline),
        ] {
            prop_assert!(then - now == by * SECOND || then == now, "{life:?} {shorter:?}");
        }
        prop_assert!(shorter.soft <= shorter.hard && shorter.hard <= shorter.deadline);
    }
}
