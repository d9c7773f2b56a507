//! What is no origin, and how that is told.

use super::*;

#[test]
fn what_is_not_an_origin_is_refused_with_the_reason() {
    for (text, reason) in [
        ("api.example.com", "https://"),
        ("https://", "not a URL"),
        ("https://api.example.com/v2", "no path"),
        ("https://user:hunter2@api.example.com", "user information"),
        ("https://bücher.example", "xn--"),
        ("https://api.example.com:99999", "port"),
        // Found by property tests: the second was shown as `https://api.example.com.`, another host.
        ("https://api.example.com:+443", "port"),
        ("https://api.example.com..", "no host"),
        ("ftp://api.example.com", "https://"),
    ] {
        let error = Audience::origin(text).unwrap_err().to_string();
        assert!(error.contains(reason), "{text}: {error}");
        assert!(!error.contains("hunter2"), "{error}");
    }
}

#[test]
fn an_address_that_is_no_origin_is_shown_without_password_and_query() {
    for (text, shown) in [
        (
            "https://api.example.com/v2?key=s3cret",
            "https://api.example.com/v2",
        ),
        (
            "https://api.example.com/v2#s3cret",
            "https://api.example.com/v2",
        ),
        (
            "https://user:s3cret@api.example.com/v2?key=s3cret",
            "api.example.com/v2",
        ),
        ("https://api.example.com?mail=me@s3cret", "…"),
        ("https://user:s3c?ret@api.example.com", "…"),
    ] {
        let error = Audience::origin(text).unwrap_err().to_string();
        assert!(error.starts_with(&format!("`{shown}` is")), "{error}");
        assert!(!error.contains("s3c"), "{error}");
    }
}

#[test]
fn an_address_without_a_scheme_is_shown_and_told_how_to_begin() {
    for (uri, shown) in [
        ("api.example.com", "api.example.com"),
        ("me:s3cret@api.example.com:8443", "api.example.com:8443"),
        ("/v2?key=s3cret", "/v2"),
    ] {
        let error = Audience::origin_of(&uri.parse().unwrap())
            .unwrap_err()
            .to_string();
        let begin = "begin it with https:// (or http:// for loopback)";
        assert_eq!(error, format!("`{shown}` is not an origin: {begin}"));
    }
}
