//! Thousands of calls that are aborted at any moment, on paused time: whatever meets whatever, there is one refresh at a
//! time, everyone who stays gets an outcome in time, and afterwards nothing is held.
//!
//! Each storm prints its seed; `CLEARANCE_STORM_SEED` makes one again, and `CLEARANCE_STORMS=100` makes more than the four
//! of the suite.
#![allow(clippy::unwrap_used, reason = "test code")]

mod dropped;
mod support;

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use clearance::{
    Audience, RateLimitBackoffLayer, Retry401Layer, SkewAuthLayer, Token, TokenError, TokenSource,
};
use clearance_test::ReadyProbe;
use dropped::Hesitant;
use fastrand::Rng;
use http::{Request, Response};
use support::{Api, Body, BoxError, SECOND, Verdict, get};
use tokio::{
    runtime::{Builder, Handle},
    task::JoinSet,
    time::{Instant, sleep, timeout},
};
use tower::{Service, ServiceBuilder, ServiceExt, limit::ConcurrencyLimit};

const CALLS: usize = 2_000;
/// Calls come for so long.
const LENGTH: Duration = Duration::from_secs(200);
const LIFETIME: Duration = Duration::from_secs(40);

/// A source that fails, dawdles, hangs and panics by dice, and knows how often it is asked at once.
#[derive(Clone)]
struct Moody(Arc<Moods>);

struct Moods {
    dice: Mutex<Rng>,
    calm: Mutex<bool>,
    asked: AtomicUsize,
    now: AtomicUsize,
    most: AtomicUsize,
    /// The tokens that are good, and from when on they were.
    good: Mutex<HashMap<String, Instant>>,
}

/// Somebody is being served.
struct Served<'a>(&'a AtomicUsize);

impl Drop for Served<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, SeqCst);
    }
}

impl TokenSource for Moody {
    async fn fetch(&self) -> Result<Token, TokenError> {
        let number = self.0.asked.fetch_add(1, SeqCst);
        let now = self.0.now.fetch_add(1, SeqCst) + 1;
        let _served = Served(&self.0.now);
        self.0.most.fetch_max(now, SeqCst);
        let (mood, delay) = {
            let mut dice = self.0.dice.lock().unwrap();
            (dice.u8(..100), dice.u64(..3_000))
        };
        sleep(Duration::from_millis(delay)).await;
        match mood {
            _ if *self.0.calm.lock().unwrap() => {}
            0..10 => return Err(TokenError::unavailable("down")),
            10..15 => return Err(TokenError::throttled(Some(2 * SECOND), "slow down")),
            15..18 => return Err(TokenError::denied("no")),
            18..22 => std::future::pending().await,
            22..25 => panic!("a mood of this source"),
            _ => {}
        }
        let text = format!("token-{number}");
        let mut good = self.0.good.lock().unwrap();
        good.insert(text.clone(), Instant::now());
        Ok(Token::bearer(&text)?.with_lifetime(LIFETIME))
    }

    fn audience(&self) -> Option<Audience> {
        Some(Audience::any())
    }
}

async fn storm(seed: u64) {
    let mut dice = Rng::with_seed(seed);
    let source = Moody(Arc::new(Moods {
        dice: Mutex::new(dice.fork()),
        calm: Mutex::new(false),
        asked: AtomicUsize::new(0),
        now: AtomicUsize::new(0),
        most: AtomicUsize::new(0),
        good: Mutex::default(),
    }));
    // 40 calls a second, then 429; a 401 for what is old, revoked or, at first, not ripe.
    let moods = source.0.clone();
    let window = Mutex::new((Instant::now(), 0));
    let ripening = SECOND * dice.u32(..3);
    let api = Api::slow(SECOND / 5, move |seen, _| {
        let born = moods.good.lock().unwrap().get(&seen.token).copied();
        let age = born.map(|born| born.elapsed());
        if age.is_none_or(|age| age < ripening || age > LIFETIME) {
            return Verdict::from(401);
        }
        let (begun, used) = &mut *window.lock().unwrap();
        if begun.elapsed() >= SECOND {
            (*begun, *used) = (Instant::now(), 0);
        }
        *used += 1;
        if *used > 40 {
            Verdict::from(429).with("retry-after", 1)
        } else {
            Verdict::from(200)
        }
    });
    let inner = ReadyProbe::new(Hesitant::new(ConcurrencyLimit::new(api.clone(), 50)));
    let probe = inner.handle();
    let (auth, rate) = (
        SkewAuthLayer::new(source.clone()),
        RateLimitBackoffLayer::new(),
    );
    let stack = ServiceBuilder::new()
        .layer(Retry401Layer::new())
        .layer(rate.clone())
        .layer(auth.clone())
        .service(inner);

    let good = source.0.clone();
    let mut revocations = dice.fork();
    let revoking = tokio::spawn(async move {
        loop {
            sleep(Duration::from_millis(revocations.u64(5_000..60_000))).await;
            good.good.lock().unwrap().clear();
        }
    });
    let mut calls = JoinSet::new();
    let outcomes = Arc::new(Mutex::new(HashMap::<String, usize>::new()));
    let aborted = Arc::new(AtomicUsize::new(0));
    for _ in 0..CALLS {
        let begins = Duration::from_millis(dice.u64(..LENGTH.as_millis() as u64));
        // Half of them are aborted, most of those within the time that a call takes.
        let patience = match dice.u8(..4) {
            0 => Some(dice.u64(..400)),
            1 => Some(dice.u64(..20_000)),
            _ => None,
        };
        let (stack, outcomes, aborted) = (stack.clone(), outcomes.clone(), aborted.clone());
        calls.spawn(async move {
            sleep(begins).await;
            let call = tokio::spawn(stack.oneshot(get()));
            if let Some(patience) = patience {
                sleep(Duration::from_millis(patience)).await;
                call.abort();
            }
            let ended = timeout(300 * SECOND, call).await.expect("a call hangs");
            let outcome = match ended {
                Ok(Ok(response)) => response.status().to_string(),
                Ok(Err(error)) if error.is::<TokenError>() => "no token".to_owned(),
                Ok(Err(error)) => format!("{error:.20}"),
                Err(ended) if ended.is_cancelled() => {
                    aborted.fetch_add(1, SeqCst);
                    return;
                }
                Err(ended) => std::panic::resume_unwind(ended.into_panic()),
            };
            *outcomes.lock().unwrap().entry(outcome).or_default() += 1;
        });
    }
    while let Some(call) = calls.join_next().await {
        call.unwrap();
    }
    revoking.abort();
    *source.0.calm.lock().unwrap() = true;
    auth.retry_now();

    // A refresh ends within 15 s, and a pause when its time has come.
    sleep(20 * SECOND).await;
    let place = format!(
        "seed {seed}, tokens ripen in {ripening:?}: {}; {}",
        auth.status(),
        rate.status()
    );
    assert_eq!(probe.held(), 0, "{place}");
    assert_eq!(source.0.now.load(SeqCst), 0, "{place}");
    assert!(!auth.status().refreshing, "{place}");
    for key in rate.status().keys {
        assert_eq!((key.held, key.pause), (0, None), "{place}");
    }
    assert_eq!(Handle::current().metrics().num_alive_tasks(), 0, "{place}");
    assert!(
        source.0.most.load(SeqCst) <= 1,
        "two refreshes at once: {place}"
    );

    // Everybody is served again: more at once than there are places, were any lost. What has to ripen is found out anew,
    // since `retry_now` forgets.
    let before = source.0.asked.load(SeqCst);
    let rounds = if ripening.is_zero() { 1 } else { 10 };
    let mut refused = 60;
    for _ in 0..rounds {
        refused = round_of_calls(&stack, 60, &place).await;
        if refused == 0 {
            break;
        }
        sleep(5 * SECOND).await;
    }
    assert_eq!(refused, 0, "{place}");
    let more = source.0.asked.load(SeqCst) - before;
    assert!(more <= 3 * rounds, "{more} token requests: {place}");

    let outcomes = outcomes.lock().unwrap();
    println!(
        "seed {seed}: {} aborted, {outcomes:?}, {} token requests, {} sends",
        aborted.load(SeqCst),
        source.0.asked.load(SeqCst),
        api.seen().len()
    );
    assert!(outcomes["200 OK"] > CALLS / 5, "{outcomes:?}");
    assert!(aborted.load(SeqCst) > CALLS / 10);
}

/// So many calls at once, of which none fails or hangs. How many are refused?
async fn round_of_calls<S>(stack: &S, count: usize, place: &str) -> usize
where
    S: Service<Request<Body>, Response = Response<Body>, Error = BoxError> + Clone + Send + 'static,
    S::Future: Send,
{
    let mut calls = JoinSet::new();
    for _ in 0..count {
        calls.spawn(timeout(60 * SECOND, stack.clone().oneshot(get())));
    }
    let mut refused = 0;
    while let Some(call) = calls.join_next().await {
        let response = call.unwrap().expect("it hangs").unwrap();
        match response.status().as_u16() {
            200 => {}
            401 => refused += 1,
            other => panic!("{other}: {place}"),
        }
    }
    refused
}

#[test]
fn a_storm_of_aborted_calls_leaves_nothing_behind() {
    let setting = |name| std::env::var(name).ok().and_then(|text| text.parse().ok());
    let storms = setting("CLEARANCE_STORMS").unwrap_or(4);
    let random = fastrand::u64(..);
    let seeds = setting("CLEARANCE_STORM_SEED").map_or_else(
        || (1..storms).chain([random]).collect(),
        |seed: u64| vec![seed],
    );
    for seed in seeds {
        println!("CLEARANCE_STORM_SEED={seed}");
        // The jitters of the layers, as far as they are cast in this thread.
        fastrand::seed(seed);
        let runtime = Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(storm(seed));
    }
}
