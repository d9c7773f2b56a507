use std::time::Duration;

use clearance_core::TokenErrorKind::{self, Denied, Malformed, Unavailable};

use super::*;
use crate::testing::{assert_silent, reply};

const THROTTLED: TokenErrorKind = TokenErrorKind::Throttled { retry_after: None };

fn throttled(seconds: u64) -> TokenErrorKind {
    TokenErrorKind::Throttled {
        retry_after: Some(Duration::from_secs(seconds)),
    }
}

#[test]
fn what_a_refusal_means() {
    const CLIENT: &str = r#"{"error": "invalid_client", "error_description": "unknown"}"#;
    const SLOW: &str =
        r#"{"error": "invalid_request", "error_description": "rate limit exceeded; wait"}"#;
    const AFTER: [(&str, &str); 1] = [("retry-after", "12")];
    for (status, fields, body, kind, retried) in [
        (400, &[][..], CLIENT, Denied, false),
        (401, &[], CLIENT, Denied, false),
        (403, &[], CLIENT, Denied, false),
        (200, &[], CLIENT, Denied, false),
        (400, &[], r#"{"error": "invalid_grant"}"#, Denied, false),
        (
            400,
            &[],
            r#"{"error": "unauthorized_client"}"#,
            Denied,
            false,
        ),
        (400, &[], r#"{"error": "access_denied"}"#, Denied, false),
        (401, &[], "", Denied, false),
        (401, &[], "<html>", Denied, false),
        (401, &[], r#"{"error": "else"}"#, Denied, false),
        (400, &[], SLOW, THROTTLED, true),
        (400, &AFTER, SLOW, throttled(12), true),
        (
            400,
            &[],
            r#"{"description": "Rate limit exceeded"}"#,
            THROTTLED,
            true,
        ),
        (429, &[], "", THROTTLED, true),
        (429, &AFTER, CLIENT, throttled(12), true),
        (503, &AFTER, "", throttled(12), true),
        (503, &[], "", Unavailable, true),
        (503, &[("retry-after", "soon")], "", Unavailable, true),
        (500, &[], "<html>", Unavailable, true),
        (502, &[], "", Unavailable, true),
        (
            504,
            &[],
            r#"{"code": "authentication.request.timeout"}"#,
            Unavailable,
            true,
        ),
        (408, &[], "", Unavailable, true),
        (425, &[], "", Unavailable, true),
        (
            400,
            &[],
            r#"{"error": "temporarily_unavailable"}"#,
            Unavailable,
            true,
        ),
        (400, &[], r#"{"error": "invalid_scope"}"#, Malformed, false),
        (400, &[], "", Malformed, false),
        (403, &[], "", Malformed, false),
        (404, &[], "<html>", Malformed, false),
        (405, &[], "", Malformed, false),
        (415, &[], "", Malformed, false),
        (101, &[], "", Malformed, false),
        (301, &[], CLIENT, Malformed, false),
        (304, &[], "", Malformed, false),
    ] {
        let error = of(
            &reply(status, fields, body),
            Asked::Token,
            &Redactor::default(),
        );
        assert_eq!(error.kind(), kind, "{status} {body}");
        assert_eq!(error.is_retryable(), retried, "{status} {body}");
    }
}

/// A page of a proxy or a gateway may say anything: what it means is told by its status.
#[test]
fn what_an_answer_says_goes_before_its_status_only_where_the_status_tells_nothing() {
    const LIMITED: &str = r#"{"error_description": "rate limit exceeded"}"#;
    const PASSING: [&str; 2] = [
        r#"{"error": "server_error"}"#,
        r#"{"error": "temporarily_unavailable"}"#,
    ];
    let kind = |status, body| {
        of(
            &reply(status, &[], body),
            Asked::Token,
            &Redactor::default(),
        )
        .kind()
    };
    for status in [200, 400] {
        assert_eq!(kind(status, LIMITED), THROTTLED, "{status}");
        for passing in PASSING {
            assert_eq!(kind(status, passing), Unavailable, "{status} {passing}");
        }
    }
    for (status, expected) in [
        (401, Denied),
        (403, Malformed),
        (404, Malformed),
        (408, Unavailable),
        (500, Unavailable),
        (503, Unavailable),
    ] {
        for body in PASSING.into_iter().chain([LIMITED]) {
            assert_eq!(kind(status, body), expected, "{status} {body}");
        }
    }
}

#[test]
fn nobody_is_denied_a_document_that_needs_no_credentials() {
    for status in [400, 401, 403, 404] {
        let reply = reply(status, &[], r#"{"error": "invalid_client"}"#);
        let error = of(&reply, Asked::Document, &Redactor::default());
        assert_eq!((error.kind(), error.is_retryable()), (Malformed, false));
    }
}

#[test]
fn an_error_is_read_in_every_spelling() {
    for (body, text) in [
        (
            r#"{"error": "a", "error_description": "b"}"#,
            "a: b (status 400)",
        ),
        (
            r#"{"error": "a", "errorDescription": "b"}"#,
            "a: b (status 400)",
        ),
        (r#"{"error": "a", "description": "b"}"#, "a: b (status 400)"),
        (
            r#"{"error": "a", "description": "c", "error_description": "b"}"#,
            "a: b (status 400)",
        ),
        (
            r#"{"error": "a", "error_description": "", "message": "b"}"#,
            "a: b (status 400)",
        ),
        (r#"{"code": "a", "message": "b"}"#, "a: b (status 400)"),
        (r#"{"error": "a"}"#, "a (status 400)"),
        (r#"{"message": "b"}"#, "b (status 400)"),
        ("\u{feff}{\"error\": \"a\"}", "a (status 400)"),
        (r#"{"error": {"message": "b"}}"#, "status 400"),
        (r#"["a"]"#, "status 400"),
        ("<html>a</html>", "status 400"),
    ] {
        let error = of(&reply(400, &[], body), Asked::Token, &Redactor::default());
        assert_eq!(
            error.to_string(),
            format!("unusable token answer: {text}; check what is asked for"),
            "{body}"
        );
    }
}

#[test]
fn a_redirect_tells_the_origin_it_leads_to_and_no_more() {
    for (location, target) in [
        (
            "https://other.test/login?secret=s3cr3t",
            "https://other.test",
        ),
        (
            "https://me:s3cr3t@other.test:8443/",
            "https://other.test:8443",
        ),
        ("/login?s3cr3t", "another path of the same host"),
        ("//other.test/s3cr3t", "elsewhere"),
        ("http:s3cr3t", "elsewhere"),
    ] {
        let error = of(
            &reply(302, &[("location", location)], ""),
            Asked::Token,
            &Redactor::default(),
        );
        assert_silent(&error, &["s3cr3t"]);
        let text = format!("redirected to {target} (status 302)");
        assert!(error.to_string().contains(&text), "{error}");
    }
}

#[test]
fn what_an_issuer_says_is_cleaned_and_cut() {
    let body = format!(
        r#"{{"error": "a\u001b[31m\r\nb", "message": "you sent s3cr3t {}"}}"#,
        "x".repeat(999)
    );
    let error = of(
        &reply(400, &[], &body),
        Asked::Token,
        &Redactor::new(["s3cr3t"]),
    );
    assert_silent(&error, &["s3cr3t", "\u{1b}"]);
    let text = error.to_string();
    assert!(
        text.contains("a [31m b: you sent [redacted]") && text.chars().count() < 320,
        "{text}"
    );
}
