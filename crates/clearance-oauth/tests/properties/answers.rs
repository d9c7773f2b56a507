//! Which answers are tokens, and what is true of those that are none.

use proptest::option;

use super::*;

#[path = "../../fuzz/targets/token_answer.rs"]
mod token_answer;

/// RFC 6749 §5.1 and RFC 6750 §2.1, and what the crate says of lifetimes.
fn is_usable(answer: &Map<String, Value>) -> bool {
    let text = |name| answer.get(name).and_then(Value::as_str);
    let token = text("access_token").unwrap_or_default();
    let is_sendable = !token.is_empty() && token.chars().all(|c| ('!'..='~').contains(&c));
    let is_bearer = text("token_type").is_some_and(|kind| kind.to_lowercase() == "bearer");
    let lives = match answer.get("expires_in") {
        None | Some(Value::Null) => true,
        Some(value) => {
            let seconds = value
                .as_f64()
                .or_else(|| value.as_str()?.trim().parse().ok());
            // Less than half a nanosecond is no time.
            seconds.is_some_and(|s| s == 0.0 || (s >= 5.1e-10 && s <= LONGEST as f64))
        }
    };
    is_sendable && is_bearer && lives
}

proptest! {
    #[test]
    fn an_answer_is_taken_exactly_if_it_is_usable(
        answer in object(vec!["access_token", "token_type", "expires_in", "scope", "iat"]),
        token in option::weighted(0.8, "[!-~]{1,20}"),
        is_bearer in prop::bool::weighted(0.8),
    ) {
        let mut answer = answer;
        if let Some(token) = token {
            answer.insert("access_token".to_owned(), token.into());
        }
        if is_bearer {
            answer.insert("token_type".to_owned(), "bEARER".into());
        }
        let body = Value::Object(answer.clone()).to_string();
        match granted(&body, false) {
            Ok(token) => {
                prop_assert!(is_usable(&answer), "{body}");
                let text = answer["access_token"].as_str().unwrap();
                prop_assert_eq!(token.header(), &format!("Bearer {text}"));
                prop_assert!(token.lifetime().is_some_and(|life| !life.is_zero()));
            }
            Err(error) => {
                prop_assert!(!is_usable(&answer), "{error} of {body}");
                prop_assert_eq!(error.kind(), TokenErrorKind::Malformed, "{}", body);
            }
        }
    }

    /// What is true of every input of the fuzz targets, tried on answers that look like some.
    #[test]
    fn answers_of_any_status_keep_their_promises(
        status in prop_oneof![Just(200), Just(400), Just(401), 100..600_u16],
        fields in vec(select(vec![
            "content-type: text/html",
            "date: Sun, 06 Nov 1994 08:49:37 GMT",
            "age: 7",
            "retry-after: 5",
            "retry-after: Sun, 06 Nov 1994 08:50:37 GMT",
            "location: https://u:p@evil.test:1/a?b",
            "location: //evil.test",
        ]), 0..4),
        answer in object(vec![
            "access_token", "token_type", "expires_in", "iat", "error", "code", "error_description", "message",
        ]),
        error in option::of(select(vec![
            "invalid_client", "invalid_grant", "access_denied", "temporarily_unavailable", "server_error", "x",
        ])),
        text in option::of(select(vec!["Rate limit exceeded", "s3cr3t w=rd\"", "s3cr3t\nw=rd\" p4ss/wörd", "é"])),
    ) {
        let mut answer = answer;
        answer.extend(error.map(|error| ("error".to_owned(), error.into())));
        answer.extend(text.map(|text| ("message".to_owned(), text.repeat(1 + status as usize % 30).into())));
        let body = Value::Object(answer);
        token_answer::check(format!("{status}\n{}\n\n{body}", fields.join("\n")).as_bytes());
    }
}
