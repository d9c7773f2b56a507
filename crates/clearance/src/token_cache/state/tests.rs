//! The decisions as tables: time goes by only where a test says so.

use clearance_core::OriginSlot;
use http::{HeaderMap, Method};

use super::*;
use crate::{
    RefusalReason,
    challenge::Challenge,
    token_cache::{Refused, Settlement},
};

const SECOND: Duration = Duration::from_secs(1);

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
            .ask(self.now, Duration::ZERO, &mut Waiting::default())
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
        self.cache.refused(self.now, id, slot(), Challenge::Token)
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
        lifetime,
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
        bench.cache.ask(bench.now, Duration::ZERO, &mut waiting),
        Answer::Wait(_)
    ));
    bench.fail(TokenError::denied("no"));
    assert!(matches!(
        bench.cache.ask(bench.now, Duration::ZERO, &mut waiting),
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
            bench.cache.ask(bench.now, Duration::ZERO, &mut waiting),
            Answer::Wait(_)
        ));
        let ticket = bench.ticket();
        bench.cache.vanished(ticket);
    }
    assert!(matches!(
        bench.cache.ask(bench.now, Duration::ZERO, &mut waiting),
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
    let Answer::Wait(until) = bench.cache.ask(bench.now, Duration::ZERO, &mut waiting) else {
        panic!("no wait")
    };
    let first = bench.ticket();
    bench.now = until;
    assert!(matches!(
        bench.cache.ask(bench.now, Duration::ZERO, &mut waiting),
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
    bench.cache.accepted(1, slot());
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
        bench.refused(2),
        Refused::Final(RefusalReason::RefusedAgain)
    ));
    assert!(matches!(
        bench.settle(1, &mut two),
        Settlement::Ended(Err(RefusalReason::RefusedAgain))
    ));
    assert_eq!(bench.sends(), Some(1), "the older one is kept");
    for (wait, tries) in [
        (0, false),
        (1, true),
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
            assert!(matches!(bench.refused(token.id), Refused::Final(_)));
        }
    }
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
    bench.cache.accepted(2, slot());
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
    let mut waiting = Waiting::default();
    assert!(matches!(
        bench.cache.ask(bench.now, Duration::ZERO, &mut waiting),
        Answer::Wait(_)
    ));
    bench.now += 5 * SECOND;
    assert!(
        matches!(bench.cache.ask(bench.now, Duration::ZERO, &mut waiting), Answer::Attach(token) if token.id == 1)
    );
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
        let refused = bench.cache.refused(bench.now, 1, slot(), challenge);
        assert!(matches!(refused, Refused::Final(said) if said.to_string() == reason.to_string()));
    }
    assert!(bench.cache.order.is_none());
    assert_eq!(bench.sends(), Some(1));
}

#[test]
fn refusals_cannot_force_more_refreshes_than_the_bucket_holds() {
    let mut bench = Bench::with_token(3600 * SECOND);
    for id in 1..=6 {
        bench.cache.accepted(id, slot());
        assert!(matches!(bench.refused(id), Refused::Pending(_)));
        bench.refresh(3600 * SECOND);
    }
    bench.cache.accepted(7, slot());
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
    let long = |bench: &mut Bench| bench.cache.ask(bench.now, wish, &mut Waiting::default());
    bench.now += 49 * SECOND;
    assert!(matches!(long(&mut bench), Answer::Attach(_)));
    bench.now += 2 * SECOND;
    assert!(matches!(long(&mut bench), Answer::Wait(_)));
    assert_eq!(bench.sends(), Some(1), "others do not wait for that");
}
