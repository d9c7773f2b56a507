//! Which replies are looked at for the clock of their host.

use std::time::Duration;

use clearance_core::OriginSlot;
use tokio::time::Instant;

/// So long the successes of one host are not looked at again.
const PACE: Duration = Duration::from_millis(10);
/// But for the first ones, all of which are.
const FIRST: u32 = 16;

/// Whose reply was looked at last, and until when that will do. A `Date` shows seconds: reading one in each of a thousand
/// replies a second would tell nothing more.
#[derive(Clone, Copy)]
pub(super) struct Look {
    last: Option<(OriginSlot, Instant)>,
    first: u32,
}

impl Look {
    /// Whether the reply to a request that is sent now is to be looked at. Then it is.
    #[inline]
    pub(super) fn is_due(&mut self, slot: OriginSlot, now: Instant) -> bool {
        match self.last {
            Some((looked, until)) if looked == slot && now < until => {
                let is_due = self.first > 0;
                self.first = self.first.saturating_sub(1);
                is_due
            }
            // Of hosts that take turns, each reply.
            _ => {
                self.last = Some((slot, now + PACE));
                true
            }
        }
    }
}

impl Default for Look {
    fn default() -> Self {
        Self {
            last: None,
            first: FIRST,
        }
    }
}

#[cfg(test)]
mod tests {
    use clearance_core::Audience;
    use http::{HeaderMap, Method, Uri};

    use super::*;

    #[test]
    fn the_first_replies_are_looked_at_then_one_of_a_host_in_ten_milliseconds_and_of_hosts_in_turn_all()
     {
        let origins = ["https://a.test", "https://b.test"];
        let audience = Audience::origins(origins).unwrap();
        let [a, b] = origins.map(|origin| {
            let uri: Uri = origin.parse().unwrap();
            let slot = audience.admits(&Method::GET, &uri, &HeaderMap::new());
            slot.unwrap()
        });
        let (mut look, begun) = (Look::default(), Instant::now());
        let mut looked = |slot, millis, calls: u32| {
            let now = begun + Duration::from_millis(millis);
            (0..calls).filter(|_| look.is_due(slot, now)).count()
        };
        assert_eq!(looked(a, 0, 10), 10);
        assert_eq!(looked(a, 0, 100), 7);
        for (host, millis, count) in [
            (a, 9, 0),
            (a, 10, 1),
            (a, 19, 0),
            (b, 19, 1),
            (b, 28, 0),
            (b, 29, 1),
        ] {
            assert_eq!(looked(host, millis, 100), count, "{millis}");
        }
        for _ in 0..50 {
            assert_eq!(looked(a, 30, 1) + looked(b, 30, 1), 2);
        }
    }
}
