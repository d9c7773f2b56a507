//! What is diagnosed, and what is asked for.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{Router, body::Body};
use clearance::{Audience, Token, token_source_fn};
use http::{Response, header::RETRY_AFTER};
use tokio::{net::TcpListener, task::JoinSet};

use super::*;
use crate::diagnosis::Trouble;

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

/// Of an API with one call in 50 s, and one call refused, the second call is held and not sent.
#[tokio::test]
async fn a_limit_is_not_taken_for_an_api_that_is_not_there() {
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = calls.clone();
    let router = Router::new().fallback(async move || {
        let reply = Response::builder().header("ratelimit-policy", "\"p\";q=1;w=50");
        let reply = match counted.fetch_add(1, Ordering::Relaxed) {
            0 => reply.status(429).header(RETRY_AFTER, 1),
            _ => reply,
        };
        reply.body(Body::empty()).unwrap()
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let mut serving = JoinSet::new();
    serving.spawn(async { axum::serve(listener, router).await.unwrap() });
    let audience = Audience::origin(&url).unwrap();
    let source = token_source_fn(audience, || async {
        Ok(Token::bearer("t0k3n")?.with_lifetime(Duration::from_secs(3_600)))
    });
    let patient = Patient::new(source, url.parse().unwrap());

    let findings = diagnose(&examine(&patient, |_| {}).await);
    assert_eq!(calls.load(Ordering::Relaxed), 2);
    let lines: Vec<_> = findings.iter().map(Finding::to_string).collect();
    let found = troubles(&findings);
    assert_eq!(found, [Trouble::RateLimit], "{}", lines.join("\n"));
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
    let genesys = Patient::of(|name| (name == "GENESYS_REGION").then(|| "us-east-1".to_owned()));
    let problem = genesys.err().unwrap().to_string();
    assert!(
        problem.starts_with("not set: GENESYS_CLIENT_ID, GENESYS_CLIENT_SECRET;"),
        "{problem}"
    );
}

#[test]
fn an_argument_that_is_not_known_is_refused() {
    let asked = |arguments: &[&str]| {
        let arguments: Vec<_> = arguments.iter().map(ToString::to_string).collect();
        Asked::by(&arguments).map_err(|problem| problem.to_string())
    };
    assert!(matches!(asked(&[]), Ok(Asked::Patient)));
    assert!(matches!(asked(&["-h"]), Ok(Asked::Usage)));
    assert!(matches!(asked(&["healthy"]), Ok(Asked::State(_))));
    for (arguments, says) in [
        (&["bogus"][..], "bogus is no state known here"),
        (
            &["healthy", "bogus"],
            "one state at a time, and no more: healthy bogus",
        ),
        (
            &["--help", "bogus"],
            "one state at a time, and no more: --help bogus",
        ),
    ] {
        assert_eq!(asked(arguments).err().as_deref(), Some(says));
    }
}
