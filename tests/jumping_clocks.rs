//! Wall clocks that jump by years, to both ends of what a clock can show, at any moment; and servers and tokens whose times
//! are as absurd: nothing panics or hangs, and a jump costs a token request and no call.
#![allow(clippy::unwrap_used, reason = "test code")]

mod support;

use std::{
    panic,
    sync::{
        Mutex, Once,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::{Duration, SystemTime},
};

use clearance::{
    RateLimitBackoffLayer, Retry401Layer, SkewAuthLayer, Token, TokenError,
    rate_limit_backoff::RateLimited,
};
use clearance_core::clock::WallClock;
use clearance_test::{ScriptedSource, Step, TokioWallClock};
use fastrand::Rng;
use support::{Api, MINUTE, SECOND, Verdict, calls_at, get};
use tokio::time::{sleep, timeout};
use tower::{ServiceBuilder, ServiceExt};

const YEAR: f64 = 365.25 * 86_400.0;

/// Panics anywhere in this process. One in a refresh is cured by the next, and no caller would tell of it.
static PANICS: AtomicUsize = AtomicUsize::new(0);

fn listen_for_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let hook = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            PANICS.fetch_add(1, SeqCst);
            hook(panic);
        }));
    });
}

/// The first and the last moment that a clock of this machine can show.
fn ends_of_time() -> [SystemTime; 2] {
    let mut ends = [SystemTime::UNIX_EPOCH; 2];
    for shift in (0..64).rev() {
        let step = Duration::from_secs(1 << shift);
        ends[0] = ends[0].checked_sub(step).unwrap_or(ends[0]);
        ends[1] = ends[1].checked_add(step).unwrap_or(ends[1]);
    }
    ends
}

fn moments() -> Vec<SystemTime> {
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
    let [first, last] = ends_of_time();
    let year = Duration::from_secs_f64(YEAR);
    vec![
        now,
        now + SECOND,
        now - 30 * SECOND,
        now + 10 * year,
        now - 10 * year,
        SystemTime::UNIX_EPOCH,
        SystemTime::UNIX_EPOCH - 100 * year,
        now + 8_000 * year,
        first,
        last,
    ]
}

/// Shows another moment whenever it is looked at.
struct Mad {
    dice: Mutex<Rng>,
    moments: Vec<SystemTime>,
}

impl Mad {
    fn new(seed: u64) -> Self {
        Self {
            dice: Mutex::new(Rng::with_seed(seed)),
            moments: moments(),
        }
    }
}

impl WallClock for Mad {
    fn now(&self) -> SystemTime {
        let nth = self.dice.lock().unwrap().usize(..self.moments.len());
        self.moments[nth]
    }
}

#[tokio::test(start_paused = true)]
async fn a_jump_by_years_costs_a_token_request_and_no_call() {
    listen_for_panics();
    let start = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
    let clock = TokioWallClock::starting_at(start);
    let servers = TokioWallClock::starting_at(start);
    let source = ScriptedSource::counting()
        .with_lifetime(600 * SECOND)
        .with_delay(SECOND / 5);
    let api = Api::new(move |_, before| {
        let status = if before % 500 == 17 { 429 } else { 200 };
        let date = httpdate::fmt_http_date(servers.now());
        let until = httpdate::fmt_http_date(servers.now() + 2 * SECOND);
        let verdict = Verdict::from(status).with("date", date);
        if status == 429 {
            verdict.with("retry-after", until)
        } else {
            verdict
        }
    });
    let auth = SkewAuthLayer::new(source.clone()).wall_clock(clock.clone());
    let stack = ServiceBuilder::new()
        .layer(Retry401Layer::new())
        .layer(RateLimitBackoffLayer::new().wall_clock(clock.clone()))
        .layer(auth.clone())
        .service(api.service());
    let jumps = [10.0, -10.0, -40.0, 200.0, -160.0, 1.0, -1.0];
    let jumping = tokio::spawn(async move {
        for years in jumps {
            sleep(MINUTE + SECOND / 10).await;
            clock.step(years * YEAR);
        }
    });
    let calls = calls_at(5, 10 * MINUTE, &stack).await;
    jumping.await.unwrap();
    for call in &calls {
        assert_eq!(call.status(), Some(200), "{call:?}");
        assert!(call.took <= 15 * SECOND, "{call:?}");
    }
    // The first, one in ten minutes, and one for each jump ahead.
    let ahead = jumps.iter().filter(|years| **years > 0.0).count();
    let (fetches, allowed) = (source.fetches(), 3 + ahead);
    assert!((2..=allowed).contains(&fetches), "{fetches} token requests");
    assert_eq!(PANICS.load(SeqCst), 0);
}

#[tokio::test(start_paused = true)]
async fn a_clock_gone_mad_breaks_nothing() {
    listen_for_panics();
    for seed in 0..12 {
        let source = ScriptedSource::counting().with_lifetime(60 * SECOND);
        let shown = Mad::new(seed + 1_000);
        let api = Api::new(move |_, before| {
            let date = |time: SystemTime| {
                // What an HTTP-date can show at all.
                let known = time.duration_since(SystemTime::UNIX_EPOCH).ok()?;
                (known.as_secs() < 253_402_300_800).then(|| httpdate::fmt_http_date(time))
            };
            let mut verdict = Verdict::from(if before % 9 == 4 { 429 } else { 200 });
            if let Some(date) = date(shown.now()).filter(|_| before % 3 > 0) {
                verdict = verdict.with("date", date);
            }
            if verdict.status == 429 {
                if let Some(until) = date(shown.now()) {
                    verdict = verdict.with("retry-after", until);
                }
            }
            verdict
        });
        let auth = SkewAuthLayer::new(source.clone()).wall_clock(Mad::new(seed));
        let stack = ServiceBuilder::new()
            .layer(Retry401Layer::new())
            .layer(RateLimitBackoffLayer::new().wall_clock(Mad::new(seed + 500)))
            .layer(auth.clone())
            .service(api.service());
        let calls = calls_at(2, 2 * MINUTE, &stack).await;
        // A date ten years on is a wait that does not fit: that reply is returned. One of a minute holds all calls.
        let mut served = 0;
        for call in &calls {
            match &call.result {
                Ok(reply) => served += usize::from(reply.status() == 200),
                Err(error) => assert!(error.is::<RateLimited>(), "seed {seed}: {error}"),
            }
        }
        assert!(served > calls.len() / 3, "seed {seed}: {served}");
        assert!(source.fetches() <= calls.len(), "seed {seed}");
        let clock = auth.clock();
        let _ = (clock.issuer_now(), clock.now_at("https://api.example.com"));
        println!("{}", auth.status());
    }
    assert_eq!(PANICS.load(SeqCst), 0);
}

#[tokio::test(start_paused = true)]
async fn tokens_of_absurd_times_break_nothing() {
    listen_for_panics();
    let moments = moments();
    let now = tokio::time::Instant::now().into_std();
    let instants = [
        None,
        Some(now),
        now.checked_sub(3_600 * SECOND),
        now.checked_add(3_600 * SECOND),
    ];
    let lifetimes = [
        None,
        Some(Duration::ZERO),
        Some(Duration::from_nanos(1)),
        Some(60 * SECOND),
        Some(Duration::MAX),
    ];
    let mut dice = Rng::with_seed(7);
    let mut served = 0;
    for nth in 0..250 {
        let mut pick = || (dice.bool()).then(|| moments[dice.usize(..moments.len())]);
        let (from, issued, until, date) = (pick(), pick(), pick(), pick());
        let mut token = Token::bearer(&format!("token-{nth}")).unwrap();
        if let Some(lifetime) = lifetimes[dice.usize(..lifetimes.len())] {
            token = token.with_lifetime(lifetime);
        }
        if let Some(at) = instants[dice.usize(..instants.len())] {
            token = token.with_requested_at(at);
        }
        token = from.into_iter().fold(token, Token::with_not_before);
        token = issued.into_iter().fold(token, Token::with_issued_at);
        token = until.into_iter().fold(token, Token::with_expires_at);
        let shown = format!("{token:?}");
        let source = ScriptedSource::script([Step::Made(token)]);
        let refuses = dice.bool();
        let api = Api::new(move |_, before| {
            let verdict = Verdict::from(if refuses && before % 2 == 0 { 401 } else { 200 });
            let known = date.and_then(|date| date.duration_since(SystemTime::UNIX_EPOCH).ok());
            match known.filter(|known| known.as_secs() < 253_402_300_800) {
                Some(known) => {
                    let date = httpdate::fmt_http_date(SystemTime::UNIX_EPOCH + known);
                    verdict.with("date", date)
                }
                None => verdict,
            }
        });
        let wall = moments[dice.usize(..moments.len())];
        let wall = TokioWallClock::starting_at(wall.clamp(moments[6], moments[7]));
        let auth = SkewAuthLayer::new(source).wall_clock(wall);
        let stack = ServiceBuilder::new()
            .layer(Retry401Layer::new())
            .layer(auth.clone())
            .service(api.service());
        for _ in 0..4 {
            let call = timeout(2 * MINUTE, stack.clone().oneshot(get()));
            match call
                .await
                .unwrap_or_else(|_| panic!("a call hangs: {shown}"))
            {
                Ok(reply) => served += usize::from(reply.status() == 200),
                Err(error) => {
                    assert!(error.is::<TokenError>(), "{error}: {shown}");
                    assert!(!error.to_string().contains("panicked"), "{shown}");
                }
            }
            sleep(SECOND).await;
        }
    }
    println!("{served} of 1000 served");
    assert!(served > 250, "{served}");
    assert_eq!(PANICS.load(SeqCst), 0);
}
