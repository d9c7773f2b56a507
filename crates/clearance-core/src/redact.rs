//! Making text from elsewhere fit to be printed: secrets out, control characters out, cut to a length.

use crate::Secret;

/// The longest text from a server that is repeated in an error, in characters.
const LONGEST: usize = 200;

/// Cleans text from servers and libraries before it goes into an error or a log.
///
/// ```
/// use clearance_core::Redactor;
///
/// let redactor = Redactor::new(["hunter2"]);
/// assert_eq!(redactor.clean("no\r\nsuch key: hunter2"), "no such key: [redacted]");
/// assert!(redactor.clean(&"x".repeat(999)).chars().count() <= 201, "200 characters and an ellipsis");
/// ```
#[derive(Clone, Debug, Default)]
pub struct Redactor {
    secrets: Vec<Secret>,
}

impl Redactor {
    /// Takes out each of these texts. Give every form in which a secret is sent: as it is, percent-encoded, in base64.
    pub fn new<S: Into<Secret>>(secrets: impl IntoIterator<Item = S>) -> Self {
        let mut secrets: Vec<Secret> = secrets
            .into_iter()
            .map(Into::into)
            .filter(|s| !s.expose().is_empty())
            .collect();
        // The longest first: a secret that contains another one must not be taken out in part.
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.expose().len()));
        Self { secrets }
    }

    /// `text` without the secrets and control characters, and at most 200 characters of it.
    #[must_use]
    pub fn clean(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for secret in &self.secrets {
            take_out(secret, &mut text);
        }
        text = printable(&text, usize::MAX);
        // With line breaks in the place of its spaces a secret is not to be seen until the text is printable.
        let has_spaces = |secret: &&Secret| secret.expose().contains(char::is_whitespace);
        for secret in self.secrets.iter().filter(has_spaces) {
            let secret = printable(secret.expose(), usize::MAX);
            take_out(&Secret::from(secret), &mut text);
        }
        cut(text, LONGEST)
    }
}

fn take_out(secret: &Secret, text: &mut String) {
    let secret = secret.expose();
    if !secret.is_empty() && text.contains(secret) {
        *text = text.replace(secret, "[redacted]");
    }
}

/// `text` with each run of white space and control characters made one space, cut to `longest` characters.
pub(crate) fn printable(text: &str, longest: usize) -> String {
    let mut out = String::new();
    let words = text.split(|c: char| c.is_control() || c.is_whitespace());
    for word in words.filter(|word| !word.is_empty()) {
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(word);
    }
    cut(out, longest)
}

fn cut(mut text: String, longest: usize) -> String {
    if let Some((end, _)) = text.char_indices().nth(longest) {
        text.truncate(end);
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_taken_out_before_the_text_is_cut() {
        let text = format!("{}s3cr3t", "x".repeat(LONGEST - 3));
        let cleaned = Redactor::new(["s3cr3t"]).clean(&text);
        assert!(!cleaned.contains("s3c"), "{cleaned}");
    }

    #[test]
    fn a_secret_within_another_leaves_no_rest() {
        let cleaned = Redactor::new(["key", "key-and-more"]).clean("got key-and-more");
        assert_eq!(cleaned, "got [redacted]");
    }

    /// Found by the fuzz target `token_answer`.
    #[test]
    fn a_secret_that_comes_back_over_two_lines_is_taken_out() {
        for secret in ["pass word", "pass  word", " pass\tword"] {
            for text in ["pass\nword", "pass\r\n\t word", "pass\u{7}word"] {
                let cleaned = Redactor::new([secret]).clean(text);
                assert_eq!(cleaned, "[redacted]", "{text:?}");
            }
        }
    }

    #[test]
    fn an_empty_secret_takes_nothing_out() {
        assert_eq!(Redactor::new([""]).clean("abc"), "abc");
    }
}
