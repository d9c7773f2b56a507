//! The life of a token: renewed, awaited, handed out again.

use super::*;

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
