//! How a listing begins and ends on the command line: its options and variables, and how it went.

use std::{env, process::ExitCode};

use crate::{narration::Narrator, problem::Problem, summary::Summary, variables};

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
    let values = variables::settings(names, variable);
    if wrong_secret && !matches!(values, Ok(None)) {
        return Err(Problem::new(format!(
            "--wrong-secret is for the simulated platform; to see that, unset {}",
            names.join(", ")
        )));
    }
    values
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
