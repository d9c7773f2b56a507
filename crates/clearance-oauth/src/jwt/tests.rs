use base64::prelude::{BASE64_URL_SAFE, BASE64_URL_SAFE_NO_PAD};

use super::*;

const IAT: u64 = 1_767_225_600;

fn at(seconds: u64) -> Option<SystemTime> {
    Some(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds))
}

fn jwt(claims: &str) -> String {
    format!("e30.{}.c2ln", BASE64_URL_SAFE_NO_PAD.encode(claims))
}

#[test]
fn what_is_no_jwt_has_no_payload_and_does_no_harm() {
    let padded = |claims: &str| format!("e30.{}.c2ln", BASE64_URL_SAFE.encode(claims));
    let long = "x".repeat(LONGEST_PAYLOAD);
    let nested = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    for (text, read) in [
        ("", false),
        ("..", false),
        ("opaque", false),
        ("e30.e30", false),
        ("e30.e30.c2ln", true),
        ("e30.e30.", true),
        ("e30.e30=.c2ln", true),
        ("e30.e30==.c2ln", true),
        (&padded(r#"{"iat": 1, "x": ">>>???"}"#), true),
        ("e30.e30.c2ln.c2ln", false),
        ("e30.a.b.c.c2ln", false),
        ("e30.!!.c2ln", false),
        ("e30.e3+.c2ln", false),
        ("e30.é.c2ln", false),
        ("e30.W10.c2ln", false),
        (&jwt("null"), false),
        (&jwt("{\"iat\": "), false),
        (&jwt("\u{0}"), false),
        (&jwt(&format!(r#"{{"a": {nested}}}"#)), false),
        (&jwt(&format!(r#"{{"a": "{long}"}}"#)), false),
    ] {
        assert_eq!(
            Document::from_unverified_jwt(text).is_some(),
            read,
            "{text:.60}"
        );
        if !read {
            assert_eq!(JwtTimes::of(text), JwtTimes::default(), "{text:.60}");
        }
    }
}

#[test]
fn times_in_every_spelling_and_no_nonsense() {
    for (claims, not_before, issued_at, expires_at) in [
        (
            r#"{"nbf": 1767225590, "iat": 1767225600, "exp": 1767229200}"#,
            at(IAT - 10),
            at(IAT),
            at(IAT + 3600),
        ),
        (
            r#"{"iat": 1767225600.0, "exp": 1.7672292e9}"#,
            None,
            at(IAT),
            at(IAT + 3600),
        ),
        (
            r#"{"iat": "1767225600", "exp": " 1767229200 "}"#,
            None,
            at(IAT),
            at(IAT + 3600),
        ),
        (r#"{"exp": 1767229200}"#, None, None, at(IAT + 3600)),
        (r#"{"iat": 1767225600}"#, None, at(IAT), None),
        (
            r#"{"iat": -5, "exp": 1767229200}"#,
            None,
            None,
            at(IAT + 3600),
        ),
        (r#"{"nbf": 0, "iat": 0, "exp": 0}"#, None, None, None),
        (r#"{"iat": 1767225600000, "exp": 1e300}"#, None, None, None),
        (
            r#"{"iat": 18446744073709551615, "exp": -1e300}"#,
            None,
            None,
            None,
        ),
        (r#"{"iat": "NaN", "exp": "inf"}"#, None, None, None),
        (
            r#"{"iat": "noon", "exp": true, "nbf": {}}"#,
            None,
            None,
            None,
        ),
        (r#"{"iat": null, "exp": [1767229200]}"#, None, None, None),
        // Ends before it begins: the end is the one not to be believed.
        (
            r#"{"iat": 1767225600, "exp": 1767225600}"#,
            None,
            at(IAT),
            None,
        ),
        (
            r#"{"nbf": 1767229200, "exp": 1767229200}"#,
            None,
            None,
            at(IAT + 3600),
        ),
    ] {
        let times = JwtTimes::of(&jwt(claims));
        let expected = JwtTimes {
            not_before,
            issued_at,
            expires_at,
        };
        assert_eq!(times, expected, "{claims}");
    }
}

#[test]
fn iat_is_a_reading_of_the_clock_only_where_the_answer_agrees() {
    let seconds = |seconds| Some(Duration::from_secs(seconds));
    let whole = r#"{"iat": 1767225600, "exp": 1767229200}"#;
    for (claims, remaining, reading) in [
        (whole, seconds(3600), at(IAT)),
        (whole, seconds(3599), at(IAT)),
        (whole, None, at(IAT)),
        // Kept by the issuer for ten minutes; dated back by five.
        (whole, seconds(3000), None),
        (whole, seconds(3300), None),
        (whole, seconds(86_400), None),
        (r#"{"iat": 1767225600}"#, seconds(3600), at(IAT)),
        (r#"{"exp": 1767229200}"#, seconds(3600), None),
    ] {
        let times = JwtTimes::of(&jwt(claims));
        assert_eq!(times.reading(remaining), reading, "{claims} {remaining:?}");
    }
}

#[test]
fn a_lifetime_of_more_than_ten_years_is_none() {
    for (exp, lifetime) in [
        (IAT + 60, Some(60)),
        (IAT + 315_576_000, Some(315_576_000)),
        (IAT + 315_576_001, None),
        (99_999_999_999, None),
    ] {
        let times = JwtTimes::of(&jwt(&format!(r#"{{"iat": {IAT}, "exp": {exp}}}"#)));
        assert_eq!(times.lifetime(), lifetime.map(Duration::from_secs), "{exp}");
        assert!(times.has_end());
    }
}
