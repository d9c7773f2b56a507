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
mod tests;
