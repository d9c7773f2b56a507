//! The whole text, in its order.

use std::{fs, path::Path};

use benches::{circumstances::circumstances, figures::Figures, section};

use crate::{
    goals::goals,
    here,
    many_tasks::{contention, loopback, refresh},
    overhead::{overhead, times},
    peers::peers,
    profiles::profiles,
};

const HEAD: &str = "# What the layers cost\n\n\
This file is written by `cargo run -p benches --release --bin report`, which runs all benchmarks. Figures that gate are \
counts (instructions, allocations, bytes); **times are for information**, and told as ratios of sides that took turns in \
one run. *Static header* is tower-http's `AddAuthorizationLayer` with a fixed token: the least that any client does. *Net* \
is what is left when the same run without layers is subtracted.";

const LIMITS: &str = "\n## What these figures do not say\n\n\
* Under callgrind a clock is read by a system call, which counts as next to nothing; natively it is 25 to 60 instructions. \
The times have it in them.\n\
* Instructions are not time: caches, branches and locks are in the times alone, and those come from a machine that others use too.\n\
* Counts depend on the compiler and on the versions of `http`, `tower-http` and `tokio` as named above. The gate compares ratios, \
with 10 % of slack.\n\
* The service behind the layers answers at once and is not inlined; requests are made beforehand. Dropping them is counted, but for freeing the map of the fields, which may make the allocator tidy up.\n\
* Over the wire, the number of polls depends on what has arrived: the spread of the rounds is told beside it.\n\
* Loopback has no TLS and no distance: over a real network all of this is a smaller part of the whole.\n";

pub(crate) fn readme(figures: &Figures, scratch: &Path) -> String {
    let mut text = format!("{HEAD}\n\n{}\n", circumstances());
    text += &goals(figures);
    text += &overhead(figures);
    text += &times(scratch);
    text += &contention(figures);
    text += &refresh(figures);
    text += &loopback(figures);
    text += &peers(figures);
    text += &profiles(scratch);
    // Filled by a benchmark of its own.
    let before = fs::read_to_string(here("README.md")).unwrap_or_default();
    if let Some(section) = section::of(&before, section::BACKOFF) {
        text += &format!("\n{section}");
    }
    text + LIMITS
}
