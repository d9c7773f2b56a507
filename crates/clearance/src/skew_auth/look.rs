//! Which replies are looked at for the clock of their host.

use std::time::Duration;

use clearance_core::OriginSlot;
use tokio::time::Instant;

/// Of one host so many successes are looked at in so long.
const MOST: u32 = 16;
const PACE: Duration = Duration::from_millis(10);

/// Whose replies are looked at, how many more of them, and until when that will do. A `Date` shows seconds: reading one in
/// each of ten thousand replies a second would tell nothing more.
#[derive(Clone, Copy, Default)]
pub(super) struct Look(Option<(OriginSlot, Instant, u32)>);

impl Look {
    /// Whether the reply to a request that is sent now is to be looked at. Then it is.
    #[inline]
    pub(super) fn is_due(&mut self, slot: OriginSlot, now: Instant) -> bool {
        match &mut self.0 {
            Some((looked, until, left)) if *looked == slot && now < *until => {
                let due = *left > 0;
                *left = left.saturating_sub(1);
                due
            }
            // Of hosts that take turns, each reply.
            _ => {
                self.0 = Some((slot, now + PACE, MOST - 1));
                true
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use clearance_core::Audience;
    use http::{HeaderMap, Method, Uri};

    use super::*;

    #[test]
    fn of_a_host_sixteen_replies_are_looked_at_in_ten_milliseconds_and_of_hosts_in_turn_all() {
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
        assert_eq!(looked(a, 0, 100), 16);
        assert_eq!(looked(a, 9, 100), 0);
        assert_eq!(looked(a, 10, 4), 4);
        assert_eq!(looked(a, 19, 100), 12);
        assert_eq!(looked(b, 19, 100), 16);
        for _ in 0..50 {
            assert_eq!(looked(a, 19, 1) + looked(b, 19, 1), 2);
        }
        assert_eq!(looked(b, 28, 100), 15);
        assert_eq!(looked(b, 29, 100), 16);
    }
}
