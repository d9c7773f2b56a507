//! What is decided is carried out: refreshes in tasks of their own, waiters woken, what is published kept up to date.

use std::{
    collections::VecDeque,
    future::{Future, pending},
    pin::pin,
    sync::Mutex,
    task::{Context, Poll, Waker},
};

use clearance_core::{AnyTokenSource, OriginSlot, Token, TokenSource, clock::Observation};
use clearance_test::TokioWallClock;
use http::Uri;
use tokio::time::{advance, sleep};

use super::*;

/// What the source does when it is asked, one after the other; after that it never answers.
enum Step {
    Gives(Token),
    /// Gives it after a while.
    Late(Duration, Token),
    Fails(TokenError),
    Panics,
}
use Step::{Fails, Gives, Late, Panics};

/// A source that remembers when it was asked.
#[derive(Default)]
struct Source {
    steps: Mutex<VecDeque<Step>>,
    asked: Mutex<Vec<Instant>>,
}

impl Source {
    fn asked(&self) -> Vec<Instant> {
        self.asked.lock().unwrap().clone()
    }
}

impl TokenSource for Source {
    async fn fetch(&self) -> Result<Token, TokenError> {
        self.asked.lock().unwrap().push(Instant::now());
        let step = self.steps.lock().unwrap().pop_front();
        match step {
            Some(Gives(token)) => Ok(token),
            Some(Late(after, token)) => {
                sleep(after).await;
                Ok(token)
            }
            Some(Fails(error)) => Err(error),
            Some(Panics) => panic!("a bug of the source"),
            None => pending().await,
        }
    }

    fn audience(&self) -> Option<Audience> {
        Some(Audience::any())
    }
}

fn token(text: &str) -> Token {
    Token::bearer(text).unwrap().with_lifetime(3600 * SECOND)
}

/// The shared state, and its source. The wall clock keeps pace with tokio's time.
fn shared(steps: impl IntoIterator<Item = Step>) -> (Arc<Shared>, Arc<Source>) {
    let source = Arc::new(Source {
        steps: Mutex::new(steps.into_iter().collect()),
        ..Source::default()
    });
    let wall = TokioWallClock::starting_at(WALL + 9999 * SECOND);
    (by_clock(source.clone(), wall), source)
}

fn by_clock(source: Arc<Source>, wall: TokioWallClock) -> Arc<Shared> {
    let mut shared = Shared::new(AnyTokenSource::new(source));
    shared.set_wall_clock(Arc::new(wall));
    Arc::new(shared)
}

/// The token that needs no thought now.
fn fresh_now(fresh: &mut Fresh, shared: &Shared) -> Option<u64> {
    fresh.token(shared.clocks().local()).map(|token| token.id)
}

async fn grant(shared: &Arc<Shared>) -> Result<Grant, TokenError> {
    let granted = shared.clone().grant(Duration::ZERO, Waiting::default());
    granted.await.0
}

fn try_grant(shared: &Arc<Shared>) -> Option<Result<Grant, TokenError>> {
    shared.try_grant(Duration::ZERO, &mut Waiting::default())
}

// ===== attempts =====

#[tokio::test(start_paused = true)]
async fn an_issuer_that_is_down_is_asked_three_times_with_growing_pauses() {
    for _ in 0..20 {
        let down = || Fails(TokenError::unavailable("down"));
        let (shared, source) = shared([down(), down(), down(), Gives(token("late"))]);
        assert!(grant(&shared).await.is_err());
        let asked = source.asked();
        assert_eq!(asked.len(), 3);
        let ms = |nth: usize| (asked[nth] - asked[nth - 1]).as_millis();
        assert!((100..=301).contains(&ms(1)), "{} ms", ms(1));
        assert!((200..=601).contains(&ms(2)), "{} ms", ms(2));
    }
}

#[tokio::test(start_paused = true)]
async fn between_two_attempts_there_is_as_long_as_the_issuer_says_and_a_tenth_of_a_second_at_least()
{
    let ms = Duration::from_millis;
    for (said, waited) in [
        (Some(ms(7000)), ms(7000)),
        (Some(ms(1)), ms(100)),
        (Some(ms(14_999)), ms(14_999)),
        (None, ms(5000)),
    ] {
        let throttled = Fails(TokenError::throttled(said, "slow down"));
        let (shared, source) = shared([throttled, Gives(token("a-token"))]);
        assert!(grant(&shared).await.is_ok());
        let asked = source.asked();
        assert_eq!(asked[1] - asked[0], waited, "{said:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_cannot_end_in_time_or_well_is_not_tried_again() {
    for error in [
        TokenError::throttled(Some(15 * SECOND), "slow down"),
        TokenError::denied("no"),
        TokenError::unavailable("no use").without_retry(),
    ] {
        let (shared, source) = shared([Fails(error.clone()), Gives(token("a-token"))]);
        let start = Instant::now();
        let failed = grant(&shared).await.unwrap_err();
        assert_eq!(failed.to_string(), error.to_string());
        assert_eq!((start.elapsed(), source.asked().len()), (Duration::ZERO, 1));
    }
}

#[tokio::test(start_paused = true)]
async fn a_source_that_never_answers_is_given_up_after_15_seconds() {
    let (shared, source) = shared([]);
    let start = Instant::now();
    let error = grant(&shared).await.unwrap_err();
    assert_eq!(start.elapsed(), 15 * SECOND);
    assert!(error.to_string().contains("within 15 s"), "{error}");
    assert_eq!(source.asked().len(), 1);
}

// ===== refreshes that end in another way =====

#[tokio::test(start_paused = true)]
async fn a_panic_of_the_source_is_told_at_once_and_the_first_one_is_forgiven() {
    let (shared, source) = shared([Panics, Panics, Gives(token("a-token"))]);
    let start = Instant::now();
    for nth in 1..=2 {
        let error = grant(&shared).await.unwrap_err();
        assert!(error.to_string().contains("panicked"), "{error}");
        assert_eq!(source.asked().len(), nth);
    }
    assert!(grant(&shared).await.is_err(), "held off after the second");
    assert_eq!((start.elapsed(), source.asked().len()), (Duration::ZERO, 2));
    advance(2 * SECOND).await;
    assert!(grant(&shared).await.is_ok());
}

#[test]
fn a_refresh_whose_runtime_is_gone_is_begun_anew_at_once() {
    let runtime = || {
        tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap()
    };
    let (shared, source) = runtime().block_on(async { shared([]) });
    runtime().block_on(async {
        assert!(try_grant(&shared).is_none());
        tokio::task::yield_now().await;
    });
    assert_eq!(source.asked().len(), 1, "and its runtime is gone");
    source
        .steps
        .lock()
        .unwrap()
        .push_back(Gives(token("a-token")));
    runtime().block_on(async {
        assert!(try_grant(&shared).is_none());
        tokio::task::yield_now().await;
        assert!(matches!(try_grant(&shared), Some(Ok(_))));
    });
}

#[test]
fn without_a_runtime_there_is_a_clear_error() {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let (shared, _) = runtime.unwrap().block_on(async { shared([]) });
    let mut waiting = Waiting::default();
    assert!(shared.try_grant(Duration::ZERO, &mut waiting).is_none());
    let failed = shared.try_grant(Duration::ZERO, &mut waiting);
    let error = failed.unwrap().unwrap_err();
    assert!(
        error.to_string().contains("within a tokio runtime"),
        "{error}"
    );

    // There is a refresh in flight, but no timer to wait for it by.
    let ticket = shared.with(|cache, now| {
        cache.failure = None;
        let ticket = cache.start(now, Cause::First);
        cache.take_order();
        ticket
    });
    let mut waiting = pin!(
        shared
            .clone()
            .grant(Duration::ZERO, Waiting::on(Some(ticket), None))
    );
    let polled = waiting
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()));
    let Poll::Ready((Err(error), _)) = polled else {
        panic!("it waits")
    };
    assert!(error.to_string().contains("needs a timer"), "{error}");
}

// ===== waiters =====

#[tokio::test(start_paused = true)]
async fn all_who_wait_are_woken_by_the_token() {
    let (shared, source) = shared([Late(SECOND, token("a-token"))]);
    assert!(try_grant(&shared).is_none());
    let start = Instant::now();
    let waiters: Vec<_> = (0..3)
        .map(|_| {
            let shared = shared.clone();
            tokio::spawn(async move { grant(&shared).await })
        })
        .collect();
    for waiter in waiters {
        let grant = waiter.await.unwrap().unwrap();
        assert_eq!(start.elapsed(), SECOND);
        assert_eq!(grant.terms.held_since, Some(start));
        assert!(!grant.terms.on_trial);
    }
    assert_eq!(source.asked().len(), 1);
    let again = try_grant(&shared).unwrap().unwrap();
    assert_eq!((again.terms.held_since, again.token.id), (None, 1));
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_waits_again_later_waits_for_another_refresh() {
    let (shared, _) = shared([Gives(token("a-token"))]);
    let mut waiting = Waiting::default();
    assert!(shared.try_grant(Duration::ZERO, &mut waiting).is_none());
    tokio::task::yield_now().await;
    assert!(shared.try_grant(Duration::ZERO, &mut waiting).is_some());
    assert!(waiting.ticket.is_none(), "that refresh is history");
}

#[tokio::test(start_paused = true)]
async fn a_token_is_published_until_it_is_refused() {
    let (shared, _) = shared([Gives(token("one")), Gives(token("two"))]);
    let mut fresh = Fresh::new(shared.clone());
    assert!(fresh_now(&mut fresh, &shared).is_none());
    grant(&shared).await.unwrap();
    assert_eq!(fresh_now(&mut fresh, &shared), Some(1));

    shared.accepted(Instant::now(), 1, slot(), None);
    let refused = shared.refused(refusal(1));
    assert!(fresh_now(&mut fresh, &shared).is_none(), "it was revoked");
    refused.settled().await.unwrap();
    assert_eq!(fresh_now(&mut fresh, &shared), Some(2));
    shared.refused(refusal(1)).settled().await.unwrap();
    assert!(
        fresh_now(&mut fresh, &shared).is_some(),
        "a late refusal of the old one"
    );
}

#[tokio::test(start_paused = true)]
async fn a_published_token_is_fresh_until_its_soft_margin_by_both_clocks() {
    let wall = TokioWallClock::starting_at(WALL + 9999 * SECOND);
    let (_, source) = shared([Gives(token("one"))]);
    let shared = by_clock(source, wall.clone());
    let mut fresh = Fresh::new(shared.clone());
    let life = grant(&shared).await.unwrap().token.life;
    let left = life.soft - Instant::now();
    advance(left - Duration::from_millis(1)).await;
    assert!(fresh_now(&mut fresh, &shared).is_some());
    wall.step(7200.0);
    assert!(
        fresh_now(&mut fresh, &shared).is_none(),
        "over by the wall clock"
    );
    wall.step(-7200.0);
    assert!(fresh_now(&mut fresh, &shared).is_some());
    advance(Duration::from_millis(1)).await;
    assert!(fresh_now(&mut fresh, &shared).is_none());
}

#[tokio::test(start_paused = true)]
async fn a_call_that_tries_a_token_frees_its_seat_or_hands_the_token_on() {
    let (shared, _) = shared([Gives(token("one")), Gives(token("two"))]);
    grant(&shared).await.unwrap();
    let _ = shared.refused(refusal(1));
    let trial = grant(&shared).await.unwrap();
    assert_eq!((trial.token.id, trial.terms.on_trial), (2, true));
    assert!(try_grant(&shared).is_none(), "held for the verdict");
    shared.seat_left(2);
    assert!(try_grant(&shared).unwrap().unwrap().terms.on_trial);
    shared.not_refused(2);
    let grant = try_grant(&shared).unwrap().unwrap();
    assert_eq!((grant.token.id, grant.terms.on_trial), (2, false));
}

// ===== what a token says =====

#[tokio::test(start_paused = true)]
async fn a_relative_life_begins_when_the_token_was_asked_for_and_an_absolute_end_stays() {
    let end = WALL + 9999 * SECOND + 610 * SECOND;
    let relative = Token::bearer("one").unwrap().with_lifetime(600 * SECOND);
    let stated = (Instant::now() + 5 * SECOND).into_std();
    for (token, left) in [
        (relative.clone().with_requested_at(stated), 595),
        (relative.clone(), 590),
        (relative.with_expires_at(end), 590),
        (Token::bearer("one").unwrap().with_expires_at(end), 600),
    ] {
        let (shared, _) = shared([Late(10 * SECOND, token)]);
        let asked = Instant::now();
        let granted = grant(&shared).await.unwrap();
        assert_eq!(asked.elapsed(), 10 * SECOND);
        let deadline = granted.token.life.deadline;
        assert_eq!(deadline - Instant::now(), left * SECOND);
    }
}

#[tokio::test(start_paused = true)]
async fn a_host_ahead_of_the_issuer_shortens_an_absolute_life() {
    let (now, wall) = (Instant::now(), WALL + 9999 * SECOND);
    let seen = Observation::new(wall, SECOND, now.into_std(), now.into_std());
    let stored = token("one")
        .with_expires_at(wall + 3600 * SECOND)
        .with_observation(seen);
    let (shared, _) = shared([Gives(stored)]);
    let clocks = shared.clocks();
    let deadline = grant(&shared).await.unwrap().token.life.deadline;
    let (uri, date) = (
        Uri::from_static("https://api.example.com"),
        httpdate(wall + 120 * SECOND),
    );
    clocks.meet(slot(), &uri, &HeaderMap::new());
    shared.observe(slot(), &date, now);
    let shorter = grant(&shared).await.unwrap().token.life.deadline;
    let by = deadline - shorter;
    assert!((118 * SECOND..=120 * SECOND).contains(&by), "{by:?}");
}

/// Three hours after 1970 or so: as a field `Date`.
fn httpdate(time: SystemTime) -> HeaderMap {
    let seconds = time.duration_since(WALL).unwrap().as_secs();
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    let date = format!("Thu, 01 Jan 1970 {hour:02}:{minute:02}:{second:02} GMT");
    HeaderMap::from_iter([(http::header::DATE, HeaderValue::try_from(date).unwrap())])
}

// ===== routes =====

#[tokio::test(start_paused = true)]
async fn routes_are_told_apart_for_five_minutes_after_a_refusal() {
    let (shared, _) = shared([Gives(token("one"))]);
    grant(&shared).await.unwrap();
    let (users, queues) = (
        "https://a/users".parse().unwrap(),
        "https://a/queues".parse().unwrap(),
    );
    let route = |uri: &Uri, slot: OriginSlot| shared.route_of(slot, uri);
    assert_eq!(route(&users, slot()), None, "nothing was refused");
    let _ = shared.refused(refusal(1));
    let (one, other) = (
        route(&users, slot()).unwrap(),
        route(&queues, slot()).unwrap(),
    );
    assert_ne!(one, other);
    let elsewhere = "https://b.example.com".parse().unwrap();
    let elsewhere = Audience::any().admits(&Method::GET, &elsewhere, &HeaderMap::new());
    assert_ne!(Some(one), route(&users, elsewhere.unwrap()));
    assert!(!shared.is_watched(one));

    let _ = shared.refused(Refusal {
        route: Some(one),
        ..refusal(1)
    });
    assert!(shared.is_watched(one) && !shared.is_watched(other));
    shared.accepted(Instant::now(), 1, slot(), Some(one));
    assert!(!shared.is_watched(one));
    advance(300 * SECOND - Duration::from_millis(1)).await;
    shared.not_refused(1);
    assert!(route(&users, slot()).is_some());
    advance(Duration::from_millis(1)).await;
    shared.not_refused(1);
    assert_eq!(route(&users, slot()), None);
}

// ===== what people see =====

#[tokio::test(start_paused = true)]
async fn nothing_that_is_shown_has_a_token_in_it() {
    let (shared, _) = shared([Gives(token("s3cret"))]);
    let granted = grant(&shared).await.unwrap();
    let minted = minted(HeaderValue::from_static("s3cret"), Instant::now(), SECOND);
    for (shown, named) in [
        (format!("{shared:?}"), "Shared { source"),
        (format!("{granted:?}"), "CachedToken { id: 1"),
        (format!("{minted:?}"), "Minted { lifetime: 1s"),
    ] {
        assert!(shown.contains(named), "{shown}");
        assert!(!shown.contains("s3cret"), "{shown}");
    }
}
