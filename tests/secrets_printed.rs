//! No `Debug` and no `Display` of a public type shows a secret, whatever it holds.
//!
//! The types are read from the sources of the library crates: one that is added later fails here until it is shown.
//! What holds nothing secret by its nature is shown all the same. The test kit is left out, since it records the
//! credentials of platforms that do not exist.

#![allow(clippy::unwrap_used, reason = "test code")]

mod shown_types;
mod sought;
mod sources;

use std::{
    any::type_name,
    collections::BTreeSet,
    error::Error,
    fmt::{self, Write},
};

use bytes::Bytes;
use http_body_util::Full;
use shown_types::{KEY, SECRET, TOKEN, URL};
use sought::{Sought, all_of};
use sources::public_types;

/// Public, and out of everybody's reach.
const SEALED: [&str; 4] = [
    // What a source keeps, and hands out to nobody. Their own tests see to what they show.
    "clearance_oauth::https::DefaultClient",
    "clearance_oauth::service::Transport",
    // Of a hidden method that nobody else can call with effect.
    "clearance_oauth::service::Failure",
    "clearance_oauth::service::RawReply",
];

#[derive(Default)]
struct Shown {
    text: String,
    debug: BTreeSet<String>,
    display: BTreeSet<String>,
}

impl Shown {
    fn debug<T: fmt::Debug>(&mut self, value: &T) {
        self.debug.insert(path_of::<T>());
        let _ = writeln!(self.text, "{value:?}\n{value:#?}");
    }

    fn all<T: fmt::Debug + fmt::Display>(&mut self, value: &T) {
        self.debug(value);
        self.display.insert(path_of::<T>());
        let _ = writeln!(self.text, "{value}\n{value:#}");
    }

    fn error<T: Error + 'static>(&mut self, error: &T) {
        self.all(error);
        self.text.push_str(&all_of(error));
    }
}

/// Without what it is generic in.
fn path_of<T>() -> String {
    let name = type_name::<T>();
    name.split('<').next().unwrap_or(name).to_owned()
}

#[test]
fn no_public_type_shows_a_secret() {
    let mut shown = Shown::default();
    shown_types::vocabulary(&mut shown);
    let runtime = |paused| {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        builder.enable_all().start_paused(paused).build().unwrap()
    };
    runtime(true).block_on(shown_types::layers(&mut shown));
    runtime(true).block_on(shown_types::sources(&mut shown));
    runtime(false).block_on(shown_types::client(&mut shown));

    let (types, displayed) = public_types();
    let expected: BTreeSet<_> = types
        .into_iter()
        .filter(|name| !SEALED.contains(&name.as_str()))
        .collect();
    assert!(expected.len() > 50, "{expected:?}");
    let debug: BTreeSet<_> = expected.difference(&shown.debug).collect();
    assert!(debug.is_empty(), "not shown by Debug: {debug:#?}");
    let display: BTreeSet<_> = displayed.difference(&shown.display).collect();
    assert!(display.is_empty(), "not shown by Display: {display:#?}");

    let sought = Sought::default()
        .with("the client secret", SECRET)
        .with("the access key", KEY)
        .with("the token", TOKEN)
        .with("the password", "p4ssw0rd-1n-url")
        .with("the query", "s3cret-1n-the-query");
    println!(
        "{} public types, {} of them with Display, {} kB",
        expected.len(),
        displayed.len(),
        shown.text.len() / 1024
    );
    sought.assert_absent(&shown.text, "what a public type shows");
    // It can find.
    shown.debug(&Full::<Bytes>::from(format!("a body with {KEY} in it")));
    shown.all(&URL.to_owned());
    assert_eq!(
        sought.find(&shown.text).map(|found| found.0),
        Some("the access key")
    );
}
