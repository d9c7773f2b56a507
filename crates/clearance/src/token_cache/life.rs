//! When a token is renewed, and until when it is sent: pure arithmetic on its lifetime.

use std::time::Duration;

use tokio::time::Instant;

/// The life of a token that is kept until it is refused. Longer ones are taken as this, so that sums cannot overflow.
pub(crate) const UNLIMITED: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

/// Shorter lifetimes are taken as this one, or each call would ask for a token of its own.
const SHORTEST: Duration = Duration::from_secs(1);

/// How long before its end a token is renewed and no longer sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Margins {
    /// Before its end by this much it is renewed in the background. `None`: min(5 min, lifetime / 5).
    pub(crate) soft: Option<Duration>,
    /// Before its end by this much calls wait for the new one. `None`: min(30 s, lifetime / 10).
    pub(crate) hard: Option<Duration>,
    /// How much earlier this instance renews than others, from 0 to 1, so that a fleet does not do so in step.
    pub(crate) jitter: f64,
}

/// The moments in a token's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Life {
    /// Until here a new one would live hardly longer.
    pub(crate) half: Instant,
    /// From here on it is ageing: sent, and renewed in the background.
    pub(crate) soft: Instant,
    /// From here on it is expired: calls wait for its successor.
    pub(crate) hard: Instant,
    /// From here on nobody waits any longer while it still can be sent and arrive in time.
    pub(crate) last_call: Instant,
    /// Its true end: margins are our caution, this is the server's word.
    pub(crate) deadline: Instant,
}

impl Life {
    /// The same, ending earlier: on the clock of a server that is ahead.
    pub(crate) fn shortened(self, by: Duration) -> Self {
        let earlier = |at: Instant| at.checked_sub(by).unwrap_or(at);
        Self {
            half: earlier(self.half),
            soft: earlier(self.soft),
            hard: earlier(self.hard),
            last_call: earlier(self.last_call),
            deadline: earlier(self.deadline),
        }
    }
}

impl Margins {
    /// The life of a token that was asked for at `requested`, arrived at `received` and lives for `lifetime`; its
    /// refresh took `renewal`.
    pub(crate) fn life(
        &self,
        requested: Instant,
        received: Instant,
        lifetime: Duration,
        renewal: Duration,
    ) -> Life {
        let lifetime = lifetime.clamp(SHORTEST, UNLIMITED);
        let half = lifetime / 2;
        let soft = self
            .soft
            .unwrap_or(Duration::from_secs(300).min(lifetime / 5))
            .max(2 * renewal.min(half))
            .min(half);
        // Jitter is up to half of the margin, but a token is kept for 78 % of its life at least: short lives would
        // otherwise cost a third more requests.
        let jitter = (soft / 2)
            .min(lifetime / 50)
            .mul_f64(self.jitter.clamp(0.0, 1.0));
        let hard = self
            .hard
            .unwrap_or(Duration::from_secs(30).min(lifetime / 10))
            .min(half);

        let end = requested + lifetime;
        // What took long to arrive is used for a moment all the same, or a slow issuer would mean no token at all.
        let hard_at = (end - hard).max(received + half.min(SHORTEST));
        let deadline = end.max(hard_at);
        Life {
            half: requested + half,
            soft: (end - (soft + jitter).min(lifetime)).min(hard_at),
            hard: hard_at,
            last_call: deadline - (deadline - hard_at) / 2,
            deadline,
        }
    }
}

impl Default for Margins {
    fn default() -> Self {
        Self {
            soft: None,
            hard: None,
            jitter: 0.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::{option, prelude::*};

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn life(lifetime: f64, jitter: f64, took: Duration) -> (Instant, Life) {
        let requested = Instant::now();
        let margins = Margins {
            jitter,
            ..Margins::default()
        };
        (
            requested,
            margins.life(
                requested,
                requested + took,
                Duration::from_secs_f64(lifetime),
                took,
            ),
        )
    }

    #[test]
    fn margins_follow_the_lifetime() {
        for (lifetime, soft, hard) in [
            (2.0, 0.4, 0.2),
            (20.0, 4.0, 2.0),
            (300.0, 60.0, 30.0),
            (3600.0, 300.0, 30.0),
            (172_800.0, 300.0, 30.0),
        ] {
            let (start, life) = life(lifetime, 0.0, Duration::ZERO);
            let end = start + Duration::from_secs_f64(lifetime);
            let near = |at: Instant, margin: f64| ((end - at).as_secs_f64() - margin).abs() < 1e-6;
            assert!(
                near(life.soft, soft) && near(life.hard, hard),
                "{lifetime}: {life:?}"
            );
            assert_eq!(life.deadline, end);
        }
    }

    #[test]
    fn jitter_is_earlier_only_and_bounded() {
        for lifetime in [2.0, 5.0, 300.0, 86_400.0] {
            let (start, plain) = life(lifetime, 0.0, Duration::ZERO);
            let (other, jittered) = life(lifetime, 1.0, Duration::ZERO);
            let (plain, jittered) = (plain.soft - start, jittered.soft - other);
            assert!(jittered < plain, "{lifetime}");
            assert!(
                jittered.as_secs_f64() >= 0.78 * lifetime - 1e-6,
                "{lifetime}: {jittered:?}"
            );
            assert!(plain - jittered <= Duration::from_secs(150));
        }
    }

    #[test]
    fn a_slow_issuer_is_asked_earlier_but_not_before_half_of_the_life() {
        let (start, life_300) = life(300.0, 0.0, 40 * SECOND);
        assert_eq!(life_300.soft - start, 220 * SECOND);
        let (start, life_20) = life(20.0, 0.0, 15 * SECOND);
        assert_eq!(life_20.soft - start, 10 * SECOND);
    }

    #[test]
    fn what_arrives_at_its_end_is_usable_for_a_moment() {
        let (start, life) = life(5.0, 0.0, 9 * SECOND);
        assert_eq!(life.hard - start, 10 * SECOND);
        assert!(
            life.soft <= life.hard
                && life.hard <= life.last_call
                && life.last_call <= life.deadline
        );
    }

    #[test]
    fn the_moments_are_in_order_whatever_the_numbers() {
        for lifetime in [0.0, 0.001, 1.0, 59.0, 1e6, 1e18] {
            for took in [0, 1, 14, 1000] {
                let (_, life) = life(lifetime, 0.7, took * SECOND);
                assert!(
                    life.soft <= life.hard
                        && life.hard <= life.last_call
                        && life.last_call <= life.deadline
                );
            }
        }
        let wild = Margins {
            soft: Some(Duration::MAX),
            hard: Some(Duration::MAX),
            jitter: 9.0,
        };
        let now = Instant::now();
        let life = wild.life(now, now, 10 * SECOND, Duration::MAX);
        assert!(life.soft <= life.hard && life.hard <= life.deadline);
    }

    #[test]
    fn a_life_without_an_end_is_ten_years() {
        let now = Instant::now();
        let life = Margins::default().life(now, now, Duration::MAX, Duration::ZERO);
        assert_eq!(life.deadline - now, 10 * 365 * 24 * 3600 * SECOND);
    }

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
}
