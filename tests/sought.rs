//! Secrets that must not be found in a text, in every spelling in which they could come there. Each test file uses a part
//! of it.
#![allow(dead_code, reason = "test code, of which each file uses a part")]

use std::{collections::BTreeSet, error::Error, fmt::Write};

use base64::{
    Engine,
    prelude::{BASE64_STANDARD, BASE64_URL_SAFE},
};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

/// So many characters of a secret in a row are a find, too: a text may have been cut.
pub(crate) const PIECE: usize = 12;

/// Secrets, and what to look for.
#[derive(Clone, Default)]
pub(crate) struct Sought(Vec<(String, BTreeSet<String>)>);

impl Sought {
    /// The secret with this name is looked for from now on.
    pub(crate) fn add(&mut self, name: &str, secret: &str) {
        assert!(
            secret.len() >= PIECE,
            "{name} is too short to be told from words"
        );
        self.0.push((name.to_owned(), spellings(secret)));
    }

    pub(crate) fn with(mut self, name: &str, secret: &str) -> Self {
        self.add(name, secret);
        self
    }

    /// How many secrets are looked for.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Which secret is in `text`, and as what.
    pub(crate) fn find(&self, text: &str) -> Option<(&str, &str)> {
        self.0.iter().find_map(|(name, spellings)| {
            let found = spellings.iter().find(|it| text.contains(it.as_str()))?;
            Some((name.as_str(), found.as_str()))
        })
    }

    /// # Panics
    ///
    /// If a secret is in `text`.
    pub(crate) fn assert_absent(&self, text: &str, place: &str) {
        if let Some((name, spelling)) = self.find(text) {
            let line = text.lines().find(|line| line.contains(spelling));
            let line = line.unwrap_or(text);
            panic!("{name}, spelled `{spelling}`, is in {place}: {line}");
        }
    }
}

/// A secret in pieces, and as [`whole`] has it.
pub(crate) fn spellings(secret: &str) -> BTreeSet<String> {
    let characters: Vec<char> = secret.chars().collect();
    let pieces = characters.windows(PIECE);
    let mut all = whole(secret);
    all.extend(pieces.map(|piece| piece.iter().collect::<String>()));
    all
}

/// A secret as it is, as a form, a URL, JSON, Debug, base64 and a list of bytes spell it.
pub(crate) fn whole(secret: &str) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    let form: String = form_urlencoded::byte_serialize(secret.as_bytes()).collect();
    let percent = utf8_percent_encode(secret, NON_ALPHANUMERIC).to_string();
    let bytes = secret.as_bytes();
    let hex = bytes.iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    });
    let list = format!("{bytes:?}");
    for text in [secret, &form] {
        all.extend(within_base64(text));
    }
    all.extend([
        secret.to_owned(),
        lower_escapes(&form),
        form,
        lower_escapes(&percent),
        percent,
        unquoted(&format!("{secret:?}")),
        unquoted(&format!("{bytes:?}")),
        secret.escape_default().to_string(),
        list.trim_matches(['[', ']']).to_owned(),
        hex,
    ]);
    all
}

/// What is the same in the base64 of every text that has `secret` in it, wherever it begins there.
fn within_base64(secret: &str) -> impl Iterator<Item = String> {
    (0..3).flat_map(move |before| {
        let mut text = vec![b'?'; before];
        text.extend_from_slice(secret.as_bytes());
        // Six bits a character: those that also hold bits of a neighbour are left out.
        let (from, to) = ((before * 8).div_ceil(6), text.len() * 8 / 6);
        [BASE64_STANDARD.encode(&text), BASE64_URL_SAFE.encode(&text)]
            .map(|encoded| encoded[from..to].to_owned())
    })
}

fn unquoted(text: &str) -> String {
    text.trim_matches('"').to_owned()
}

/// `%2B` as `%2b`.
fn lower_escapes(text: &str) -> String {
    let mut lower = String::new();
    let mut escaped = 0;
    for character in text.chars() {
        lower.push(if escaped > 0 {
            character.to_ascii_lowercase()
        } else {
            character
        });
        escaped = match character {
            '%' => 2,
            _ => escaped.max(1) - 1,
        };
    }
    lower
}

/// All that an error shows: its `Display` and `Debug`, plain and pretty, and those of all its causes.
pub(crate) fn all_of(error: &(dyn Error + 'static)) -> String {
    let chain = std::iter::successors(Some(error), |error| (*error).source());
    chain.fold(String::new(), |mut all, error| {
        let _ = writeln!(all, "{error}\n{error:#}\n{error:?}\n{error:#?}");
        all
    })
}
