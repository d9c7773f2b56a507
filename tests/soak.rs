//! A long run on sockets against a server that does its worst: faults, revocations, limits and latency, by seeded dice.
//!
//! 64 callers through the whole stack, and a ledger of every send at both ends. What must hold:
//!
//! * every call is accounted for exactly once: its caller is told what the server did with its last send, nothing is sent
//!   again that was not refused, and nothing is executed twice that the server had not executed and refused;
//! * memory is flat, and tasks and connections are bounded.
//!
//! 20 s in the suite. `CLEARANCE_SOAK_SECONDS=600 cargo test -p tests --test soak -- --nocapture` is the long one;
//! `CLEARANCE_SOAK_SEED` casts the dice of an earlier run again (what meets what still depends on the machine).
//!
//! In a binary of its own: all that the process allocates is counted, the server's part included.
#![allow(clippy::unwrap_used, reason = "test code")]

mod ending;
mod ledger;
mod numbered;
mod rough_server;

use std::{
    env,
    pin::pin,
    str::FromStr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use bytes::Bytes;
use clearance::{
    Audience, RateLimitBackoff, RateLimitBackoffLayer, Retry401, Retry401Layer, SkewAuth,
    SkewAuthLayer, TokenError, rate_limit_backoff::RateLimited,
};
use clearance_oauth::{ClientCredentials, https};
use fastrand::Rng;
use http::Request;
use http_body_util::{BodyExt, Full};
use ledger::{CALL, Ledger, Told};
use numbered::Numbered;
use peak_alloc::PeakAlloc;
use rough_server::Rough;
use tokio::{
    runtime::{Builder, Handle},
    sync::RwLock,
    time::{Instant, sleep, timeout},
};
use tower::{ServiceBuilder, ServiceExt};

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

const CALLERS: usize = 64;
const SECOND: Duration = Duration::from_secs(1);
/// Between two of these all callers stand still for a moment, in which it is counted.
const INSPECTION: Duration = Duration::from_secs(5);
/// What there may be more at the end than after the warm-up.
const GROWTH: usize = 128 << 10;
/// hyper-util's client opens a connection that it turns out not to need when another becomes free meanwhile.
const CONNECTIONS: usize = 2 * CALLERS + 2;

type Body = Full<Bytes>;
type Stack = Retry401<RateLimitBackoff<SkewAuth<Numbered>>>;

/// What the callers share.
struct Run {
    stack: Stack,
    auth: SkewAuthLayer,
    rate: RateLimitBackoffLayer,
    url: String,
    ledger: Arc<Ledger>,
    calls: AtomicU64,
    /// Taken alone by who inspects.
    floor: RwLock<()>,
    /// Calls that were given up and may still be under way at the server.
    given_up: Mutex<Vec<u64>>,
}

impl Run {
    async fn caller(self: Arc<Self>, mut dice: Rng, end: Instant) {
        while Instant::now() < end {
            let floor = self.floor.read().await;
            let call = self.calls.fetch_add(1, SeqCst);
            self.ledger.begun(call);
            let gives_up = (dice.u8(..100) == 0).then(|| Duration::from_millis(dice.u64(..40)));
            let reads = dice.u8(..20) > 0;
            let request = self.request(call, &mut dice);
            let ends = self.clone().call(request, reads);
            let told = match gives_up {
                Some(patience) => timeout(patience, ends).await.ok(),
                None => Some(self.patiently(call, ends).await),
            };
            match told {
                Some(told) => self.ledger.settle(call, &told),
                None => self.given_up.lock().unwrap().push(call),
            }
            drop(floor);
            sleep(Duration::from_millis(dice.u64(..10))).await;
        }
    }

    /// Waits for a minute, second by second: where the whole machine stands still for long, that is one of them.
    async fn patiently(&self, call: u64, ends: impl Future<Output = Told>) -> Told {
        let mut ends = pin!(ends);
        for _ in 0..60 {
            if let Ok(told) = timeout(SECOND, ends.as_mut()).await {
                return told;
            }
        }
        let (auth, rate) = (self.auth.status(), self.rate.status());
        panic!("call {call} hangs: {auth}; {rate}");
    }

    fn request(&self, call: u64, dice: &mut Rng) -> Request<Body> {
        let (request, length) = match dice.bool() {
            true => (Request::get(&self.url), 0),
            false => (Request::post(&self.url), dice.usize(..32_768)),
        };
        let body = Full::from(vec![b'u'; length]);
        request.header(CALL, call).body(body).unwrap()
    }

    async fn call(self: Arc<Self>, request: Request<Body>, reads: bool) -> Told {
        let error = match self.stack.clone().oneshot(request).await {
            Ok(response) => {
                let status = response.status().as_u16();
                if !reads {
                    return Told::Reply {
                        status,
                        whole: true,
                        of: None,
                    };
                }
                let body = response.into_body().collect().await.ok();
                let text = body.map(|body| body.to_bytes());
                let number = text.as_ref().and_then(|text| {
                    let text = std::str::from_utf8(text).ok()?;
                    text.split(' ').next()?.parse().ok()
                });
                return Told::Reply {
                    status,
                    whole: text.is_some(),
                    of: number.filter(|_| status == 200),
                };
            }
            Err(error) => error,
        };
        let text = error.to_string();
        if error.is::<TokenError>() {
            Told::NoToken(text)
        } else if error.is::<RateLimited>() {
            Told::Limited(text)
        } else {
            Told::Broken(text)
        }
    }

    /// Stops everyone, hangs up, and counts what is there then: with no connection there are no buffers of connections,
    /// which are as large as what came through them lately. In bytes.
    async fn inspect(&self, server: &Rough) -> usize {
        let _floor = timeout(90 * SECOND, self.floor.write())
            .await
            .expect("a call hangs");
        // What was given up may still be executed.
        sleep(SECOND / 2).await;
        for call in self.given_up.lock().unwrap().drain(..) {
            self.ledger.settle(call, &Told::GaveUp);
        }
        assert_eq!(self.ledger.open(), 0, "calls are unaccounted for");
        server.hang_up();
        let alone = async {
            // The callers', the watch, one for each client's pool, and perhaps a refresh.
            while server.counts.connections.load(SeqCst) > 0 || tasks() > CALLERS + 4 {
                sleep(SECOND / 100).await;
            }
        };
        timeout(16 * SECOND, alone).await.unwrap_or_else(|_| {
            let connections = server.counts.connections.load(SeqCst);
            panic!(
                "{} tasks, {connections} connections, and nothing is under way",
                tasks()
            )
        });
        MEMORY.current_usage()
    }
}

fn tasks() -> usize {
    Handle::current().metrics().num_alive_tasks()
}

#[test]
fn nothing_is_lost_or_done_twice_and_memory_is_flat() {
    let seconds: u64 = setting("CLEARANCE_SOAK_SECONDS").unwrap_or(20);
    let seed: u64 = setting("CLEARANCE_SOAK_SEED").unwrap_or_else(|| fastrand::u64(..));
    println!("{seconds} s with CLEARANCE_SOAK_SEED={seed}");
    let ledger = Arc::new(Ledger::default());
    let server = Rough::new(seed, ledger.clone());
    // On a runtime of its own: what is counted on the other is the callers' and the layers'.
    let servers = Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let address = servers.block_on(server.clone().listen());
    let clients = Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let length = Duration::from_secs(seconds);
    clients.block_on(soak(length, seed, ledger, server, address));
}

fn setting<T: FromStr>(name: &str) -> Option<T> {
    env::var(name).ok()?.parse().ok()
}

async fn soak(
    length: Duration,
    seed: u64,
    ledger: Arc<Ledger>,
    server: Arc<Rough>,
    address: std::net::SocketAddr,
) {
    let audience = Audience::origin(&format!("http://{address}")).unwrap();
    let source = ClientCredentials::new(&format!("http://{address}/token"), "id", "s", audience);
    let auth = SkewAuthLayer::new(source.unwrap());
    let rate = RateLimitBackoffLayer::new();
    let stack = ServiceBuilder::new()
        .layer(Retry401Layer::new())
        .layer(rate.clone())
        .layer(auth.clone())
        .service(Numbered::new(https(), ledger.clone()));
    let run = Arc::new(Run {
        stack,
        auth: auth.clone(),
        rate: rate.clone(),
        url: format!("http://{address}/api"),
        ledger: ledger.clone(),
        calls: AtomicU64::new(0),
        floor: RwLock::default(),
        given_up: Mutex::default(),
    });
    let (start, mut dice) = (Instant::now(), Rng::with_seed(seed));
    let end = start + length;
    let mut callers = tokio::task::JoinSet::new();
    for _ in 0..CALLERS {
        callers.spawn(run.clone().caller(dice.fork(), end));
    }
    let most_tasks = Arc::new(AtomicUsize::new(0));
    callers.spawn(watch_tasks(most_tasks.clone(), end));

    let mut warm = None;
    let warm_up = (length / 4).min(60 * SECOND);
    let mut told = start;
    while Instant::now() + INSPECTION < end {
        sleep(INSPECTION).await;
        let memory = run.inspect(&server).await;
        if warm.is_none() && start.elapsed() >= warm_up {
            warm = Some(memory);
        }
        if told.elapsed() >= 10 * SECOND || warm == Some(memory) {
            told = Instant::now();
            progress(start.elapsed(), &ledger, &server, memory, &most_tasks);
        }
    }
    while let Some(caller) = callers.join_next().await {
        caller.expect("a caller found an error");
    }
    let memory = run.inspect(&server).await;
    progress(start.elapsed(), &ledger, &server, memory, &most_tasks);
    println!("{}\n{}", auth.status(), rate.status());

    let totals = ledger.totals();
    assert_eq!(
        totals.calls,
        run.calls.load(SeqCst),
        "every call ended once"
    );
    assert!(totals.ok * 10 > totals.calls * 8, "{totals:?}");
    let counts = &server.counts;
    let seen = [
        ("limits", counts.limited.load(SeqCst)),
        ("revocations", counts.unauthorised.load(SeqCst)),
        ("replays", totals.replayed),
        ("resets", totals.broken),
        ("calls that were given up", totals.gave_up),
        (
            "calls that were executed and refused",
            totals.executed_twice,
        ),
    ];
    for (what, count) in seen {
        // On a machine that has no time for it, a short run sees little.
        let is_short = totals.calls < 3_000;
        assert!(count > 0 || is_short, "a run without {what} proves little");
    }
    // One each time it ages or was revoked, and some that failed.
    let (requests, allowed) = (counts.token_requests.load(SeqCst), 5 + length.as_secs());
    assert!(requests <= allowed, "{requests} token requests");
    let held: usize = rate.status().keys.iter().map(|key| key.held).sum();
    assert_eq!(held, 0, "nobody waits any more");
    let most = most_tasks.load(SeqCst);
    assert!(most <= CALLERS + CONNECTIONS + 8, "{most} tasks");
    let connections = counts.most_connections.load(SeqCst);
    assert!(connections <= CONNECTIONS, "{connections} connections");
    let warm = warm.expect("it was inspected");
    assert!(
        memory <= warm + GROWTH,
        "{warm} bytes after the warm-up, {memory} at the end"
    );

    // With the layers their tasks end, and so do the connections.
    drop((run, auth, rate));
    let gone = async {
        while tasks() > 0 {
            sleep(SECOND / 10).await;
        }
    };
    timeout(16 * SECOND, gone)
        .await
        .expect("a task outlives the layers");
}

/// How many tasks there are at the most: callers, connections, a refresh.
async fn watch_tasks(most: Arc<AtomicUsize>, end: Instant) {
    while Instant::now() < end {
        most.fetch_max(tasks(), SeqCst);
        sleep(SECOND / 20).await;
    }
}

fn progress(
    elapsed: Duration,
    ledger: &Ledger,
    server: &Rough,
    memory: usize,
    tasks: &AtomicUsize,
) {
    let (totals, counts) = (ledger.totals(), &server.counts);
    let count = |count: &AtomicU64| count.load(SeqCst);
    println!(
        "{:4} s: {} calls, {} sends, {} 401s, {} 429s, {} 503s, {} resets, {} revocations, {} token requests; {} KiB, \
         at most {} tasks and {} connections of {}; {totals:?}",
        elapsed.as_secs(),
        totals.calls,
        totals.sends,
        count(&counts.unauthorised),
        count(&counts.limited),
        count(&counts.busy),
        count(&counts.resets),
        count(&counts.revocations),
        count(&counts.token_requests),
        memory / 1024,
        tasks.load(SeqCst),
        counts.most_connections.load(SeqCst),
        count(&counts.accepted),
    );
}
