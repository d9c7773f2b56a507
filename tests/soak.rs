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

mod callers;
mod ending;
mod ledger;
mod numbered;
mod rough_server;

use std::{
    env,
    net::SocketAddr,
    str::FromStr,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use callers::{Run, tasks};
use clearance::{Audience, RateLimitBackoffLayer, SkewAuthLayer};
use clearance_oauth::ClientCredentials;
use fastrand::Rng;
use ledger::Ledger;
use peak_alloc::PeakAlloc;
use rough_server::Rough;
use tokio::{
    runtime::Builder,
    time::{Instant, sleep, timeout},
};

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
    address: SocketAddr,
) {
    let audience = Audience::origin(&format!("http://{address}")).unwrap();
    let source = ClientCredentials::new(&format!("http://{address}/token"), "id", "s", audience);
    let auth = SkewAuthLayer::new(source.unwrap());
    let rate = RateLimitBackoffLayer::new();
    let run = Run::new(&auth, &rate, &ledger, address);
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
