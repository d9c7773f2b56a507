//! How a listing begins and ends on the command line: its options and variables, and what went wrong.

use std::{env, error::Error, fmt, process::ExitCode};

use crate::{narration::Narrator, summary::Summary};

/// Why a listing failed, in one sentence.
#[derive(Debug)]
pub(crate) struct Problem(String);

impl Problem {
    pub(crate) fn new(sentence: impl Into<String>) -> Self {
        Self(sentence.into())
    }

    /// What `error` says, and what is at the bottom of it.
    pub(crate) fn of(error: &dyn Error) -> Self {
        let (text, mut root) = (error.to_string(), error);
        while let Some(source) = root.source() {
            root = source;
        }
        let root = root.to_string();
        Self(if text.contains(&root) {
            text
        } else {
            format!("{text}: {root}")
        })
    }
}

impl<E: Error + 'static> From<E> for Problem {
    fn from(error: E) -> Self {
        Self::of(&error)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether the simulated platform is to refuse the credentials; or how to end at once, after `usage` was printed.
fn wrong_secret(usage: &str) -> Result<bool, ExitCode> {
    let mut wrong_secret = false;
    for argument in env::args().skip(1) {
        match argument.as_str() {
            "--wrong-secret" => wrong_secret = true,
            "--help" | "-h" => {
                println!("{usage}");
                return Err(ExitCode::SUCCESS);
            }
            _ => {
                eprintln!("{argument} is no option here\n\n{usage}");
                return Err(ExitCode::from(2));
            }
        }
    }
    Ok(wrong_secret)
}

/// The values of these variables. `None`: none of them is set, and the simulated platform is meant.
pub(crate) fn settings<const N: usize>(
    names: [&str; N],
    wrong_secret: bool,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<Option<[String; N]>, Problem> {
    let values = names.map(|name| variable(name).filter(|value| !value.trim().is_empty()));
    if values.iter().all(Option::is_none) {
        return Ok(None);
    }
    if wrong_secret {
        return Err(Problem::new(format!(
            "--wrong-secret is for the simulated platform; to see that, unset {}",
            names.join(", ")
        )));
    }
    let missing = names
        .iter()
        .zip(&values)
        .filter(|(_, value)| value.is_none());
    let missing: Vec<_> = missing.map(|(name, _)| *name).collect();
    if missing.is_empty() {
        return Ok(Some(values.map(Option::unwrap_or_default)));
    }
    Err(Problem::new(format!(
        "not set: {}; set all of them, or none to see the simulated platform",
        missing.join(", ")
    )))
}

/// Runs `list` and prints how it went. Success only if all agents were listed.
pub(crate) async fn run(
    name: &str,
    usage: &str,
    list: impl AsyncFnOnce(bool, &Narrator) -> Result<Summary, Problem>,
) -> ExitCode {
    let wrong_secret = match wrong_secret(usage) {
        Ok(wrong_secret) => wrong_secret,
        Err(exit) => return exit,
    };
    let narrator = Narrator::new(|line| println!("{line}"));
    let outcome = async {
        tracing::subscriber::set_global_default(narrator.subscriber())?;
        let summary = list(wrong_secret, &narrator).await?;
        println!("\n{summary}");
        summary.check()
    };
    match outcome.await {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("{name}: {problem}");
            ExitCode::FAILURE
        }
    }
}
