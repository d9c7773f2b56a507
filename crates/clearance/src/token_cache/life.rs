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
}
