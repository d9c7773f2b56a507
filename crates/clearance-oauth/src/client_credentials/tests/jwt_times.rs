//! What the times within a token say of its life and of the issuer's clock, where they are to be read.

use std::time::SystemTime;

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};

use super::*;

#[tokio::test(start_paused = true)]
async fn the_times_of_a_jwt_are_read_where_that_is_asked_for() {
    const IAT: u64 = 1_767_225_600;
    let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
    let dated = at(IAT + 7);
    // Claims, what else the answer has; lifetime, `iat`, `exp`, and the reading of the issuer's clock.
    let whole = r#"{"nbf": 1767225600, "iat": 1767225600, "exp": 1767226200}"#;
    let cases = [
        (
            whole,
            r#""expires_in": 600"#,
            Some(600),
            Some(IAT),
            Some(IAT + 600),
            at(IAT),
        ),
        (
            whole,
            r#""x": 0"#,
            Some(600),
            Some(IAT),
            Some(IAT + 600),
            at(IAT),
        ),
        (
            whole,
            r#""expires_in": 0"#,
            Some(600),
            Some(IAT),
            Some(IAT + 600),
            at(IAT),
        ),
        // Made a while ago: what is left of it is not its whole life, and `iat` is not now.
        (
            whole,
            r#""expires_in": 300"#,
            Some(300),
            Some(IAT),
            Some(IAT + 600),
            dated,
        ),
        // The answer's own `iat` is the better reading.
        (
            whole,
            r#""expires_in": 600, "iat": 1767225603"#,
            Some(600),
            Some(IAT),
            Some(IAT + 600),
            at(IAT + 3),
        ),
        (
            r#"{"exp": 1767226200}"#,
            r#""x": 0"#,
            None,
            None,
            Some(IAT + 600),
            dated,
        ),
        (
            r#"{"iat": 1767225600}"#,
            r#""x": 0"#,
            Some(300),
            Some(IAT),
            None,
            at(IAT),
        ),
        (
            r#"{"iat": -1, "exp": "x"}"#,
            r#""expires_in": 60"#,
            Some(60),
            None,
            None,
            dated,
        ),
        ("[]", r#""expires_in": 60"#, Some(60), None, None, dated),
    ];
    for (claims, more, lifetime, issued_at, expires_at, reading) in cases {
        let jwt = format!("e30.{}.c2ln", BASE64_URL_SAFE_NO_PAD.encode(claims));
        let body = format!(r#"{{"access_token": "{jwt}", "token_type": "bearer", {more}}}"#);
        let date = ("date", "Thu, 01 Jan 2026 00:00:07 GMT");
        let answers = || Canned::new([answer(200, &[date], &body)]);

        let token = source()
            .read_jwt_times()
            .with_client(answers())
            .fetch()
            .await
            .unwrap();
        assert_eq!(
            token.lifetime(),
            lifetime.map(Duration::from_secs),
            "{body}"
        );
        assert_eq!(token.issued_at(), issued_at.map(at), "{body}");
        assert_eq!(token.expires_at(), expires_at.map(at), "{body}");
        let [observation] = token.observations() else {
            panic!("one observation, and not {:?}", token.observations());
        };
        let second = Duration::from_secs(1);
        assert_eq!(
            observation.stamp() + observation.resolution(),
            reading + second,
            "{body}"
        );

        // Without the option a token stays opaque.
        let token = source().with_client(answers()).fetch().await.unwrap();
        assert_eq!((token.not_before(), token.expires_at()), (None, None));
    }
}

#[tokio::test(start_paused = true)]
async fn a_jwt_that_is_handed_out_again_has_no_new_life() {
    let jwt = format!(
        "e30.{}.c2ln",
        BASE64_URL_SAFE_NO_PAD.encode(r#"{"iat": 1767225600, "exp": 1767229200}"#)
    );
    let body = format!(r#"{{"access_token": "{jwt}", "token_type": "bearer"}}"#);
    let client = Canned::new([answer(200, &[], &body), answer(200, &[], &body)]);
    let source = source().read_jwt_times().with_client(client);
    let first = source.fetch().await.unwrap();
    assert_eq!(first.lifetime(), Some(Duration::from_secs(3600)));
    let again = source.fetch().await.unwrap();
    assert_eq!(
        (again.lifetime(), again.expires_at()),
        (None, first.expires_at())
    );
    assert!(again.observations().is_empty());
}
