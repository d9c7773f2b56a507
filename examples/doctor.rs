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
    let outcome = match env::args().nth(1).as_deref() {
        None => match Patient::of(|name| env::var(name).ok()) {
            Ok(Some(patient)) => Ok(is_healthy(&see(&patient).await)),
            Ok(None) => tour().await,
            Err(problem) => Err(problem),
        },
        Some("--help" | "-h") => {
            println!("{}", usage());
            Ok(true)
        }
        Some(name) => match disorders::named(name) {
            Some(disorder) => visit(disorder).await.map(|findings| is_healthy(&findings)),
            None => {
                eprintln!("{name} is no state known here\n\n{}", usage());
                return ExitCode::from(2);
            }
        },
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
mod tests {
    use tokio::task::JoinSet;

    use super::*;

    /// Its tokens have to ripen for ten seconds.
    const TAKES_LONG: &str = "too-young";

    #[tokio::test]
    async fn each_state_is_diagnosed_as_what_it_is() {
        let mut visits = JoinSet::new();
        for disorder in disorders::ALL
            .iter()
            .filter(|state| state.name != TAKES_LONG)
        {
            visits.spawn(async move {
                let ward = disorder.admit().await.unwrap();
                (disorder, diagnose(&examine(&ward.patient, |_| {}).await))
            });
        }
        for (disorder, findings) in visits.join_all().await {
            let lines: Vec<_> = findings.iter().map(Finding::to_string).collect();
            let (name, text) = (disorder.name, lines.join("\n"));
            assert!(is_right(disorder, &findings), "{name}: {text}");
            assert_eq!(is_healthy(&findings), name == "healthy", "{text}");
            let says = match name {
                "local-clock" => "synchronise this machine",
                "apart" => "ahead of the issuer",
                "two-nodes" => "2 clocks answer as http://127.0.0.1:",
                "short-life" => "a token request every 16 s",
                "wrong-secret" => "check the client id and secret",
                "refused" => "the clocks agree, so it is not these",
                "forbidden" => "oauth:client:view",
                _ => "",
            };
            assert!(text.contains(says), "{name}: {text}");
        }
    }

    #[test]
    fn an_environment_that_is_wrong_is_told_in_a_sentence() {
        let whole = |name: &str| {
            Some(match name {
                "DOCTOR_TOKEN_URL" => "https://login.test/token".to_owned(),
                "DOCTOR_API_URL" => "https://api.test/me".to_owned(),
                name if name.starts_with("DOCTOR") => name.to_owned(),
                _ => return None,
            })
        };
        let patient = Patient::of(whole).unwrap().unwrap();
        assert_eq!(patient.origin(), "https://api.test");
        assert!(Patient::of(|_| None).unwrap().is_none());
        for (name, value, says) in [
            (
                "DOCTOR_CLIENT_SECRET",
                "",
                "not set: DOCTOR_CLIENT_SECRET; set all of DOCTOR_TOKEN_URL, ",
            ),
            ("DOCTOR_API_URL", "api.test", "the API URL cannot be used: "),
            (
                "DOCTOR_API_URL",
                "http://api.test/",
                "plain http would show the credentials",
            ),
            (
                "DOCTOR_TOKEN_URL",
                "https://login.test/#x",
                "the token URL cannot be used: ",
            ),
        ] {
            let wrong = Patient::of(|asked| {
                if asked == name {
                    Some(value.to_owned())
                } else {
                    whole(asked)
                }
            });
            let problem = wrong.err().unwrap().to_string();
            assert!(
                problem.contains(says) && !problem.contains('\n'),
                "{problem}"
            );
        }
        let genesys =
            Patient::of(|name| (name == "GENESYS_REGION").then(|| "us-east-1".to_owned()));
        let problem = genesys.err().unwrap().to_string();
        assert!(
            problem.starts_with("not set: GENESYS_CLIENT_ID, GENESYS_CLIENT_SECRET;"),
            "{problem}"
        );
    }
}
