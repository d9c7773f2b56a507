//! What each layer adds to a request over a service that answers at once: counts, and criterion's times.

use std::{
    fs,
    path::{Path, PathBuf},
};

use benches::{figures::Figures, load::Case, sides::Side};
use serde_json::Value;

use crate::table::{names, table};

pub(crate) fn overhead(figures: &Figures) -> String {
    let (sides, cases) = (names(Side::ALL), names(Case::ALL));
    let of = |bench, measure| move |side: &str, case: &str| figures.of(bench, side, case, measure);
    let ratios = table(
        "net instructions / static header with 4 headers",
        &sides[1..],
        &cases,
        of("instructions", "net / static header"),
    );
    let net = table(
        "net instructions",
        &sides[1..2],
        &cases,
        of("instructions", "net instructions"),
    );
    let allocations = table(
        "allocations added",
        &sides[1..],
        &cases,
        of("allocations", "allocations added"),
    );
    let inner = ["inner future inline", "inner future boxed"].map(str::to_owned);
    let sizes = table(
        "bytes over the inner future",
        &sides[1..],
        &inner,
        of("allocations", "size of the future, B over inner"),
    );
    format!(
        "\n## Overhead\n\nOver a service that answers at once (`instructions`, `allocations`).\n\n\
         ![net instructions](plots/overhead.svg)\n{net}{ratios}{allocations}{sizes}"
    )
}

/// What criterion measured.
pub(crate) fn times(scratch: &Path) -> String {
    let json = |path: PathBuf| -> Option<Value> {
        serde_json::from_str(&fs::read_to_string(path).ok()?).ok()
    };
    let mut found = Vec::new();
    let below = |path: &Path| {
        fs::read_dir(path)
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.path())
    };
    for side in below(&scratch.join("criterion/overhead")) {
        for case in below(&side) {
            let Some(told) = json(case.join("new/benchmark.json")) else {
                continue;
            };
            let Some(estimates) = json(case.join("new/estimates.json")) else {
                continue;
            };
            let (side, case) = (told["function_id"].as_str(), told["value_str"].as_str());
            let nanos = estimates["median"]["point_estimate"].as_f64();
            if let (Some(side), Some(case), Some(nanos)) = (side, case, nanos) {
                found.push((side.to_owned(), case.to_owned(), nanos));
            }
        }
    }
    let of = |side: &str, case: &str| {
        let is = |(one, other, _): &&(String, String, f64)| (&**one, &**other) == (side, case);
        found.iter().find(is).map(|(_, _, nanos)| *nanos)
    };
    let cases = names([Case::COMMON, Case::BUILT]);
    let table = table(
        "ns a request, with the service (a time)",
        &names(Side::ALL),
        &cases,
        of,
    );
    format!("\n### Times\n\nBy criterion (`overhead`), for information.\n{table}")
}
