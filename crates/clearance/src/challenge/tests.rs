//! What is read from challenges, by example.

#[cfg(all(feature = "skew-auth", feature = "retry-401"))]
mod every;

use http::HeaderValue;

use super::*;

fn headers(values: &[&str]) -> HeaderMap {
    values
        .iter()
        .map(|value| {
            (
                WWW_AUTHENTICATE,
                HeaderValue::from_bytes(value.as_bytes()).unwrap(),
            )
        })
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
        (
            &["Bearer realm=\"Büro\", error=\"insufficient_scope\""],
            Challenge::InsufficientScope,
        ),
        (&["Basic realm=\"Büro\""], Challenge::OtherScheme),
    ] {
        assert_eq!(read(&headers(values)), expected, "{values:?}");
    }
}

#[cfg(all(feature = "skew-auth", feature = "retry-401"))]
#[test]
fn a_realm_that_is_not_even_utf_8_hides_nothing() {
    let value = b"Bearer realm=\"B\xfc\", error=\"insufficient_scope\", scope=\"users:write\"";
    let value = HeaderValue::from_bytes(value).unwrap();
    let headers = HeaderMap::from_iter([(WWW_AUTHENTICATE, value)]);
    assert_eq!(read(&headers), Challenge::InsufficientScope);
    assert_eq!(wanted_scope(&headers).as_deref(), Some("users:write"));
}

#[cfg(feature = "retry-401")]
#[test]
fn the_wanted_scope_is_read() {
    let wanted = |challenge| wanted_scope(&headers(&[challenge]));
    assert_eq!(
        wanted("Bearer realm=\"x\", scope=\"users:read admin\"").as_deref(),
        Some("users:read admin")
    );
    assert_eq!(wanted("Bearer"), None);
    assert_eq!(
        wanted("Bearer scope=\"\u{9b}31m\""),
        None,
        "not to be printed"
    );
}
