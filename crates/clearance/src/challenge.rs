//! What a refusal's `WWW-Authenticate` says (RFC 9110 §11.6.1, RFC 6750 §3).

use std::borrow::Cow;

use http::{HeaderMap, HeaderValue, header::WWW_AUTHENTICATE};

/// What the challenges of a refusal say of the token (RFC 6750 §3.1).
#[cfg(feature = "skew-auth")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Challenge {
    /// It is invalid, or nothing is said.
    Token,
    InsufficientScope,
    OtherScheme,
}

#[cfg(feature = "skew-auth")]
/// Reads all challenges of a reply. Nothing readable means that the token itself is not good.
pub(crate) fn read(headers: &HeaderMap) -> Challenge {
    let (mut bearer, mut other) = (false, false);
    for value in headers.get_all(WWW_AUTHENTICATE) {
        let value = text(value);
        let mut in_bearer = false;
        for element in elements(&value) {
            let (scheme, parameter) = split_scheme(element);
            if let Some(scheme) = scheme {
                in_bearer = scheme.eq_ignore_ascii_case("bearer");
                bearer |= in_bearer;
                other |= !in_bearer;
            }
            if in_bearer && is_insufficient_scope(parameter) {
                return Challenge::InsufficientScope;
            }
        }
    }
    if other && !bearer {
        Challenge::OtherScheme
    } else {
        Challenge::Token
    }
}

#[cfg(feature = "retry-401")]
/// The scope that a challenge asks for, if it names one that may be printed.
pub(crate) fn wanted_scope(headers: &HeaderMap) -> Option<String> {
    let mut values = headers
        .get_all(WWW_AUTHENTICATE)
        .iter()
        .filter(|value| !value.is_sensitive())
        .map(text);
    values.find_map(|value| {
        elements(&value)
            .filter_map(|element| parameter(split_scheme(element).1, "scope"))
            .find(|scope| scope.is_ascii())
            .map(str::to_owned)
    })
}

/// A realm may be in any charset (RFC 9110 §5.5, `obs-text`). What counts is ASCII, and stays as it is.
fn text(value: &HeaderValue) -> Cow<'_, str> {
    String::from_utf8_lossy(value.as_bytes())
}

/// The elements of a list, commas within quotes aside.
fn elements(list: &str) -> impl Iterator<Item = &str> {
    let (mut quoted, mut escaped) = (false, false);
    list.split(move |c| {
        let within = quoted;
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ => {}
        }
        c == ',' && !within
    })
    .map(str::trim)
    .filter(|element| !element.is_empty())
}

/// `Bearer realm="x"` has a scheme and a parameter, `Bearer` a scheme, `error="x"` a parameter.
fn split_scheme(element: &str) -> (Option<&str>, &str) {
    let end = element
        .find(|c: char| c == '=' || c.is_whitespace())
        .unwrap_or(element.len());
    let (word, rest) = element.split_at(end);
    if rest.trim_start().starts_with('=') {
        (None, element)
    } else {
        (Some(word), rest.trim_start())
    }
}

#[cfg(feature = "skew-auth")]
fn is_insufficient_scope(element: &str) -> bool {
    parameter(element, "error")
        .is_some_and(|error| error.eq_ignore_ascii_case("insufficient_scope"))
}

fn parameter<'a>(element: &'a str, name: &str) -> Option<&'a str> {
    let (key, value) = element.split_once('=')?;
    key.trim()
        .eq_ignore_ascii_case(name)
        .then(|| value.trim().trim_matches('"'))
}

#[cfg(test)]
mod tests;
