//! What becomes of a figure: it is printed, and kept for the report where there is one.

use std::{env, fmt::Display, fs::OpenOptions, io::Write, path::Path};

use serde_json::{Value, json};

use crate::{load::Case, sides::Side};

/// Names the file in which figures are kept, a line of JSON for each.
pub const KEPT: &str = "BENCHES_FIGURES";

/// One thing that was measured.
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    /// The benchmark.
    pub bench: String,
    /// What was measured.
    pub side: String,
    /// In which circumstances.
    pub case: String,
    /// Which of its properties.
    pub measure: String,
    /// How much it was.
    pub value: f64,
}

/// Prints a figure and keeps it.
///
/// # Panics
///
/// If it cannot be kept.
pub fn tell(bench: &str, side: impl Display, case: impl Display, measure: &str, value: f64) {
    let (side, case) = (side.to_string(), case.to_string());
    println!("{bench:<13} {side:<28} {case:<34} {measure:<38} {value:>12.3}");
    let Some(path) = env::var_os(KEPT) else {
        return;
    };
    let line =
        json!({ "bench": bench, "side": side, "case": case, "measure": measure, "value": value });
    let file = OpenOptions::new().create(true).append(true).open(path);
    writeln!(file.expect("the file of figures"), "{line}").expect("a figure is kept");
}

/// The figures that were kept.
///
/// # Panics
///
/// If the file is not one of figures.
#[must_use]
pub fn read(path: &Path) -> Vec<Figure> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let text_of = |line: &Value, key: &str| line[key].as_str().expect("a text").to_owned();
    text.lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("a figure"))
        .map(|line| Figure {
            bench: text_of(&line, "bench"),
            side: text_of(&line, "side"),
            case: text_of(&line, "case"),
            measure: text_of(&line, "measure"),
            value: line["value"].as_f64().expect("a number"),
        })
        .collect()
}

/// The figures of one run.
#[derive(Debug)]
pub struct Figures(pub Vec<Figure>);

impl Figures {
    /// One of them.
    #[must_use]
    pub fn of(&self, bench: &str, side: &str, case: &str, measure: &str) -> Option<f64> {
        let is = |figure: &&Figure| {
            (&*figure.bench, &*figure.side) == (bench, side)
                && (&*figure.case, &*figure.measure) == (case, measure)
        };
        self.0.iter().find(is).map(|figure| figure.value)
    }

    /// Net instructions as a multiple of a fixed header's.
    #[must_use]
    pub fn ratio(&self, side: Side, case: Case) -> Option<f64> {
        self.of(
            "instructions",
            side.name(),
            &case.to_string(),
            "net / static header",
        )
    }

    /// Net instructions.
    #[must_use]
    pub fn net(&self, side: Side, case: Case) -> Option<f64> {
        self.of(
            "instructions",
            side.name(),
            &case.to_string(),
            "net instructions",
        )
    }

    /// Allocations added.
    #[must_use]
    pub fn allocations(&self, side: Side, case: Case) -> Option<f64> {
        self.of(
            "allocations",
            side.name(),
            &case.to_string(),
            "allocations added",
        )
    }
}

/// The middle one.
///
/// # Panics
///
/// If there is none.
#[must_use]
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
