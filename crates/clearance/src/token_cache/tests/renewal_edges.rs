//! Renewals to the moment: when a token is over, due, or better than its successor, and when a failure ends.

use super::*;

const NANOSECOND: Duration = Duration::from_nanos(1);

#[test]
fn a_token_is_over_after_its_end_by_the_wall_clock_and_not_at_it() {
    let bench = Bench::with_token(600 * SECOND);
    let token = bench.cache.published().unwrap();
    assert!(!token.is_over(WALL + 600 * SECOND));
    assert!(token.is_over(WALL + 600 * SECOND + NANOSECOND));
}

#[tokio::test(start_paused = true)]
async fn a_token_outlives_what_it_lives_for() {
    let bench = Bench::with_token(600 * SECOND);
    let token = bench.cache.published().unwrap();
    assert!(token.outlives(600 * SECOND));
    assert!(!token.outlives(600 * SECOND + NANOSECOND));
}

#[test]
fn a_successor_that_is_ripe_is_published_at_once() {
    let mut bench = Bench::with_token(600 * SECOND);
    bench.now += 500 * SECOND;
    assert_eq!(bench.sends(), Some(1));
    bench.refresh(600 * SECOND);
    assert_eq!(bench.cache.published().map(|token| token.id), Some(2));
}

#[test]
fn a_successor_is_asked_for_early_enough_to_ripen() {
    let mut bench = Bench::new();
    bench.cache.ripening.insert(slot().index(), 20 * SECOND);
    let _ = bench.ask();
    bench.now += 2 * SECOND;
    bench.refresh(100 * SECOND);
    let life = bench.cache.life().unwrap();
    // Twice what a refresh takes and half of the ripening: more than a fifth of the life.
    assert_eq!(life.deadline - life.soft, 25 * SECOND);
}

#[test]
fn a_token_with_another_audience_is_not_held_for_hosts_of_the_old_one() {
    let mut bench = Bench::with_token(600 * SECOND);
    bench.cache.ripening.insert(slot().index(), 20 * SECOND);
    bench.now += 500 * SECOND;
    assert_eq!(bench.sends(), Some(1));
    let ticket = bench.ticket();
    let token = Minted {
        audience: Audience::origin("https://new.example.com").ok(),
        ..minted(HeaderValue::from(9), bench.now, 600 * SECOND)
    };
    bench
        .cache
        .refreshed(bench.now, ticket, token, 0.0)
        .unwrap();
    assert_eq!(bench.cache.published().map(|token| token.id), Some(2));
    assert_eq!(bench.cache.ripening_of(slot().index()), None);
}

#[test]
fn a_hosts_lead_shortens_a_life_by_half_at_most() {
    let mut bench = Bench::new();
    bench.cache.shorten(900 * SECOND);
    bench.stamped(Some(WALL + 600 * SECOND));
    assert_eq!(bench.cache.deadline(), Some(bench.now + 300 * SECOND));
}

#[test]
fn a_shorter_token_is_no_successor_unless_the_old_one_was_refused() {
    for refused in [false, true] {
        let mut bench = Bench::with_token(600 * SECOND);
        bench.accepted(1);
        if refused {
            let _ = bench.refused(1);
        } else {
            bench.now += 540 * SECOND;
            let _ = bench.ask();
        }
        let ticket = bench.ticket();
        let shorter = minted(HeaderValue::from(9), bench.now, 30 * SECOND);
        let taken = bench.cache.refreshed(bench.now, ticket, shorter, 0.0);
        assert_eq!(taken.is_ok(), refused);
    }
}

#[test]
fn a_stored_token_handed_out_again_at_its_very_end_is_held_off_too() {
    let mut bench = Bench::new();
    let stored = |now, left| Minted {
        expires_at: Some(WALL + 600 * SECOND),
        ..minted(HeaderValue::from(9), now, left)
    };
    let _ = bench.ask();
    let ticket = bench.ticket();
    let first = stored(bench.now, 600 * SECOND);
    bench
        .cache
        .refreshed(bench.now, ticket, first, 0.0)
        .unwrap();
    bench.now += 600 * SECOND;
    assert!(matches!(bench.ask(), Answer::Wait(_)));
    let ticket = bench.ticket();
    let again = stored(bench.now, Duration::ZERO);
    let kept = bench.cache.refreshed(bench.now, ticket, again, 0.0);
    assert!(kept.is_err());
    assert!(matches!(bench.ask(), Answer::Fail(_)), "held off");
    assert!(bench.cache.order.is_none());
}

#[test]
fn a_token_that_is_over_may_come_again_with_a_new_end() {
    for (first, second) in [
        (None, None),
        (Some(WALL + 600 * SECOND), Some(WALL + 1200 * SECOND)),
    ] {
        let mut bench = Bench::new();
        bench.stamped(first);
        bench.now += 600 * SECOND;
        bench.stamped(second);
        assert_eq!(bench.cache.generation(), 2);
    }
}

#[test]
fn a_token_handed_out_once_more_explains_a_jump_of_the_wall_clock() {
    let mut bench = Bench::with_token(3600 * SECOND);
    let later = WALL + 7200 * SECOND;
    assert!(matches!(bench.ask_at(later), Answer::Wait(_)));
    let ticket = bench.ticket();
    let same = Minted {
        wall: later,
        ..minted(HeaderValue::from(1), bench.now, 3600 * SECOND)
    };
    let kept = bench.cache.refreshed(bench.now, ticket, same, 0.0);
    assert!(kept.is_err());
    bench.now += 60 * SECOND;
    assert!(matches!(bench.ask_at(later), Answer::Attach(_)));
    assert!(
        bench.cache.order.is_none(),
        "the clock was set: all is well"
    );
}

#[test]
fn retry_now_ends_all_hold_offs() {
    let mut bench = Bench::with_token(3600 * SECOND);
    bench.now += 3590 * SECOND;
    let _ = bench.ask();
    bench.fail(TokenError::denied("no"));
    let _ = bench.sends();
    assert!(bench.cache.order.is_none(), "held off");
    bench.cache.retry_now();
    assert!(matches!(bench.ask(), Answer::Wait(_)));
    assert_eq!(bench.cache.take_order().unwrap().attempts, 3);
}

#[test]
fn a_hold_off_ends_at_its_moment() {
    let mut bench = Bench::new();
    let _ = bench.ask();
    bench.fail(TokenError::unavailable("down"));
    let until = bench.now + SECOND;
    assert!(bench.cache.is_held_off(until - NANOSECOND));
    assert!(!bench.cache.is_held_off(until));
    bench.now = until - NANOSECOND;
    assert!(matches!(bench.ask(), Answer::Fail(_)));
    bench.now = until;
    assert!(matches!(bench.ask(), Answer::Wait(_)));
}

#[test]
fn at_its_deadline_a_token_is_sent_no_more() {
    let mut bench = Bench::with_token(100 * SECOND);
    bench.now += 99 * SECOND;
    let _ = bench.ask();
    bench.fail(TokenError::denied("no"));
    bench.now += SECOND - NANOSECOND;
    assert_eq!(bench.sends(), Some(1));
    bench.now += NANOSECOND;
    assert!(matches!(bench.ask(), Answer::Fail(_)));
}

#[test]
fn a_wish_that_is_just_met_renews_nothing() {
    let mut bench = Bench::with_token(100 * SECOND);
    bench.now += 60 * SECOND;
    let wish = |bench: &mut Bench, wish| {
        bench
            .cache
            .ask(bench.now, WALL, wish, &mut Waiting::default())
    };
    assert!(matches!(wish(&mut bench, 40 * SECOND), Answer::Attach(_)));
    assert!(matches!(
        wish(&mut bench, 40 * SECOND + NANOSECOND),
        Answer::Wait(_)
    ));
}

#[test]
fn who_waits_for_a_refresh_takes_the_old_token_at_the_last_call() {
    let mut bench = Bench::with_token(100 * SECOND);
    let life = bench.cache.life().unwrap();
    bench.now = life.hard;
    let mut waiting = Waiting::default();
    let mut ask = |bench: &mut Bench| {
        let now = bench.now;
        bench.cache.ask(now, WALL, Duration::ZERO, &mut waiting)
    };
    assert!(matches!(ask(&mut bench), Answer::Wait(_)));
    assert!(matches!(ask(&mut bench), Answer::Wait(until) if until == life.last_call));
    bench.now = life.last_call - NANOSECOND;
    assert!(matches!(ask(&mut bench), Answer::Wait(until) if until == life.last_call));
    bench.now = life.last_call;
    assert!(matches!(ask(&mut bench), Answer::Attach(token) if token.id == 1));
}

#[test]
fn who_has_nothing_else_waits_until_the_refresh_must_have_been_abandoned() {
    let mut bench = Bench::new();
    let _ = bench.ask();
    let started = bench.now;
    bench.now += 3 * SECOND;
    assert!(matches!(bench.ask(), Answer::Wait(until) if until == started + 16 * SECOND));
}

#[test]
fn who_began_a_refresh_after_a_failure_waits_for_it_and_the_others_do_not() {
    let mut bench = Bench::new();
    let _ = bench.ask();
    bench.fail(TokenError::unavailable("down"));
    bench.now += SECOND;
    let mut one = Waiting::default();
    let mut ask = |bench: &mut Bench| {
        let now = bench.now;
        bench.cache.ask(now, WALL, Duration::ZERO, &mut one)
    };
    assert!(matches!(ask(&mut bench), Answer::Wait(_)));
    assert!(matches!(ask(&mut bench), Answer::Wait(_)), "asked again");
    assert!(matches!(bench.ask(), Answer::Fail(_)));
}
