//! The callers of the doc comment in other languages, as they stand there.

use std::process::Command;

use super::*;

const DOC: &str = include_str!("../../auth_proxy.rs");

/// The block of this language.
fn snippet(language: &str) -> String {
    let begin = format!("//! ```{language}");
    let lines = DOC.lines().skip_while(|line| *line != begin).skip(1);
    let lines = lines.take_while(|line| *line != "//! ```");
    let lines = lines.map(|line| line.trim_start_matches("//!"));
    lines
        .map(|line| format!("{}\n", line.strip_prefix(' ').unwrap_or(line)))
        .collect()
}

/// Runs a program that lists all agents, while the platform has revoked its token and limits the rate. `able` is one that
/// does nothing, but with what the other one needs.
async fn run(language: &str, program: &str, arguments: &[&str], able: &str) {
    let able = Command::new(program).args(arguments).arg(able).output();
    if !able.is_ok_and(|able| able.status.success()) {
        eprintln!("skipped: {program} is not installed, or too old");
        return;
    }
    let limited = Genesys::builder().rate_limit(2, Duration::from_secs(1));
    let (genesys, platform) = simulated(limited).await;
    let proxy = Served::over(&platform).await;
    assert_eq!(proxy.get("/api/v2/users").await.status(), 200);
    genesys.revoke_all();

    let mut command = Command::new(program);
    command.args(arguments).arg(snippet(language));
    command
        .env("AUTH_PROXY", format!("http://{}", proxy.at))
        .env("AUTH_PROXY_KEY", KEY);
    for elsewhere in ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"] {
        command.env_remove(elsewhere);
    }
    let output = tokio::task::spawn_blocking(move || command.output());
    let output = timeout(LONG, output)
        .await
        .expect("it hangs")
        .unwrap()
        .unwrap();
    let (listed, errors) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(output.status.success(), "{errors}");
    assert_eq!(listed.lines().count(), 130, "{listed}{errors}");
    let counters = genesys.counters();
    assert_eq!(
        (
            counters.token_requests,
            counters.unauthorized(),
            counters.throttled()
        ),
        (2, 1, 1)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn python_lists_the_agents() {
    run("python", "python3", &["-c"], "import urllib.request").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn javascript_lists_the_agents() {
    run(
        "js",
        "node",
        &["--input-type=module", "--eval"],
        "await fetch",
    )
    .await;
}
