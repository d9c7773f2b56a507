//! What is read from challenges, by example.

#[cfg(all(feature = "skew-auth", feature = "retry-401"))]
mod every;

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
