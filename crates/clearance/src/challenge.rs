//! What a refusal's `WWW-Authenticate` says (RFC 9110 §11.6.1, RFC 6750 §3).

use http::{HeaderMap, header::WWW_AUTHENTICATE};

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
        let Ok(value) = value.to_str() else { continue };
        let mut in_bearer = false;
        for element in elements(value) {
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
pub(crate) fn wanted_scope(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers
        .get_all(WWW_AUTHENTICATE)
        .iter()
        .filter(|value| !value.is_sensitive())
        .filter_map(|value| value.to_str().ok());
    values.find_map(|value| {
        elements(value).find_map(|element| parameter(split_scheme(element).1, "scope"))
    })
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
mod tests {
    use http::HeaderValue;

    use super::*;

    fn headers(values: &[&str]) -> HeaderMap {
        values
            .iter()
            .map(|value| (WWW_AUTHENTICATE, HeaderValue::from_str(value).unwrap()))
            .collect()
    }

    #[cfg(feature = "skew-auth")]
    #[test]
    fn challenges_are_told_apart() {
        for (values, expected) in [
            (&[][..], Challenge::Token),
            (&[""], Challenge::Token),
            (&["Bearer"], Challenge::Token),
            (&["Bearer realm=\"a, Basic b\""], Challenge::Token),
            (
                &["bearer realm=\"x\", error=\"invalid_token\""],
                Challenge::Token,
            ),
            (
                &["Bearer error=\"insufficient_scope\""],
                Challenge::InsufficientScope,
            ),
            (
                &["Basic realm=\"x\", BEARER realm=\"\\\"y\", Error = insufficient_scope"],
                Challenge::InsufficientScope,
            ),
            (
                &[
                    "Basic realm=\"x\"",
                    "Bearer scope=\"a b\", error=\"insufficient_scope\"",
                ],
                Challenge::InsufficientScope,
            ),
            (
                &["Basic error=\"insufficient_scope\""],
                Challenge::OtherScheme,
            ),
            (&["Bearer x=\"error=insufficient_scope\""], Challenge::Token),
            (&["Negotiate"], Challenge::OtherScheme),
            (
                &["Basic realm=\"x\"", "Digest nonce=\"y\""],
                Challenge::OtherScheme,
            ),
            (&["Basic realm=\"x\", Bearer"], Challenge::Token),
            (&["\"unclosed, Basic"], Challenge::OtherScheme),
        ] {
            assert_eq!(read(&headers(values)), expected, "{values:?}");
        }
    }

    #[cfg(feature = "retry-401")]
    #[test]
    fn the_wanted_scope_is_read() {
        assert_eq!(
            wanted_scope(&headers(&[
                "Bearer realm=\"x\", scope=\"users:read admin\""
            ])),
            Some("users:read admin")
        );
        assert_eq!(wanted_scope(&headers(&["Bearer"])), None);
    }

    /// Challenges by the grammar of RFC 9110 §11, and what they mean, side by side.
    #[cfg(all(feature = "skew-auth", feature = "retry-401"))]
    mod every {
        use proptest::{collection::vec, prelude::*, sample::select};

        use super::*;

        #[derive(Clone, Debug)]
        struct Spoken {
            scheme: String,
            /// Name, value, whether it is quoted.
            parameters: Vec<(String, String, bool)>,
            token68: bool,
        }

        impl Spoken {
            fn is_bearer(&self) -> bool {
                self.scheme.to_lowercase() == "bearer"
            }

            fn parameter(&self, name: &str) -> impl Iterator<Item = &str> {
                let named = self
                    .parameters
                    .iter()
                    .filter(move |it| it.0.to_lowercase() == name);
                named.map(|it| it.1.as_str())
            }

            /// `spaces` stand where the grammar allows some.
            fn written(&self, spaces: &str, comma: &str) -> String {
                let parameter = |(name, value, quoted): &(String, String, bool)| {
                    let escaped = value.replace('\\', "\\\\").replace('"', "\\\"");
                    match quoted {
                        true => format!("{name}{spaces}={spaces}\"{escaped}\""),
                        false => format!("{name}{spaces}={spaces}{value}"),
                    }
                };
                let mut parameters: Vec<_> = self.parameters.iter().map(parameter).collect();
                if self.token68 {
                    parameters = vec!["dG9rZW4/+-._~68==".to_owned()];
                }
                if parameters.is_empty() {
                    return self.scheme.clone();
                }
                format!("{} {spaces}{}", self.scheme, parameters.join(comma))
            }
        }

        fn scheme() -> impl Strategy<Value = String> {
            let schemes = [
                "Bearer",
                "bearer",
                "BEARER",
                "Basic",
                "Digest",
                "Negotiate",
                "Bearers",
                "X-Bearer",
            ];
            select(schemes.to_vec()).prop_map(str::to_owned)
        }

        fn parameter() -> impl Strategy<Value = (String, String, bool)> {
            let error = select(vec![
                "insufficient_scope",
                "Insufficient_Scope",
                "invalid_token",
                "insufficient_scopes",
            ]);
            let scope = "[a-z:.!]{1,8}( [a-z:]{1,8}){0,2}";
            // What looks like a challenge and is only a text.
            let text = select(vec![
                "a, Bearer error=insufficient_scope",
                "Bearer",
                "\", Basic \"",
                "\\",
                "x=y",
                "",
                "é, scope=no",
            ]);
            prop_oneof![
                (
                    select(vec!["error", "ERROR"]),
                    error.prop_map(str::to_owned),
                    any::<bool>()
                ),
                (select(vec!["scope", "Scope"]), scope, Just(true)),
                (
                    select(vec!["realm", "error_description", "x-error", "bearer"]),
                    text.prop_map(str::to_owned),
                    Just(true)
                ),
                (
                    select(vec!["realm", "nonce", "scope2"]),
                    "[a-z0-9]{1,5}",
                    Just(false)
                ),
            ]
            .prop_map(|(name, value, quoted)| (name.to_owned(), value, quoted))
        }

        fn spoken() -> impl Strategy<Value = Spoken> {
            (scheme(), vec(parameter(), 0..4), prop::bool::weighted(0.1)).prop_map(
                |(scheme, parameters, token68)| Spoken {
                    scheme,
                    parameters: if token68 { Vec::new() } else { parameters },
                    token68,
                },
            )
        }

        proptest! {
            #![proptest_config(ProptestConfig::with_cases(2_000))]

            #[test]
            fn spelling_of_a_challenge_means_the_same(
                fields in vec(vec(spoken(), 0..3), 0..3),
                spaces in select(vec!["", " ", "\t "]),
                comma in select(vec![",", ", ", " , ", ",,", ", \t,"]),
            ) {
                let written = |said: &Vec<Spoken>| {
                    let said: Vec<_> = said.iter().map(|one| one.written(spaces, comma)).collect();
                    let text = said.join(comma);
                    (WWW_AUTHENTICATE, HeaderValue::from_bytes(text.as_bytes()).unwrap())
                };
                let headers: HeaderMap = fields.iter().map(written).collect();
                // A field that is not ASCII is not read at all.
                let is_read = |said: &&Vec<Spoken>| written(said).1.to_str().is_ok();
                let said: Vec<&Spoken> = fields.iter().filter(is_read).flatten().collect();

                let lacks_scope = said.iter().any(|one| {
                    let mut errors = one.parameter("error").map(str::to_lowercase);
                    one.is_bearer() && errors.any(|error| error == "insufficient_scope")
                });
                let expected = if lacks_scope {
                    Challenge::InsufficientScope
                } else if !said.is_empty() && !said.iter().any(|one| one.is_bearer()) {
                    Challenge::OtherScheme
                } else {
                    Challenge::Token
                };
                prop_assert_eq!(read(&headers), expected, "{:?}", headers);
                let scope = said.iter().find_map(|one| one.parameter("scope").next());
                prop_assert_eq!(wanted_scope(&headers), scope, "{:?}", headers);
            }

            #[test]
            fn text_without_the_words_is_no_lack_of_scope(values in vec("[ -~]{0,30}", 0..4)) {
                let values: Vec<&str> = values.iter().map(String::as_str).collect();
                let challenge = read(&headers(&values));
                let text = values.join("\n").to_lowercase();
                prop_assert!(challenge != Challenge::InsufficientScope || text.contains("insufficient_scope"));
                prop_assert!(challenge != Challenge::OtherScheme || !text.starts_with("bearer "));
            }
        }
    }
}
