//! Says what is the matter where calls to an API fail or will fail: clocks, tokens, permissions, limits, addresses.
//!
//! ```text
//! cargo run --example doctor
//! cargo run --example doctor -- too-young
//! ```
//!
//! Without further ado it examines simulated platforms on loopback sockets, one in each state that it knows, and ends
//! well if it found in each what is the matter there. With variables set (`-- --help` names them) it examines that API
//! with those credentials: one token, five to eight calls. It ends well if there is nothing to be done.

mod access;
mod clock_findings;
mod diagnosis;
mod disorders;
mod examination;
mod gap;
mod patient;
mod problem;
mod reply;
mod variables;

use std::{
    env,
    io::{self, Write},
    process::ExitCode,
};

use crate::{
    diagnosis::{Finding, Mark, diagnose, troubles},
    disorders::Disorder,
    examination::examine,
    patient::Patient,
    problem::Problem,
};

const USAGE: &str = "\
Examines an API and its issuer, and says what is the matter: of simulated platforms, or, with variables set, of yours.
Either of any issuer:

  DOCTOR_TOKEN_URL                        such as https://login.example.com/oauth/token
  DOCTOR_CLIENT_ID, DOCTOR_CLIENT_SECRET  a client with the grant Client Credentials
  DOCTOR_API_URL                          something cheap to GET, such as https://api.example.com/v1/me
  DOCTOR_SCOPE                            scopes to ask for; may be left out

or of Genesys Cloud:

  GENESYS_CLIENT_ID, GENESYS_CLIENT_SECRET, GENESYS_REGION

Usage: cargo run --example doctor [-- STATE]

  STATE  examines one simulated platform only, and exits as for that state:";

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<_> = env::args().skip(1).collect();
    let outcome = match Asked::by(&arguments) {
        Ok(Asked::Patient) => match Patient::of(|name| env::var(name).ok()) {
            Ok(Some(patient)) => Ok(is_healthy(&see(&patient).await)),
            Ok(None) => tour().await,
            Err(problem) => Err(problem),
        },
        Ok(Asked::Usage) => {
            println!("{}", usage());
            Ok(true)
        }
        Ok(Asked::State(disorder)) => visit(disorder).await.map(|findings| is_healthy(&findings)),
        Err(problem) => {
            eprintln!("{problem}\n\n{}", usage());
            return ExitCode::from(2);
        }
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(problem) => {
            eprintln!("doctor: {problem}");
            ExitCode::FAILURE
        }
    }
}

/// What the command line asks for.
enum Asked {
    Usage,
    /// That of the variables, or else all states.
    Patient,
    State(&'static Disorder),
}

impl Asked {
    fn by(arguments: &[String]) -> Result<Self, Problem> {
        match arguments {
            [] => Ok(Self::Patient),
            [help] if ["--help", "-h"].contains(&help.as_str()) => Ok(Self::Usage),
            [name] => disorders::named(name)
                .map(Self::State)
                .ok_or_else(|| Problem::new(format!("{name} is no state known here"))),
            _ => Err(Problem::new(format!(
                "one state at a time, and no more: {}",
                arguments.join(" ")
            ))),
        }
    }
}

fn usage() -> String {
    let states = disorders::ALL.iter();
    let states = states.map(|disorder| format!("\n    {:<13} {}", disorder.name, disorder.story));
    format!("{USAGE}{}", states.collect::<String>())
}

/// All states, one after the other. Whether each was diagnosed as what it is.
async fn tour() -> Result<bool, Problem> {
    println!(
        "No variables are set (see -- --help), so these are simulated platforms on loopback sockets.\n"
    );
    let mut missed = Vec::new();
    for disorder in disorders::ALL {
        let findings = visit(disorder).await?;
        if !is_right(disorder, &findings) {
            missed.push(disorder.name);
        }
        println!();
    }
    let all = disorders::ALL.len();
    if missed.is_empty() {
        println!("Each of the {all} states was diagnosed as what it is.");
    } else {
        println!(
            "{} of {all} states were diagnosed as what they are; not so: {}.",
            all - missed.len(),
            missed.join(", ")
        );
    }
    Ok(missed.is_empty())
}

/// Examines a simulated platform.
async fn visit(disorder: &Disorder) -> Result<Vec<Finding>, Problem> {
    println!("== {}: {}", disorder.name, disorder.story);
    let ward = disorder.admit().await?;
    Ok(see(&ward.patient).await)
}

/// Examines, and prints what is found as it is found.
async fn see(patient: &Patient) -> Vec<Finding> {
    let (origin, path) = (patient.origin(), patient.url.path());
    show(&format!("      GET {origin}{path} ->"));
    let notes = examine(patient, |outcome| show(&format!(" {outcome} ·"))).await;
    println!(" done");
    let findings = diagnose(&notes);
    for finding in &findings {
        println!("{finding}");
    }
    findings
}

/// Prints without waiting for the end of the line.
fn show(text: &str) {
    print!("{text}");
    // A pipe that was closed is noticed by the next whole line.
    let _ = io::stdout().flush();
}

fn is_healthy(findings: &[Finding]) -> bool {
    findings.iter().all(|finding| finding.mark == Mark::Ok)
}

fn is_right(disorder: &Disorder, findings: &[Finding]) -> bool {
    let found = troubles(findings);
    found.len() == disorder.expected.len()
        && found
            .iter()
            .all(|trouble| disorder.expected.contains(trouble))
}

#[cfg(test)]
#[path = "doctor/tests.rs"]
mod tests;
