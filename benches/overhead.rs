//! How long does a request take on each side? For information: a time depends on the machine and on who else is on it,
//! so `instructions` and `allocations` are what gates.

#![allow(missing_docs, reason = "criterion_group makes public items")]

use std::time::Duration;

use benches::{
    load::{Case, Prepared},
    sides::Side,
};
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use tokio::time::Instant;

const BATCH: usize = 100;

fn overhead(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("overhead");
    group
        .sample_size(30)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(800));
    for case in [Case::COMMON, Case::BUILT] {
        for side in Side::ALL {
            let mut prepared = Prepared::new(side, &case, 0);
            group.bench_function(BenchmarkId::new(side.name(), case), |bencher| {
                // Batches by hand: making the requests is not what is measured.
                bencher.iter_custom(|requests| {
                    let mut taken = Duration::ZERO;
                    let mut left = usize::try_from(requests).expect("not so many");
                    while left > 0 {
                        let now = left.min(BATCH);
                        prepared.refill(now);
                        let begun = Instant::now();
                        prepared.run();
                        taken += begun.elapsed();
                        left -= now;
                    }
                    taken
                });
            });
        }
    }
    group.finish();
}

criterion_group!(benches, overhead);
criterion_main!(benches);
