//! Routes that refuse every token: what is remembered of them, so that they do not cost one refresh after the other.

use std::{collections::HashMap, time::Duration};

use tokio::time::Instant;

use super::restraint::doubling;

/// So many routes are remembered; the one that refused longest ago makes place.
const MOST: usize = 64;

/// A route that has not refused for this long is forgotten.
const MEMORY: Duration = Duration::from_secs(600);

/// Routes that refused a token and have not accepted one since, by a hash of their path.
#[derive(Debug, Default)]
pub(super) struct Routes(HashMap<u64, Route>);

#[derive(Clone, Copy, Debug)]
struct Route {
    /// The first token that it refused: that may have been revoked.
    first: u64,
    /// The newest token that it refused while others accepted it.
    counted: u64,
    at: Instant,
    quiet_until: Instant,
    /// How often it refused a token that others accepted.
    times: u32,
}

impl Routes {
    /// A route refused token `id`, which others accept or not. Says whether that is its habit: then no token is to be
    /// asked for.
    pub(super) fn refused(
        &mut self,
        now: Instant,
        route: u64,
        id: u64,
        others_accept: bool,
    ) -> bool {
        self.0
            .retain(|_, known| now < known.at.max(known.quiet_until) + MEMORY);
        if self.0.len() >= MOST && !self.0.contains_key(&route) {
            let oldest = self
                .0
                .iter()
                .min_by_key(|(_, known)| known.at)
                .map(|(route, _)| *route);
            oldest.map(|route| self.0.remove(&route));
        }
        let known = self.0.entry(route).or_insert(Route {
            first: id,
            counted: id,
            at: now,
            quiet_until: now,
            times: 0,
        });
        let quiet = now < known.quiet_until;
        // Mostly it is the first to be sent a new token, in a replay: others accept that only later.
        if !quiet && id > known.counted && others_accept {
            known.counted = id;
            known.times = known.times.saturating_add(1);
            known.quiet_until = now + doubling(5, 300, known.times);
        }
        known.at = now;
        now < known.quiet_until
    }

    /// Whether it refused a token and has not accepted one since.
    pub(super) fn is_known(&self, route: u64) -> bool {
        self.0.contains_key(&route)
    }

    /// Whether it refused an older token than this one, and has not accepted one since.
    pub(super) fn refused_older(&self, route: u64, id: u64) -> bool {
        self.0.get(&route).is_some_and(|known| known.first < id)
    }

    /// A route accepted a token: it is like all others.
    pub(super) fn accepted(&mut self, route: u64) {
        self.0.remove(&route);
    }

    pub(super) fn known(&self) -> impl Iterator<Item = u64> {
        self.0.keys().copied()
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*, sample::select};

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_route_that_refuses_what_others_accept_is_left_alone_for_longer_and_longer() {
        let mut now = Instant::now();
        let mut routes = Routes::default();
        assert!(
            !routes.refused(now, 7, 1, true),
            "the first refusal may mean anything"
        );
        for (nth, quiet) in [5, 10, 20, 40, 80, 160, 300, 300].into_iter().enumerate() {
            let id = nth as u64 + 2;
            assert!(routes.refused(now, 7, id, true));
            now += (quiet - 1) * SECOND;
            assert!(routes.refused(now, 7, id, true), "still quiet");
            now += SECOND;
            assert!(!routes.refused(now, 7, id, true), "one more try");
        }
    }

    #[test]
    fn a_new_token_counts_once_others_accept_it_although_the_route_met_it_first() {
        let now = Instant::now();
        let mut routes = Routes::default();
        routes.refused(now, 7, 1, true);
        assert!(!routes.refused(now, 7, 2, false), "by a replay");
        assert!(routes.refused(now, 7, 2, true));
        assert!(!routes.refused(now + 5 * SECOND, 7, 2, true), "once only");
    }

    #[test]
    fn a_route_that_accepted_a_token_since_is_like_all_others() {
        let now = Instant::now();
        let mut routes = Routes::default();
        routes.refused(now, 7, 1, true);
        routes.accepted(7);
        assert!(!routes.refused(now, 7, 2, true), "two revocations in a row");
    }

    #[test]
    fn a_server_that_accepts_nothing_has_no_bad_route() {
        let now = Instant::now();
        let mut routes = Routes::default();
        assert!((1..9).all(|id| !routes.refused(now, 7, id, false)));
    }

    #[test]
    fn memory_is_bounded() {
        let now = Instant::now();
        let mut routes = Routes::default();
        for route in 0..1000 {
            routes.refused(now + route as u32 * SECOND / 100, route, 1, true);
        }
        assert!(routes.0.len() <= MOST && routes.is_known(999));
    }

    proptest! {
        /// However many routes refuse, and however often: memory is bounded, and none is left alone for longer than five
        /// minutes, nor for a first refusal.
        #[test]
        fn no_route_is_left_alone_for_long(
            // Many routes in a short time, or few in a long one.
            calls in select(vec![(90_u64, 3_u32), (3, 400), (20, 60)]).prop_flat_map(|(routes, gap)| {
                let usual = prop::bool::weighted(0.9);
                vec((0..routes, 0..gap, usual, prop::bool::weighted(0.1)), 1..400)
            }),
        ) {
            let mut now = Instant::now();
            let mut routes = Routes::default();
            let mut last = HashMap::new();
            for (nth, (route, gap, others_accept, same_token)) in calls.into_iter().enumerate() {
                now += gap * SECOND;
                let id = if same_token { 1 } else { nth as u64 + 2 };
                let is_quiet = routes.refused(now, route, id, others_accept);
                let known_since = last.insert(route, now);
                prop_assert!(!is_quiet || known_since.is_some(), "quiet at once");
                // The beginning of a quiet time is itself the call that finds it.
                let began_now = others_accept && !same_token;
                let is_long_ago = known_since.is_some_and(|at| now - at > 300 * SECOND);
                prop_assert!(!is_quiet || began_now || !is_long_ago, "still quiet");
                prop_assert!(routes.0.len() <= MOST && routes.is_known(route));
                if gap % 100 == 99 {
                    routes.accepted(route);
                    last.remove(&route);
                    prop_assert!(!routes.is_known(route));
                }
            }
        }
    }
}
