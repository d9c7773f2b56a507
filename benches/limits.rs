//! The limits that fail a build: counts, never times. They are in `limits.json`, and re-recorded with
//!
//! ```text
//! cargo bench -p benches --bench allocations --bench instructions -- --record
//! ```

use std::{collections::BTreeMap, env, fs, path::PathBuf, process::ExitCode};

use serde_json::{Map, Value};

/// What a benchmark is asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// To measure.
    Figures,
    /// To show that it works, quickly.
    Test,
    /// To measure and fail if a limit is passed.
    Check,
    /// To measure and make that the limit.
    Record,
}

impl Wanted {
    /// What the command line says.
    #[must_use]
    pub fn from_args() -> Self {
        let args: Vec<_> = env::args().collect();
        let has = |name: &str| args.iter().any(|arg| arg == name);
        match () {
            () if has("--test") => Self::Test,
            () if has("--check") => Self::Check,
            () if has("--record") => Self::Record,
            () => Self::Figures,
        }
    }
}

/// The limits of one benchmark.
#[derive(Debug)]
pub struct Limits {
    of: &'static str,
    slack: f64,
    recorded: Map<String, Value>,
    measured: BTreeMap<String, f64>,
}

impl Limits {
    /// Those of the benchmark `of`, which may be passed by the factor `slack`.
    #[must_use]
    pub fn read(of: &'static str, slack: f64) -> Self {
        let recorded = all().get(of).and_then(Value::as_object).cloned();
        Self {
            of,
            slack,
            recorded: recorded.unwrap_or_default(),
            measured: BTreeMap::new(),
        }
    }

    /// Holds a figure against its limit, if there is one.
    pub fn hold(&mut self, name: &str, value: f64) {
        self.measured.insert(name.to_owned(), value);
    }

    /// Fails, or records, as wanted.
    ///
    /// # Panics
    ///
    /// If they cannot be recorded.
    #[must_use]
    pub fn done(self, wanted: Wanted) -> ExitCode {
        if wanted == Wanted::Record {
            let round = |value: f64| (value * 1_000.0).round() / 1_000.0;
            let measured = self
                .measured
                .into_iter()
                .map(|(name, value)| (name, round(value).into()));
            let mut all = all();
            all.insert(self.of.to_owned(), Value::Object(measured.collect()));
            let text = serde_json::to_string_pretty(&all).expect("JSON");
            fs::write(path(), text + "\n").expect("the limits are written");
            println!("{}: recorded", self.of);
            return ExitCode::SUCCESS;
        }
        let mut passed = 0;
        for (name, value) in &self.measured {
            match self.recorded.get(name).and_then(Value::as_f64) {
                None => println!("{}: {name}: no limit: record it", self.of),
                Some(limit) if *value > limit * self.slack + 1e-3 => {
                    passed += 1;
                    println!("{}: {name}: {value:.3}, and was {limit:.3}", self.of);
                }
                Some(limit) if value * self.slack < limit - 1e-3 => {
                    println!("{}: {name}: {value:.3}, was {limit:.3}: record it", self.of);
                }
                Some(_) => {}
            }
        }
        println!(
            "{}: {} figures, {passed} over their limits",
            self.of,
            self.measured.len()
        );
        let fails = passed > 0 && wanted != Wanted::Figures;
        if fails {
            ExitCode::FAILURE
        } else {
            ExitCode::SUCCESS
        }
    }
}

fn path() -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "limits.json"].iter().collect()
}

fn all() -> Map<String, Value> {
    let text = fs::read_to_string(path()).unwrap_or_else(|_| "{}".to_owned());
    serde_json::from_str(&text).expect("limits.json is JSON")
}
