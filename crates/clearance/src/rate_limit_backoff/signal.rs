//! All that the hot path looks at.

use std::sync::atomic::Ordering;

use crate::sync::AtomicU64;

/// How many keys are limited, and how many rounds of refusals have begun, in one word.
#[derive(Debug, Default)]
pub(super) struct Signal(AtomicU64);

/// The lower bits count keys: a bounded number, and one that the others share.
const LIMITED: u64 = 0xffff;
const ROUND: u64 = LIMITED + 1;

#[derive(Clone, Copy, Debug)]
pub(super) struct Sight {
    /// No key is limited.
    pub(super) clear: bool,
    /// The number of the round that began last.
    pub(super) round: u64,
}

impl Signal {
    #[inline]
    pub(super) fn read(&self) -> Sight {
        let word = self.0.load(Ordering::Acquire);
        Sight {
            clear: word & LIMITED == 0,
            round: word / ROUND,
        }
    }

    /// A number larger than that of every round before.
    pub(super) fn next_round(&self) -> u64 {
        self.0.fetch_add(ROUND, Ordering::AcqRel) / ROUND + 1
    }

    pub(super) fn one_more_limited(&self) {
        self.0.fetch_add(1, Ordering::AcqRel);
    }

    pub(super) fn one_less_limited(&self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}
