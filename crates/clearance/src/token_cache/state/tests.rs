//! The decisions as tables: time goes by only where a test says so.

use clearance_core::{Audience, OriginSlot, clock::SystemClock};
use http::{HeaderMap, HeaderValue, Method};

use super::*;
use crate::{
    RefusalReason,
    challenge::Challenge,
    token_cache::{Born, Minted, Refusal, Refused, Settlement},
};

const SECOND: Duration = Duration::from_secs(1);

/// The wall clock, which stands still here unless it is set.
const WALL: SystemTime = SystemTime::UNIX_EPOCH;

/// From when on every token is valid, on the issuer's clock.
const BORN: SystemTime = SystemTime::UNIX_EPOCH;

/// A cache, the time, and a caller that waits for nothing yet.
struct Bench {
    cache: TokenCache,
    now: Instant,
    next: u32,
}

impl Bench {
    fn new() -> Self {
        Self {
            cache: TokenCache::new(Margins::default(), 5 * SECOND),
            now: Instant::now(),
            next: 0,
        }
    }

    fn with_token(lifetime: Duration) -> Self {
        let mut bench = Self::new();
        assert!(matches!(bench.ask(), Answer::Wait(_)));
        bench.refresh(lifetime);
        bench
    }

    fn ask(&mut self) -> Answer {
        self.cache
            .ask(self.now, WALL, Duration::ZERO, &mut Waiting::default())
    }

    /// The id of the token that a new call would send.
    fn sends(&mut self) -> Option<u64> {
        match self.ask() {
            Answer::Attach(token) | Answer::Try(token) => Some(token.id),
            Answer::Wait(_) | Answer::Fail(_) => None,
        }
    }

    fn ticket(&mut self) -> Ticket {
        self.cache
            .take_order()
            .expect("a refresh was to be started")
            .ticket
    }

    /// Carries out the refresh that was ordered.
    fn refresh(&mut self, lifetime: Duration) {
        let ticket = self.ticket();
        self.next += 1;
        let header = HeaderValue::from(self.next);
        self.cache
            .refreshed(self.now, ticket, minted(header, self.now, lifetime), 0.0)
            .unwrap();
    }

    fn fail(&mut self, error: TokenError) {
        let ticket = self.ticket();
        self.cache.failed(self.now, ticket, error, 0.0);
    }

    fn refused(&mut self, id: u64) -> Refused {
        self.cache.refused(self.now, refusal(id))
    }

    /// The call that tries this token is refused.
    fn tried(&mut self, id: u64) -> Refused {
        self.cache.refused(
            self.now,
            Refusal {
                on_trial: true,
                ..refusal(id)
            },
        )
    }

    fn refused_at(&mut self, id: u64, date: SystemTime) -> Refused {
        self.cache.refused(
            self.now,
            Refusal {
                date: Some(date),
                ..refusal(id)
            },
        )
    }

    fn accepted(&mut self, id: u64) {
        self.cache.accepted(self.now, id, slot(), None);
    }

    fn settle(&mut self, id: u64, waiting: &mut Waiting) -> Settlement {
        self.cache.settle(self.now, id, waiting)
    }
}

fn minted(header: HeaderValue, requested: Instant, lifetime: Duration) -> Minted {
    Minted {
        header,
        audience: Some(Audience::any()),
        requested,
        received: requested,
        lifetime,
        born: Some(Born {
            at: BORN,
            slack: Duration::ZERO,
        }),
        expires_at: None,
        wall: (Arc::new(SystemClock), WALL),
    }
}

fn refusal(id: u64) -> Refusal {
    Refusal {
        id,
        by: slot(),
        on_trial: false,
        challenge: Challenge::Token,
        date: None,
        route: None,
        held_since: None,
    }
}

fn slot() -> OriginSlot {
    let uri = "https://api.example.com".parse().unwrap();
    Audience::any()
        .admits(&Method::GET, &uri, &HeaderMap::new())
        .unwrap()
}

#[test]
fn an_old_token_is_sent_while_it_is_renewed_and_until_its_end_if_that_fails() {
    let mut bench = Bench::with_token(300 * SECOND);
    let start = bench.now;
    for (at, renews) in [(0, false), (239, false), (240, true), (269, true)] {
        bench.now = start + at * SECOND;
        assert_eq!(bench.sends(), Some(1), "at {at} s");
        assert_eq!(bench.cache.order.is_some(), renews, "at {at} s");
    }
    bench.now += SECOND;
    assert!(
        matches!(bench.ask(), Answer::Wait(_)),
        "expired: calls wait for the refresh"
    );
    bench.fail(TokenError::unavailable("down"));
    assert_eq!(bench.sends(), Some(1), "it lives for another half minute");
    bench.now += 31 * SECOND;
    assert!(
        matches!(bench.ask(), Answer::Wait(_)),
        "past its end and hold-off, one call tries"
    );
    assert!(
        matches!(bench.ask(), Answer::Fail(_)),
        "and the others do not wait for it"
    );
}

#[test]
fn a_waiter_is_told_how_its_refresh_ended() {
    let mut bench = Bench::new();
    let mut waiting = Waiting::default();
    assert!(matches!(
        bench
            .cache
            .ask(bench.now, WALL, Duration::ZERO, &mut waiting),
        Answer::Wait(_)
    ));
    bench.fail(TokenError::denied("no"));
    assert!(matches!(
        bench
            .cache
            .ask(bench.now, WALL, Duration::ZERO, &mut waiting),
        Answer::Fail(_)
    ));
    assert!(bench.cache.order.is_none(), "held off");
    bench.now += 5 * SECOND;
    assert!(
        matches!(bench.ask(), Answer::Wait(_)),
        "a corrected secret works again"
    );
    assert_eq!(bench.cache.take_order().unwrap().attempts, 1);
}

#[test]
fn a_refresh_that_vanished_is_begun_anew_once() {
    let mut bench = Bench::new();
    let mut waiting = Waiting::default();
    for _ in 0..2 {
        assert!(matches!(
            bench
                .cache
                .ask(bench.now, WALL, Duration::ZERO, &mut waiting),
            Answer::Wait(_)
        ));
        let ticket = bench.ticket();
        bench.cache.vanished(ticket);
    }
    assert!(matches!(
        bench
            .cache
            .ask(bench.now, WALL, Duration::ZERO, &mut waiting),
        Answer::Fail(_)
    ));
    assert!(
        matches!(bench.ask(), Answer::Wait(_)),
        "the next call works"
    );
}

#[test]
fn nobody_waits_for_a_refresh_of_which_nothing_is_heard() {
    let mut bench = Bench::new();
    let mut waiting = Waiting::default();
    let Answer::Wait(until) = bench
        .cache
        .ask(bench.now, WALL, Duration::ZERO, &mut waiting)
    else {
        panic!("no wait")
    };
    let first = bench.ticket();
    bench.now = until;
    assert!(matches!(
        bench
            .cache
            .ask(bench.now, WALL, Duration::ZERO, &mut waiting),
        Answer::Wait(_)
    ));
    assert!(bench.ticket() > first);
    let late = minted(HeaderValue::from(9), bench.now, SECOND * 60);
    bench.cache.refreshed(bench.now, first, late, 0.0).unwrap();
    assert!(
        bench.cache.current.is_none(),
        "what comes late comes to nothing"
    );
}

#[test]
fn an_accepted_token_that_is_refused_was_revoked() {
    let mut bench = Bench::with_token(3600 * SECOND);
    bench.cache.accepted(bench.now, 1, slot(), None);
    let Refused::Pending(mut first) = bench.refused(1) else {
        panic!("not pending")
    };
    let Refused::Pending(_) = bench.refused(1) else {
        panic!("the second one joins")
    };
    assert_eq!(bench.sends(), None, "nobody sends it any more");
    assert!(matches!(bench.settle(1, &mut first), Settlement::Wait(_)));
    bench.refresh(3600 * SECOND);
    assert!(matches!(
        bench.settle(1, &mut first),
        Settlement::Ended(Ok(()))
    ));
    assert!(
        matches!(bench.refused(1), Refused::Replay),
        "a late refusal of the old token refuses nothing"
    );
    assert_eq!(bench.sends(), Some(2));
    assert!(bench.cache.order.is_none());
}

#[test]
fn a_token_that_was_never_accepted_gets_one_successor_tried_by_one_call() {
    let mut bench = Bench::with_token(3600 * SECOND);
    let Refused::Pending(mut one) = bench.refused(1) else {
        panic!("not pending")
    };
    let Refused::Pending(mut two) = bench.refused(1) else {
        panic!("not pending")
    };
    assert_eq!(bench.sends(), None, "held");
    bench.refresh(3600 * SECOND);
    assert!(
        matches!(bench.settle(1, &mut one), Settlement::Ended(Ok(()))),
        "one is told to come and try"
    );
    assert!(matches!(bench.settle(1, &mut two), Settlement::Wait(_)));
    assert!(matches!(bench.ask(), Answer::Try(token) if token.id == 2));
    assert_eq!(bench.sends(), None, "the others are held for the verdict");

    assert!(matches!(
        bench.tried(2),
        Refused::Final(RefusalReason::RefusedAgain)
    ));
    assert!(
        bench.cache.order.is_none(),
        "further ones are not asked for: they would be younger still"
    );
    bench.now += SECOND / 2;
    assert_eq!(bench.sends(), None, "held while the older one ages");
    assert!(matches!(bench.settle(1, &mut two), Settlement::Wait(_)));
    bench.now += SECOND / 2;
    for nth in 1..=15 {
        assert!(
            matches!(bench.ask(), Answer::Try(token) if token.id == 1),
            "the older one is tried as it ages"
        );
        assert!(matches!(bench.tried(1), Refused::Final(_)));
        assert_eq!(bench.sends().is_none(), nth < 15);
        assert!(bench.cache.order.is_none());
        bench.now += 2 * SECOND;
    }
    assert!(matches!(
        bench.settle(1, &mut two),
        Settlement::Ended(Err(RefusalReason::RefusedAgain))
    ));
    assert!(
        matches!(bench.ask(), Answer::Attach(token) if token.id == 1),
        "too old to be young: nobody is held"
    );
    for (wait, tries) in [
        (0, true),
        (0, false),
        (1, false),
        (1, true),
        (3, false),
        (1, true),
    ] {
        bench.now += wait * SECOND;
        assert_eq!(matches!(bench.refused(1), Refused::Pending(_)), tries);
        if tries {
            assert_eq!(bench.sends(), Some(1), "nobody is held for a further one");
            bench.refresh(3600 * SECOND);
            let Answer::Try(token) = bench.ask() else {
                panic!("not tried")
            };
            assert_eq!(bench.sends(), Some(1));
            assert!(matches!(bench.tried(token.id), Refused::Final(_)));
        }
    }
}

#[test]
fn a_token_that_ripens_becomes_everybodys_and_its_successors_wait_until_they_are_ripe() {
    let mut bench = Bench::with_token(100 * SECOND);
    let begun = bench.now;
    assert!(matches!(bench.refused(1), Refused::Pending(_)));
    bench.refresh(100 * SECOND);
    assert!(matches!(bench.ask(), Answer::Try(token) if token.id == 2));
    assert!(matches!(bench.tried(2), Refused::Final(_)));
    bench.now = begun + 9 * SECOND;
    assert!(matches!(bench.ask(), Answer::Try(token) if token.id == 1));
    bench.accepted(1);
    assert_eq!(bench.cache.published().map(|token| token.id), Some(1));

    bench.now = begun + 80 * SECOND;
    assert_eq!(bench.sends(), Some(1));
    bench.refresh(100 * SECOND);
    bench.now += 8 * SECOND;
    assert_eq!(bench.sends(), Some(1), "the new one is not ripe");
    assert!(bench.cache.order.is_none(), "and no other is asked for");
    bench.now += SECOND;
    assert_eq!(bench.sends(), Some(3));
    // Revoked: its successor is held back until it is ripe.
    bench.accepted(3);
    assert!(matches!(bench.refused(3), Refused::Pending(_)));
    bench.refresh(100 * SECOND);
    assert!(matches!(bench.ask(), Answer::Wait(until) if until == bench.now + 9 * SECOND));
    bench.now += 9 * SECOND;
    assert_eq!(bench.sends(), Some(4));
}

#[test]
fn a_token_that_is_too_young_by_the_servers_own_date_is_held_back_and_not_replaced() {
    let mut bench = Bench::with_token(3600 * SECOND);
    let Refused::Pending(mut waiting) = bench.refused_at(1, BORN - 10 * SECOND) else {
        panic!("not pending")
    };
    assert!(
        matches!(bench.ask(), Answer::Wait(until) if until == bench.now + 10 * SECOND),
        "others are held too"
    );
    assert!(matches!(bench.settle(1, &mut waiting), Settlement::Wait(_)));
    bench.now += SECOND / 2;
    assert!(matches!(
        bench.refused_at(1, BORN - 10 * SECOND),
        Refused::Pending(_)
    ));
    bench.now += 19 * SECOND / 2;
    assert!(matches!(
        bench.settle(1, &mut waiting),
        Settlement::Ended(Ok(()))
    ));
    assert_eq!(bench.sends(), Some(1), "the same token");
    assert!(bench.cache.order.is_none());
}

#[test]
fn a_server_too_far_behind_is_named_and_not_waited_for() {
    let mut bench = Bench::with_token(3600 * SECOND);
    bench.now += 60 * SECOND;
    assert!(
        matches!(
            bench.refused_at(1, BORN - 600 * SECOND),
            Refused::Pending(_)
        ),
        "another token is tried all the same"
    );
    bench.refresh(3600 * SECOND);
    assert!(matches!(bench.ask(), Answer::Try(_)));
    let Refused::Final(reason) = bench.tried(2) else {
        panic!("not final")
    };
    assert!(
        matches!(reason, RefusalReason::TooYoung { behind } if behind == 600 * SECOND),
        "{reason}"
    );
}

#[test]
fn a_jump_of_the_wall_clock_past_the_end_costs_one_request_and_no_call() {
    let mut bench = Bench::with_token(3600 * SECOND);
    let later = WALL + 3601 * SECOND;
    let ask = |bench: &mut Bench, wall| {
        bench
            .cache
            .ask(bench.now, wall, Duration::ZERO, &mut Waiting::default())
    };
    assert!(matches!(
        ask(&mut bench, WALL + 3599 * SECOND),
        Answer::Attach(_)
    ));
    assert!(
        matches!(ask(&mut bench, later), Answer::Wait(_)),
        "the machine may have slept"
    );
    bench.fail(TokenError::unavailable("down"));
    assert!(
        matches!(ask(&mut bench, later), Answer::Attach(_)),
        "or the clock was set: it is sent"
    );
    bench.now += SECOND;
    assert!(matches!(ask(&mut bench, later), Answer::Wait(_)));
    let ticket = bench.ticket();
    let fresh = Minted {
        wall: (Arc::new(SystemClock), later),
        ..minted(HeaderValue::from(9), bench.now, 3600 * SECOND)
    };
    bench
        .cache
        .refreshed(bench.now, ticket, fresh, 0.0)
        .unwrap();
    assert!(matches!(ask(&mut bench, later), Answer::Attach(_)));
    assert!(bench.cache.order.is_none());
}

#[test]
fn a_route_that_refuses_what_others_accept_refreshes_nothing() {
    let mut bench = Bench::with_token(3600 * SECOND);
    let on_route = |id| Refusal {
        route: Some(7),
        ..refusal(id)
    };
    for id in 1..3 {
        bench.accepted(id);
        let refused = bench.cache.refused(bench.now, on_route(id));
        if id == 1 {
            assert!(
                matches!(refused, Refused::Pending(_)),
                "it may have been revoked"
            );
            bench.refresh(3600 * SECOND);
        } else {
            assert!(matches!(
                refused,
                Refused::Final(RefusalReason::RouteRefuses)
            ));
        }
    }
    assert!(bench.cache.order.is_none());
    assert_eq!(bench.sends(), Some(2), "everybody else goes on");
    bench.cache.accepted(bench.now, 2, slot(), Some(7));
    assert!(
        matches!(
            bench.cache.refused(bench.now, on_route(2)),
            Refused::Pending(_)
        ),
        "it accepts after all"
    );
}

#[test]
fn a_tried_token_that_is_taken_becomes_everybodys() {
    let mut bench = Bench::with_token(3600 * SECOND);
    let Refused::Pending(mut waiting) = bench.refused(1) else {
        panic!("not pending")
    };
    bench.refresh(3600 * SECOND);
    assert!(matches!(bench.ask(), Answer::Try(_)));
    bench.cache.seat_left(2);
    assert!(
        matches!(bench.ask(), Answer::Try(_)),
        "the trial of a call that was dropped is the next one's"
    );
    bench.cache.accepted(bench.now, 2, slot(), None);
    assert!(matches!(
        bench.settle(1, &mut waiting),
        Settlement::Ended(Ok(()))
    ));
    assert_eq!(bench.cache.published().map(|token| token.id), Some(2));
}

#[test]
fn a_trial_holds_nobody_for_longer_than_patience() {
    let mut bench = Bench::with_token(3600 * SECOND);
    assert!(matches!(bench.refused(1), Refused::Pending(_)));
    bench.refresh(3600 * SECOND);
    assert!(matches!(bench.ask(), Answer::Try(_)));
    let ask = |bench: &mut Bench, waiting: &mut Waiting| {
        bench.cache.ask(bench.now, WALL, Duration::ZERO, waiting)
    };
    let (mut one, mut two) = (Waiting::default(), Waiting::default());
    assert!(matches!(ask(&mut bench, &mut one), Answer::Wait(_)));
    assert!(matches!(ask(&mut bench, &mut two), Answer::Wait(_)));
    bench.now += 5 * SECOND;
    // The call that tries it hangs: another one tries, and the rest goes on with the older token.
    assert!(matches!(ask(&mut bench, &mut one), Answer::Try(token) if token.id == 2));
    assert!(matches!(ask(&mut bench, &mut two), Answer::Attach(token) if token.id == 1));
}

#[test]
fn a_missing_scope_or_another_scheme_costs_no_token() {
    let mut bench = Bench::with_token(3600 * SECOND);
    for (challenge, reason) in [
        (
            Challenge::InsufficientScope,
            RefusalReason::InsufficientScope,
        ),
        (Challenge::OtherScheme, RefusalReason::OtherScheme),
    ] {
        let refused = bench.cache.refused(
            bench.now,
            Refusal {
                challenge,
                ..refusal(1)
            },
        );
        assert!(matches!(refused, Refused::Final(said) if said.to_string() == reason.to_string()));
    }
    assert!(bench.cache.order.is_none());
    assert_eq!(bench.sends(), Some(1));
}

#[test]
fn refusals_cannot_force_more_refreshes_than_the_bucket_holds() {
    let mut bench = Bench::with_token(3600 * SECOND);
    for id in 1..=6 {
        bench.cache.accepted(bench.now, id, slot(), None);
        assert!(matches!(bench.refused(id), Refused::Pending(_)));
        bench.refresh(3600 * SECOND);
    }
    bench.cache.accepted(bench.now, 7, slot(), None);
    assert!(matches!(
        bench.refused(7),
        Refused::Final(RefusalReason::HeldOff)
    ));
    assert_eq!(bench.sends(), Some(7), "it stays everybody's token");
    bench.now += 10 * SECOND;
    assert!(matches!(bench.refused(7), Refused::Pending(_)));
}

#[test]
fn the_same_token_again_is_a_failure_but_is_served_to_its_end() {
    let mut bench = Bench::with_token(100 * SECOND);
    bench.now += 95 * SECOND;
    let mut asked = 0;
    while bench.now < bench.cache.deadline().unwrap() {
        let _ = bench.ask();
        if let Some(order) = bench.cache.take_order() {
            asked += 1;
            let same = minted(HeaderValue::from(1), bench.now, 5 * SECOND);
            bench
                .cache
                .refreshed(bench.now, order.ticket, same, 0.0)
                .unwrap_err();
        }
        assert_eq!(bench.sends(), Some(1));
        bench.now += SECOND / 10;
    }
    assert!(asked <= 3, "{asked} requests in 5 s");
    assert!(
        matches!(bench.ask(), Answer::Wait(_)),
        "at its end a successor is asked for at once"
    );
}

#[test]
fn a_wish_for_a_longer_life_renews_only_in_the_second_half() {
    let mut bench = Bench::with_token(100 * SECOND);
    let wish = 90 * SECOND;
    let long = |bench: &mut Bench| {
        bench
            .cache
            .ask(bench.now, WALL, wish, &mut Waiting::default())
    };
    bench.now += 49 * SECOND;
    assert!(matches!(long(&mut bench), Answer::Attach(_)));
    bench.now += 2 * SECOND;
    assert!(matches!(long(&mut bench), Answer::Wait(_)));
    assert_eq!(bench.sends(), Some(1), "others do not wait for that");
}

#[test]
fn a_waiter_that_is_slow_to_ask_is_told_of_the_second_revocation_too() {
    let mut bench = Bench::with_token(3600 * SECOND);
    bench.accepted(1);
    let Refused::Pending(mut waiting) = bench.refused(1) else {
        panic!("not pending")
    };
    bench.refresh(3600 * SECOND);
    bench.accepted(2);
    assert!(matches!(bench.refused(2), Refused::Pending(_)));
    assert!(matches!(bench.settle(1, &mut waiting), Settlement::Wait(_)));
    bench.refresh(3600 * SECOND);
    assert!(matches!(
        bench.settle(1, &mut waiting),
        Settlement::Ended(Ok(()))
    ));
}

#[test]
fn an_old_failure_says_nothing_of_the_issuer_now() {
    let mut bench = Bench::with_token(300 * SECOND);
    bench.now += 250 * SECOND;
    assert_eq!(bench.sends(), Some(1));
    bench.fail(TokenError::unavailable("down"));
    bench.now += 10 * 3600 * SECOND;
    for _ in 0..64 {
        assert!(
            matches!(bench.ask(), Answer::Wait(_)),
            "all wait for the refresh"
        );
    }
    assert_eq!(bench.cache.take_order().unwrap().attempts, 3);
}

#[test]
fn an_old_token_that_is_refused_once_did_not_have_to_ripen() {
    let mut bench = Bench::with_token(3600 * SECOND);
    bench.now += 600 * SECOND;
    assert!(matches!(bench.refused(1), Refused::Pending(_)));
    bench.fail(TokenError::unavailable("down"));
    bench.accepted(1);
    bench.now += 60 * SECOND;
    assert!(matches!(bench.refused(1), Refused::Pending(_)));
    bench.refresh(3600 * SECOND);
    assert_eq!(
        bench.sends(),
        Some(2),
        "nobody is held for a token that works at once"
    );
}

#[test]
fn a_server_that_refuses_everything_is_not_met_with_a_token_for_each_call() {
    let mut bench = Bench::with_token(600 * SECOND);
    let (start, mut asked) = (bench.now, 0);
    while bench.now < start + 1200 * SECOND {
        match bench.ask() {
            Answer::Attach(token) => drop(bench.refused(token.id)),
            Answer::Try(token) => drop(bench.tried(token.id)),
            Answer::Wait(_) | Answer::Fail(_) => {}
        }
        if bench.cache.order.is_some() {
            asked += 1;
            bench.refresh(600 * SECOND);
        }
        bench.now += SECOND / 10;
    }
    assert!(asked <= 40, "{asked} tokens in 20 minutes");
}

#[test]
fn ripening_never_outlasts_the_token() {
    let mut bench = Bench::with_token(20 * SECOND);
    bench.cache.ripening.insert(slot().index(), 25 * SECOND);
    let mut served = 0;
    for _ in 0..6000 {
        served += u32::from(bench.sends().is_some());
        if bench.cache.order.is_some() {
            bench.refresh(20 * SECOND);
        }
        bench.now += SECOND / 10;
    }
    assert!(served > 5000, "{served} of 6000");
}

#[test]
fn one_host_that_lets_tokens_ripen_says_nothing_of_another() {
    let mut bench = Bench::with_token(3600 * SECOND);
    assert!(matches!(
        bench.refused_at(1, BORN - 2 * SECOND),
        Refused::Pending(_)
    ));
    bench.now += 2 * SECOND;
    bench.accepted(1);
    assert_eq!(bench.cache.ripening(), 2 * SECOND);
    let uri = "https://b.example.com".parse().unwrap();
    let other = Audience::any()
        .admits(&Method::GET, &uri, &HeaderMap::new())
        .unwrap();
    assert_ne!(other, slot());
    bench.now += 20 * SECOND;
    bench.cache.accepted(bench.now, 1, other, None);
    assert_eq!(bench.cache.ripening(), 2 * SECOND);
}

#[test]
fn after_a_sleep_a_shorter_token_is_better_than_one_that_is_over() {
    let mut bench = Bench::with_token(3600 * SECOND);
    let later = WALL + 7200 * SECOND;
    let ask = |bench: &mut Bench| {
        bench
            .cache
            .ask(bench.now, later, Duration::ZERO, &mut Waiting::default())
    };
    assert!(matches!(ask(&mut bench), Answer::Wait(_)));
    let ticket = bench.ticket();
    let fresh = Minted {
        wall: (Arc::new(SystemClock), later),
        ..minted(HeaderValue::from(9), bench.now, 3000 * SECOND)
    };
    bench
        .cache
        .refreshed(bench.now, ticket, fresh, 0.0)
        .unwrap();
    assert!(matches!(ask(&mut bench), Answer::Attach(token) if token.id == 2));
}

#[test]
fn a_token_that_the_issuer_stands_by_is_good_again() {
    let mut bench = Bench::with_token(3600 * SECOND);
    bench.accepted(1);
    assert!(matches!(bench.refused(1), Refused::Pending(_)));
    let ticket = bench.ticket();
    let same = minted(HeaderValue::from(1), bench.now, 3600 * SECOND);
    bench
        .cache
        .refreshed(bench.now, ticket, same, 0.0)
        .unwrap_err();
    assert_eq!(bench.cache.published().map(|token| token.id), Some(1));
}

#[test]
fn a_token_is_shortened_by_how_far_the_host_is_ahead_and_not_by_every_change() {
    let mut bench = Bench::new();
    assert!(matches!(bench.ask(), Answer::Wait(_)));
    let ticket = bench.ticket();
    let stamped = Minted {
        expires_at: Some(WALL + 600 * SECOND),
        ..minted(HeaderValue::from(9), bench.now, 600 * SECOND)
    };
    bench
        .cache
        .refreshed(bench.now, ticket, stamped, 0.0)
        .unwrap();
    let left = |bench: &Bench| bench.cache.deadline().unwrap() - bench.now;
    for _ in 0..10 {
        bench.cache.shorten(10 * SECOND);
        bench.cache.shorten(Duration::ZERO);
    }
    assert_eq!(left(&bench), 590 * SECOND);
    for half in 1..=100 {
        bench.cache.shorten(SECOND / 2 * half);
    }
    assert!(left(&bench) <= 551 * SECOND, "{:?}", left(&bench));
    assert_eq!(bench.cache.half_life(), Some(300 * SECOND));
}

#[test]
fn a_stored_token_that_is_over_is_a_failure_and_not_fetched_again_and_again() {
    let mut bench = Bench::new();
    let (start, mut asked) = (bench.now, 0);
    while bench.now < start + 60 * SECOND {
        let _ = bench.ask();
        if let Some(order) = bench.cache.take_order() {
            asked += 1;
            let over = Minted {
                expires_at: Some(WALL),
                ..minted(HeaderValue::from(9), bench.now, Duration::ZERO)
            };
            let _ = bench.cache.refreshed(bench.now, order.ticket, over, 0.0);
        }
        bench.now += SECOND / 10;
    }
    assert!(asked <= 10, "{asked} fetches in a minute");
    assert!(matches!(bench.ask(), Answer::Fail(_)));
}

#[test]
fn absurd_numbers_do_not_panic() {
    let mut bench = Bench::with_token(3600 * SECOND);
    bench.cache.set_patience(Duration::MAX);
    let _ = bench
        .cache
        .ask(bench.now, WALL, Duration::MAX, &mut Waiting::default());
    let _ = bench.refused_at(1, BORN - Duration::from_secs(1 << 40));
    let _ = bench.settle(1, &mut Waiting::default());
}
