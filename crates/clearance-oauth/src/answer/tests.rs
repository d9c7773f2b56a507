use clearance_core::{
    TokenErrorKind,
    clock::{ClockAnchor, ServerClock, parse_http_date},
};

use super::*;
use crate::testing::{assert_silent, reply};

const DATE: (&str, &str) = ("date", "Sun, 06 Nov 1994 08:49:37 GMT");

fn read_with(reply: &RawReply, handed_out: &HandedOut) -> Result<TokenAnswer, TokenError> {
    let endpoint = Uri::from_static("https://login.test/token");
    TokenAnswer::read(reply, &endpoint, handed_out, &Redactor::default(), false)
}

fn read(body: &str) -> Result<Token, TokenError> {
    read_with(&reply(200, &[], body), &HandedOut::default()).map(TokenAnswer::into_token)
}

#[test]
fn usable_tokens() {
    for (body, seconds) in [
        (
            r#"{"access_token": "t0k", "token_type": "bearer", "expires_in": 86400}"#,
            86_400,
        ),
        (
            r#"{"access_token": "t0k", "token_type": "Bearer", "expires_in": "60"}"#,
            60,
        ),
        (
            r#"{"access_token": "t0k", "token_type": "BEARER", "expires_in": 60.0}"#,
            60,
        ),
        (r#"{"access_token": "t0k", "token_type": "bearer"}"#, 300),
        (
            r#"{"access_token": "t0k", "token_type": "bearer", "expires_in": null}"#,
            300,
        ),
        (
            r#"{"access_token": "t0k", "token_type": "bearer", "expires_in": 0}"#,
            300,
        ),
        (
            "\u{feff}{\"access_token\": \"t0k\", \"token_type\": \"bearer\", \"expires_in\": 60, \"x\": []}\n",
            60,
        ),
        (
            r#"{"access_token": "t0k", "token_type": "bearer", "expires_in": 60, "error": ""}"#,
            60,
        ),
    ] {
        let token = read(body).unwrap();
        assert_eq!(token.header(), "Bearer t0k");
        assert_eq!(
            token.lifetime(),
            Some(Duration::from_secs(seconds)),
            "{body}"
        );
        assert!(token.requested_at().is_some());
    }
}

#[test]
fn a_token_that_is_repeated_as_its_type_is_not_shown() {
    let body = r#"{"access_token": "t0k3n-7", "token_type": "JWT t0k3n-7", "expires_in": 60}"#;
    let error = read(body).unwrap_err().to_string();
    assert!(error.contains("`JWT [redacted]`"), "{error}");
}

#[test]
fn unusable_answers() {
    for (body, says) in [
        ("", "not a JSON object"),
        ("[]", "not a JSON object"),
        (r#"{"access_token": "t0k", "token_ty"#, "not a JSON object"),
        ("{}", "no `access_token`"),
        (
            r#"{"access_token": "", "token_type": "bearer"}"#,
            "no `access_token`",
        ),
        (
            r#"{"access_token": 7, "token_type": "bearer"}"#,
            "no `access_token`",
        ),
        (r#"{"access_token": "t0k"}"#, "no `token_type`"),
        (
            r#"{"access_token": "t0k", "token_type": "mac"}"#,
            "`mac` and not `Bearer`",
        ),
        (
            r#"{"access_token": "t0k\n", "token_type": "bearer"}"#,
            "cannot stand in a header",
        ),
        (
            r#"{"access_token": "t0k é", "token_type": "bearer"}"#,
            "cannot stand in a header",
        ),
        (
            r#"{"access_token": "t0k", "token_type": "bearer", "expires_in": -1}"#,
            "is -1 s",
        ),
        (
            r#"{"access_token": "t0k", "token_type": "bearer", "expires_in": 1e12}"#,
            "1000000000000 s",
        ),
        (
            r#"{"access_token": "t0k", "token_type": "bearer", "expires_in": "soon"}"#,
            "not a number",
        ),
    ] {
        let error = read(body).unwrap_err();
        assert_eq!(error.kind(), TokenErrorKind::Malformed, "{body}");
        assert!(error.to_string().contains(says), "{error}");
        assert!(error.is_retryable(), "the next answer may be whole: {body}");
        assert_silent(&error, &["t0k"]);
    }
}

#[test]
fn a_web_page_with_status_200_is_named_as_such() {
    let page = reply(
        200,
        &[("content-type", "text/html; charset=utf-8")],
        "<html>Sign in",
    );
    let error = read_with(&page, &HandedOut::default()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "unusable token answer: not a JSON object (the content type is text/html; charset=utf-8)"
    );
}

#[test]
fn too_long_an_answer_is_malformed_but_its_status_counts_first() {
    for (status, kind) in [
        (200, TokenErrorKind::Malformed),
        (500, TokenErrorKind::Unavailable),
    ] {
        let mut reply = reply(status, &[], "");
        reply.body = None;
        let error = read_with(&reply, &HandedOut::default()).unwrap_err();
        assert_eq!(error.kind(), kind);
    }
}

#[test]
fn a_token_without_life_is_believed_once() {
    let zero = |token: &str| {
        let body =
            format!(r#"{{"access_token": "{token}", "token_type": "bearer", "expires_in": 0}}"#);
        reply(200, &[], &body)
    };
    let handed_out = HandedOut::default();
    assert!(read_with(&zero("a"), &handed_out).is_ok());
    assert!(read_with(&zero("b"), &handed_out).is_ok());
    let error = read_with(&zero("a"), &handed_out).unwrap_err();
    assert_eq!(error.kind(), TokenErrorKind::Malformed);
    assert!(error.to_string().contains("run out"), "{error}");
}

#[test]
fn the_issuers_clock_is_read_from_iat_and_else_from_date() {
    let noon = parse_http_date("Sun, 06 Nov 1994 12:00:00 GMT").unwrap();
    let dated = parse_http_date(DATE.1).unwrap();
    let second = Duration::from_secs(1);
    let observed = |reply: &RawReply, handed_out: &HandedOut, stamp: Option<SystemTime>| {
        let mut answer = read_with(reply, handed_out).unwrap();
        if let Some(stamp) = stamp {
            answer = answer.stamped(stamp);
        }
        let token = answer.into_token();
        assert!(token.observations().len() <= 1);
        // Received at what is noon here: the skew tells the stamp.
        let mut clock = ServerClock::new(ClockAnchor::new(reply.received, noon));
        token
            .observations()
            .iter()
            .for_each(|seen| clock.observe(seen));
        clock.skew().map(|skew| skew.to_string())
    };
    let shown = |stamp: SystemTime| {
        let mut clock = ServerClock::new(ClockAnchor::new(reply(200, &[], "").received, noon));
        let at = reply(200, &[], "").received;
        clock.observe(&Observation::new(stamp, second, at, at));
        clock.skew().map(|skew| skew.to_string())
    };
    let seconds = |time: SystemTime| {
        time.duration_since(SystemTime::UNIX_EPOCH)
            .unwrap()
            .as_secs()
    };
    let with_iat = |token: &str| {
        format!(
            r#"{{"access_token": "{token}", "token_type": "bearer", "expires_in": 60, "iat": {}}}"#,
            seconds(noon) + 90
        )
    };
    const PLAIN: &str = r#"{"access_token": "p", "token_type": "bearer", "expires_in": 60}"#;
    let fresh = HandedOut::default;

    assert_eq!(
        observed(&reply(200, &[DATE], &with_iat("a")), &fresh(), None),
        shown(noon + 90 * second)
    );
    assert_eq!(
        observed(&reply(200, &[DATE], PLAIN), &fresh(), None),
        shown(dated)
    );
    assert_eq!(
        observed(&reply(200, &[DATE, ("age", "9")], PLAIN), &fresh(), None),
        None
    );
    assert_eq!(observed(&reply(200, &[], PLAIN), &fresh(), None), None);
    // A stamp that the source found elsewhere in the answer.
    assert_eq!(
        observed(&reply(200, &[DATE], PLAIN), &fresh(), Some(noon)),
        shown(noon)
    );
    // A token that is only repeated was not made just now.
    let handed_out = HandedOut::default();
    handed_out.remember("a");
    assert_eq!(
        observed(
            &reply(200, &[DATE], &with_iat("a")),
            &handed_out,
            Some(noon)
        ),
        shown(dated)
    );
}

#[test]
fn iat_is_also_the_issuers_word_on_when_it_made_the_token() {
    let body =
        r#"{"access_token": "t", "token_type": "bearer", "expires_in": 60, "iat": 1767225600}"#;
    let issued_at = SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_225_600);
    assert_eq!(read(body).unwrap().issued_at(), Some(issued_at));
}

#[test]
fn debug_shows_no_token() {
    let body = r#"{"access_token": "t0k", "token_type": "bearer", "refresh_token": "r3fr"}"#;
    let answer = read_with(&reply(200, &[], body), &HandedOut::default()).unwrap();
    let shown = format!("{answer:?}");
    assert!(!shown.contains("t0k") && !shown.contains("r3fr"), "{shown}");
}
