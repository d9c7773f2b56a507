//! How often the issuer is asked when asking does not help: growing hold-offs, and a bucket of forced refreshes.

use std::time::Duration;

use clearance_core::{TokenError, TokenErrorKind};
use tokio::time::Instant;

/// How long nobody asks after the `nth` failure in a row (from 1) that ended in `error`; `chance` is from 0 to 1.
pub(super) fn hold_off(error: &TokenError, nth: u32, chance: f64) -> Duration {
    let (first, longest) = match error.kind() {
        TokenErrorKind::Throttled {
            retry_after: Some(wait),
        } => return wait.clamp(Duration::from_secs(1), Duration::from_secs(3600)),
        TokenErrorKind::Denied | TokenErrorKind::Throttled { .. } => (5, 60),
        _ => (1, 30),
    };
    // Jitter is earlier only, so that the bounds hold.
    doubling(first, longest, nth).mul_f64(1.0 - chance.clamp(0.0, 1.0) / 5.0)
}

/// `first` seconds, doubled with each further failure, up to `longest`.
pub(super) fn doubling(first: u64, longest: u64, nth: u32) -> Duration {
    let factor = 1_u64.checked_shl(nth.saturating_sub(1)).unwrap_or(u64::MAX);
    Duration::from_secs(first.saturating_mul(factor).min(longest))
}

/// Refreshes that refusals may force: six, and one more every ten seconds. A server that refuses everything must not
/// make us hammer the issuer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bucket {
    left: u32,
    counted_at: Option<Instant>,
}

impl Bucket {
    const SIZE: u32 = 6;
    const ONE_MORE: Duration = Duration::from_secs(10);

    pub(super) fn full() -> Self {
        Self {
            left: Self::SIZE,
            counted_at: None,
        }
    }

    /// Takes one, if there is one.
    pub(super) fn take(&mut self, now: Instant) -> bool {
        let counted_at = *self.counted_at.get_or_insert(now);
        let back =
            (now.saturating_duration_since(counted_at).as_secs() / Self::ONE_MORE.as_secs()) as u32;
        if self.left.saturating_add(back) >= Self::SIZE {
            (self.left, self.counted_at) = (Self::SIZE, Some(now));
        } else {
            (self.left, self.counted_at) =
                (self.left + back, Some(counted_at + Self::ONE_MORE * back));
        }
        let taken = self.left > 0;
        self.left = self.left.saturating_sub(1);
        taken
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, option, prelude::*};

    use super::*;

    #[test]
    fn hold_offs_double_up_to_their_bound() {
        let steps = |error: &TokenError| -> Vec<u64> {
            (1..=8).map(|n| hold_off(error, n, 0.0).as_secs()).collect()
        };
        assert_eq!(
            steps(&TokenError::unavailable("")),
            [1, 2, 4, 8, 16, 30, 30, 30]
        );
        assert_eq!(
            steps(&TokenError::denied("")),
            [5, 10, 20, 40, 60, 60, 60, 60]
        );
        assert_eq!(
            steps(&TokenError::throttled(None, "")),
            [5, 10, 20, 40, 60, 60, 60, 60]
        );
        assert_eq!(
            steps(&TokenError::throttled(Some(Duration::from_secs(7)), "")),
            [7; 8]
        );
        assert_eq!(
            hold_off(&TokenError::unavailable(""), u32::MAX, 0.0).as_secs(),
            30
        );
    }

    #[test]
    fn a_hold_off_is_jittered_to_the_shorter_side() {
        assert_eq!(
            hold_off(&TokenError::unavailable(""), 6, 1.0),
            Duration::from_secs(24)
        );
    }

    #[test]
    fn six_at_once_then_one_every_ten_seconds() {
        let start = Instant::now();
        let mut bucket = Bucket::full();
        let taken = (0..600)
            .filter(|tenth| bucket.take(start + Duration::from_millis(100) * *tenth))
            .count();
        assert_eq!(taken, 6 + 5);
        let later = start + Duration::from_secs(3600);
        assert_eq!((0..10).filter(|_| bucket.take(later)).count(), 6);
    }

    proptest! {
        #[test]
        fn a_hold_off_is_within_its_bounds_and_grows(
            kind in 0..4_usize,
            wait_ms in option::of(0..10_000_000_u64),
            nth in prop_oneof![1..12_u32, any::<u32>()],
            chance in -0.5..1.5_f64,
        ) {
            let (error, first, longest) = [
                (TokenError::unavailable(""), 1, 30),
                (TokenError::malformed(""), 1, 30),
                (TokenError::denied(""), 5, 60),
                (TokenError::throttled(wait_ms.map(Duration::from_millis), ""), 5, 60),
            ][kind].clone();
            let held = hold_off(&error, nth, chance);
            if let (3, Some(wait)) = (kind, wait_ms) {
                // As long as was asked for; no shorter than a second, and no longer than an hour.
                prop_assert_eq!(held.as_millis(), u128::from(wait.clamp(1_000, 3_600_000)));
                return Ok(());
            }
            let (first, longest) = (Duration::from_secs(first), Duration::from_secs(longest));
            prop_assert!(held >= first * 4 / 5 && held <= longest, "{held:?}");
            prop_assert!(hold_off(&error, nth.saturating_add(1), chance) >= held);
            prop_assert!(hold_off(&error, nth, chance + 0.1) <= held);
            // Twice as long with each failure, until that is too long.
            let doubled = f64::from(nth.max(1) - 1).exp2() * first.as_secs_f64();
            let whole = doubled.min(longest.as_secs_f64());
            prop_assert!((hold_off(&error, nth, 0.0).as_secs_f64() - whole).abs() < 1e-9);
        }

        /// Against a count of what was taken, whatever the times.
        #[test]
        fn no_ten_seconds_more_than_one_and_no_time_more_than_six_more(
            gaps_ms in vec(prop_oneof![Just(0_u64), 1..3_000_u64, 9_000..11_000_u64, 0..100_000_u64], 1..120),
        ) {
            let mut now = Instant::now();
            let mut bucket = Bucket::full();
            let mut taken: Vec<Instant> = Vec::new();
            let mut last_refused: Option<Instant> = None;
            for gap in gaps_ms {
                now += Duration::from_millis(gap);
                let rested = taken.last().is_none_or(|last| now - *last >= Duration::from_secs(10));
                if bucket.take(now) {
                    taken.push(now);
                    for (nth, since) in taken.iter().enumerate() {
                        let most = 6 + (now - *since).as_secs() / 10 + 1;
                        prop_assert!((taken.len() - nth) as u64 <= most, "{} in {:?}", taken.len() - nth, now - *since);
                    }
                } else {
                    prop_assert!(!rested, "refused ten seconds after the last");
                    prop_assert!(taken.len() >= 6, "refused before there were six");
                    last_refused = Some(now);
                }
            }
            // It fills up again, whatever was before.
            let later = last_refused.unwrap_or(now).max(now) + Duration::from_secs(60);
            prop_assert_eq!((0..9).filter(|_| bucket.take(later)).count(), 6);
        }
    }
}
