//! What do the layers add to a request that really goes over a connection, of which there are 64?
//!
//! hyper-util's client is in this process and a hyper server in another one, so what is counted is the client. Told are
//! instructions (with valgrind, the server outside of it), throughput and 99th percentile, as ratios to the same client
//! with a fixed header; the allocations are counted by `allocations`. With `--features rivals`, reqwest with
//! reqwest-middleware and reqwest-retry stands beside.

#![allow(missing_docs, reason = "gungraun's macros make public items")]

use std::{process::ExitCode, time::Duration};

use benches::{
    callgrind,
    figures::{median, tell},
    limits::Wanted,
    sides::Side,
    wire::{self, Burst, SIDES, Server, TASKS, Until},
};
use gungraun::{Callgrind, LibraryBenchmarkConfig, library_benchmark, library_benchmark_group};
use tokio::time::Instant;

/// For each task, in what callgrind counts.
const REQUESTS: usize = 25;
/// How often each side is counted: what is read at once is not the same each time.
const ROUNDS: usize = 3;
const CASE: &str = "64 connections";

#[derive(Clone, Copy, Debug, PartialEq)]
enum Client {
    Hyper(Side),
    #[cfg(feature = "rivals")]
    Reqwest(benches::rivals::Rival),
}

impl Client {
    fn all() -> Vec<Self> {
        let all = SIDES.into_iter().map(Self::Hyper);
        #[cfg(feature = "rivals")]
        let all = all.chain(benches::rivals::Rival::ALL.map(Self::Reqwest));
        all.collect()
    }

    fn burst(self, server: &Server) -> Burst {
        match self {
            Self::Hyper(side) => Burst::new(side, server),
            #[cfg(feature = "rivals")]
            Self::Reqwest(rival) => rival.burst(server),
        }
    }
}

impl std::fmt::Display for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Hyper(side) => side.fmt(f),
            #[cfg(feature = "rivals")]
            Self::Reqwest(rival) => f.pad(rival.name()),
        }
    }
}

fn counted_clients() -> Vec<Client> {
    (0..ROUNDS).flat_map(|_| Client::all()).collect()
}

fn connected(client: Client) -> (Burst, Server) {
    let server = Server::start();
    let mut burst = client.burst(&server);
    burst.run(Until::Sent(3));
    (burst, server)
}

#[library_benchmark]
#[benches::nth(iter = counted_clients(), setup = connected)]
fn requests((mut burst, server): (Burst, Server)) -> (Burst, Server) {
    drop(burst.run(Until::Sent(REQUESTS)));
    (burst, server)
}

library_benchmark_group!(name = loopback, benchmarks = requests);

mod counted {
    use super::{config, loopback};

    gungraun::main!(config = config(); library_benchmark_groups = loopback);

    pub(super) fn run() {
        main();
    }
}

fn config() -> LibraryBenchmarkConfig {
    let mut config = LibraryBenchmarkConfig::default();
    config.valgrind_args(["--trace-children=no"]);
    config.tool(Callgrind::with_args(["--cache-sim=no"]));
    config
}

fn main() -> ExitCode {
    wire::serve_if_asked();
    if callgrind::is_counted() {
        counted::run();
        return ExitCode::SUCCESS;
    }
    let test = Wanted::from_args() == Wanted::Test;
    let (turns, long) = if test { (1, 20) } else { (25, 150) };
    times(turns, Duration::from_millis(long));
    if !test {
        match callgrind::counts() {
            Ok(counts) => instructions(&counts),
            Err(missing) => println!("{missing}"),
        }
    }
    ExitCode::SUCCESS
}

fn times(turns: usize, long: Duration) {
    let server = Server::start();
    let all = Client::all();
    let mut bursts: Vec<_> = all.iter().map(|client| client.burst(&server)).collect();
    let mut rates = vec![Vec::new(); all.len()];
    let mut slowest = vec![Vec::new(); all.len()];
    for _ in 0..turns {
        for (nth, burst) in bursts.iter_mut().enumerate() {
            burst.run(Until::Sent(2));
            let begun = Instant::now();
            let mut taken = burst.run(Until::Time(begun + long));
            rates[nth].push(taken.len() as f64 / begun.elapsed().as_secs_f64());
            taken.sort_unstable();
            slowest[nth].push(taken[taken.len() * 99 / 100].as_secs_f64());
        }
    }
    let ratios = |of: &[f64], to: &[f64]| {
        let pairs = of.iter().zip(to);
        median(pairs.map(|(one, other)| one / other).collect())
    };
    for (nth, client) in all.iter().enumerate() {
        let (rate, p99) = (
            ratios(&rates[nth], &rates[0]),
            ratios(&slowest[nth], &slowest[0]),
        );
        tell("loopback", client, CASE, "requests/s / static header", rate);
        tell("loopback", client, CASE, "p99 / static header", p99);
        tell(
            "loopback",
            client,
            CASE,
            "requests/s",
            median(rates[nth].clone()),
        );
        let micros = slowest[nth].iter().map(|seconds| seconds * 1e6);
        tell(
            "loopback",
            client,
            CASE,
            "p99, µs",
            median(micros.collect()),
        );
    }
}

fn instructions(counts: &[u64]) {
    let all = Client::all();
    let of = |nth: usize| {
        let rounds = counts.iter().skip(nth).step_by(all.len());
        let rounds: Vec<_> = rounds.map(|count| *count as f64).collect();
        (median(rounds.clone()) / (REQUESTS * TASKS) as f64, rounds)
    };
    let (fixed, _) = of(0);
    for (nth, client) in all.iter().enumerate() {
        let (each, rounds) = of(nth);
        let (least, most) = rounds
            .iter()
            .fold((f64::MAX, 0_f64), |(least, most), count| {
                (least.min(*count), most.max(*count))
            });
        tell("loopback", client, CASE, "instructions", each);
        tell(
            "loopback",
            client,
            CASE,
            "over static header, %",
            (each / fixed - 1.0) * 100.0,
        );
        tell(
            "loopback",
            client,
            CASE,
            "spread of the rounds, %",
            (most / least - 1.0) * 100.0,
        );
    }
}
