//! How many instructions does it cost to attach a token that is there, in libraries that do it too?

#![allow(missing_docs, reason = "gungraun's macros make public items")]

use benches::{callgrind, figures::tell, limits::Wanted, load::Case};
use gungraun::{Callgrind, LibraryBenchmarkConfig, library_benchmark, library_benchmark_group};
use peers::{Calls, Peer, REQUESTS};

fn all() -> Vec<(Peer, bool)> {
    let both = |peer| [(peer, false), (peer, true)];
    Peer::ALL.into_iter().flat_map(both).collect()
}

fn set_up((peer, with): (Peer, bool)) -> Calls {
    peer.calls(with)
}

#[library_benchmark]
#[benches::nth(iter = all(), setup = set_up)]
fn requests(mut calls: Calls) -> Calls {
    calls.run(REQUESTS);
    calls
}

library_benchmark_group!(name = peers_in_process, benchmarks = requests);

mod counted {
    use super::{config, peers_in_process};

    gungraun::main!(config = config(); library_benchmark_groups = peers_in_process);

    pub(super) fn run() {
        main();
    }
}

fn config() -> LibraryBenchmarkConfig {
    let mut config = LibraryBenchmarkConfig::default();
    config.tool(Callgrind::with_args(["--cache-sim=no"]));
    config
}

fn main() {
    if callgrind::is_counted() {
        return counted::run();
    }
    if Wanted::from_args() == Wanted::Test {
        all().into_iter().for_each(|case| set_up(case).run(1));
        return;
    }
    let counts = match callgrind::counts() {
        Ok(counts) => counts,
        Err(missing) => return println!("{missing}"),
    };
    let net = |pair: &[u64]| (pair[1] as f64 - pair[0] as f64) / REQUESTS as f64;
    let fixed = net(&counts);
    for (peer, pair) in Peer::ALL.into_iter().zip(counts.chunks(2)) {
        tell("peers", peer, Case::COMMON, "net instructions", net(pair));
        tell(
            "peers",
            peer,
            Case::COMMON,
            "net / static header",
            net(pair) / fixed,
        );
    }
}
