//! What went wrong, for people.

use std::{error::Error, fmt};

/// Why an example failed, in one sentence.
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
