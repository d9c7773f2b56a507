//! Nothing that is logged or returned as an error shows a token or a credential.
//!
//! # What is covered
//!
//! Every event and every span of the library crates, at TRACE: the places at which one is made are read from the sources,
//! by file and line, and each must have spoken by the end of [`whatever_is_told_shows_no_secret`]. So one that is added
//! later fails here until a scenario makes it speak. Beside that, all errors that the scenarios end in, with their causes,
//! and what a panic of a source becomes. What all the other tests log is searched in `watched`.
//!
//! # What is not ours
//!
//! What the clients log is judged all the same, here and, over TLS, in `secrets_on_the_wire`: what they are given is marked
//! sensitive. Not ours: the message of a panic within a token source, which the panic hook prints before we see it; a
//! client that was built to show bodies; a server that repeats a secret in an encoding in which it was not sent, or the end
//! of it; and one that repeats, in a refusal, a token that a caller attached, of which the layers know nothing.

#![allow(clippy::unwrap_used, reason = "test code")]

mod captured;
mod hostile;
mod platforms;
mod printed;
mod scenarios;
mod sought;
mod sources;
mod support;

use std::collections::BTreeSet;

use captured::Captured;
use printed::Printed;
use scenarios::{ANOTHER, ANOTHER_TOKEN, CLIENT, KEY, QUERY, TOKEN};
use sought::{Sought, spellings};
use sources::callsites;

#[test]
fn whatever_is_told_shows_no_secret() {
    let captured = Captured::start();
    let printed = Printed::default();
    let mut sought = Sought::default()
        .with("the client secret", CLIENT)
        .with("the access key", KEY)
        .with("the scripted token", TOKEN)
        .with("the next token", ANOTHER_TOKEN)
        .with("the later secret", ANOTHER)
        .with("the query", QUERY);

    let sent = scenarios::paused().block_on(async {
        let mut sent = platforms::genesys(&printed).await;
        sent.extend(platforms::cxone(&printed).await);
        scenarios::limits(&printed).await;
        scenarios::awry(&printed).await;
        scenarios::repeated(&printed).await;
        scenarios::clocks(&printed).await;
        hostile::issuers(|error| printed.error(error)).await;
        sent
    });
    scenarios::gone(&printed);
    scenarios::panics(&printed);

    assert!(sent.len() > 10, "tokens and Basic credentials were sent");
    for (nth, credential) in sent.iter().enumerate() {
        sought.add(&format!("credential {nth}"), credential);
    }
    let lines = captured.lines();
    let spoken: BTreeSet<_> = lines.iter().map(|line| line.callsite.clone()).collect();
    let places = callsites();
    assert!(places.len() >= 20, "{places:?}");
    let silent: Vec<_> = places.difference(&spoken).collect();
    assert!(
        silent.is_empty(),
        "no scenario makes these speak: {silent:#?}"
    );
    let ours = lines.iter().filter(|line| line.is_ours()).count();
    let theirs = lines.len() - ours;
    println!(
        "{ours} events and spans of ours, {theirs} of others, {} kB of errors; {} secrets looked for",
        printed.0.lock().unwrap().len() / 1024,
        sought.len()
    );
    assert!(ours > 200 && theirs > 200, "{ours} {theirs}");
    // Much is told again and again.
    let told: BTreeSet<_> = lines.iter().map(|line| line.text.as_str()).collect();
    for text in told {
        sought.assert_absent(text, "an event or a span");
    }
    let printed = printed.0.lock().unwrap();
    let printed: BTreeSet<_> = printed.lines().collect();
    for text in printed {
        sought.assert_absent(text, "an error or a reply");
    }

    // It can find: the same way, in every spelling.
    for (nth, spelling) in spellings(CLIENT).into_iter().enumerate() {
        tracing::trace!(nth, %spelling, "planted");
    }
    let planted = captured.lines().split_off(lines.len());
    assert!(planted.len() > 20);
    for line in planted {
        assert!(sought.find(&line.text).is_some(), "{line:?}");
    }
}
