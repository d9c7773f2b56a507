//! Which replies are looked at for the clock of their host.

use std::time::Duration;

use clearance_core::OriginSlot;
use tokio::time::Instant;

/// So long the successes of one host are not looked at again.
const PACE: Duration = Duration::from_millis(10);

/// Whose reply was looked at last, and until when that will do. A `Date` shows seconds: reading one in each of a thousand
/// replies a second would tell nothing more.
#[derive(Clone, Copy, Default)]
pub(super) struct Look(Option<(OriginSlot, Instant)>);

impl Look {
    /// Whether the reply to a request that is sent now is to be looked at. Then it is.
    #[inline]
    pub(super) fn is_due(&mut self, slot: OriginSlot, now: Instant) -> bool {
        match self.0 {
            Some((looked, until)) if looked == slot && now < until => false,
            // Of hosts that take turns, each reply.
            _ => {
                self.0 = Some((slot, now + PACE));
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
    fn a_host_is_looked_at_every_ten_milliseconds_and_hosts_in_turn_each_time() {
        let origins = ["https://a.test", "https://b.test"];
        let audience = Audience::origins(origins).unwrap();
        let [a, b] = origins.map(|origin| {
            let uri: Uri = origin.parse().unwrap();
            let slot = audience.admits(&Method::GET, &uri, &HeaderMap::new());
            slot.unwrap()
        });
        let (mut look, begun) = (Look::default(), Instant::now());
        let at = |millis| begun + Duration::from_millis(millis);
        for (slot, millis, due) in [
            (a, 0, true),
            (a, 0, false),
            (a, 9, false),
            (a, 10, true),
            (a, 19, false),
            (b, 19, true),
            (a, 19, true),
            (b, 19, true),
            (b, 28, false),
            (b, 29, true),
        ] {
            assert_eq!(look.is_due(slot, at(millis)), due, "{millis}");
        }
    }
}
