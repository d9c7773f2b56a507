//! Runs all benchmarks and writes `benches/README.md`, with its plots.
//!
//! ```text
//! cargo run -p benches --release --bin report
//! cargo run -p benches --release --bin report -- --without-peers --without-rivals
//! cargo run -p benches --release --bin report -- --again      # writes it from the last run's figures
//! ```

#[path = "report/charts.rs"]
mod charts;
#[path = "report/goals.rs"]
mod goals;
#[path = "report/many_tasks.rs"]
mod many_tasks;
#[path = "report/overhead.rs"]
mod overhead;
#[path = "report/peers.rs"]
mod peers;
#[path = "report/profiles.rs"]
mod profiles;
#[path = "report/readme.rs"]
mod readme;
#[path = "report/running.rs"]
mod running;
#[path = "report/table.rs"]
mod table;

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use benches::figures::{self, Figures};

use crate::{charts::charts, readme::readme, running::run_all};

fn main() {
    let args: Vec<_> = env::args().skip(1).collect();
    let has = |name: &str| args.iter().any(|arg| arg == name);
    let scratch = target().join("benches-report");
    if !has("--again") {
        let _ = fs::remove_dir_all(&scratch);
        fs::create_dir_all(&scratch).expect("a directory for the figures");
        run_all(&scratch, !has("--without-rivals"), !has("--without-peers"));
    }
    let figures = Figures(figures::read(&scratch.join("figures.jsonl")));
    let plots = here("plots");
    fs::create_dir_all(&plots).expect("a directory for the plots");
    for (name, svg) in charts(&figures) {
        fs::write(plots.join(name), svg).expect("a plot is written");
    }
    let text = readme(&figures, &scratch);
    fs::write(here("README.md"), text).expect("the report is written");
    println!("written: {}", here("README.md").display());
}

fn here(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// Where cargo builds: this program is in `release` there.
fn target() -> PathBuf {
    let this = env::current_exe().expect("this program's path");
    let above = this.ancestors().nth(2).expect("it is in a directory there");
    above.to_owned()
}
