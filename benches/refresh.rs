//! Who notices that a token is renewed, or that it was revoked?
//!
//! * 64 tasks that send every 5 ms while the token is renewed, which takes 200 ms: percentiles of the latency, corrected
//!   for coordinated omission, beside a fixed header in the same process at the same time.
//! * 1 000 and 10 000 tasks that all find the token expired, and as many whose token is refused: how often the source is
//!   asked, and how long that takes in multiples of one fetch.

#[path = "refresh/herds.rs"]
mod herds;
#[path = "refresh/issuer.rs"]
mod issuer;
#[path = "refresh/revoking.rs"]
mod revoking;
#[path = "refresh/steady.rs"]
mod steady;

use std::time::Duration;

use benches::limits::Wanted;

use crate::{
    herds::{Herd, several},
    steady::steady,
};

/// How long a token takes.
const FETCH: Duration = Duration::from_millis(200);

fn main() {
    let test = Wanted::from_args() == Wanted::Test;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_time()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        steady(Duration::from_secs(if test { 0 } else { 10 })).await;
        let (herds, rounds): (&[usize], _) = if test {
            (&[100], 1)
        } else {
            (&[1_000, 10_000], 5)
        };
        for &tasks in herds {
            for herd in [Herd::Expired, Herd::Refused] {
                several(herd, tasks, rounds).await;
            }
        }
    });
}
