use std::time::SystemTime;

use base64::{
    Engine,
    prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD},
};
use bytes::Bytes;
use http::{
    Request,
    header::{AUTHORIZATION, CONTENT_TYPE},
};
use http_body_util::{BodyExt, Full};
use tokio::time::Instant;

use super::*;
use crate::testing::{Canned, answer, assert_silent};

const URL: &str = "https://login.test/oauth/token?tenant=7";
const TOKEN: &str = r#"{"access_token": "t0k", "token_type": "bearer", "expires_in": 60}"#;
/// Spelt differently in each form in which it is sent.
const SECRET: &str = "s3 cr=t/";

fn source() -> ClientCredentials {
    let audience = Audience::origin("https://api.test").unwrap();
    ClientCredentials::new(URL, "my app", SECRET, audience).unwrap()
}

async fn sent(client: &Canned) -> (http::request::Parts, String) {
    let (head, body) = client.requests().remove(0).into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    (head, String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test(start_paused = true)]
async fn by_basic() {
    let client = Canned::new([answer(200, &[], TOKEN)]);
    let token = source().with_client(client.clone()).fetch().await.unwrap();
    assert_eq!(token.header(), "Bearer t0k");
    assert_eq!(token.lifetime(), Some(Duration::from_secs(60)));
    assert_eq!(token.requested_at(), Some(Instant::now().into_std()));

    let (head, body) = sent(&client).await;
    assert_eq!(
        (head.method, head.uri.to_string()),
        (http::Method::POST, URL.to_owned())
    );
    let pair = BASE64_STANDARD.encode("my+app:s3+cr%3Dt%2F");
    assert_eq!(head.headers[AUTHORIZATION], format!("Basic {pair}"));
    assert_eq!(
        head.headers[CONTENT_TYPE],
        "application/x-www-form-urlencoded"
    );
    assert_eq!(body, "grant_type=client_credentials");
}

#[tokio::test]
async fn in_the_body_with_scopes_and_parameters() {
    let client = Canned::new([answer(200, &[], TOKEN)]);
    let source = source()
        .scope("a:read b")
        .parameter("audience", "https://api.test")
        .secret_parameter("pin", "0000")
        .client_authentication(ClientAuthentication::Body)
        .with_client(client.clone());
    source.fetch().await.unwrap();
    let (head, body) = sent(&client).await;
    assert!(!head.headers.contains_key(AUTHORIZATION));
    assert_eq!(
        body,
        "grant_type=client_credentials&scope=a%3Aread+b&audience=https%3A%2F%2Fapi.test&pin=0000\
         &client_id=my+app&client_secret=s3+cr%3Dt%2F"
    );
}

#[tokio::test(start_paused = true)]
async fn life_begins_when_the_request_is_sent() {
    let begun = Instant::now();
    let slow = tower::service_fn(|_: Request<Full<Bytes>>| async {
        tokio::time::sleep(Duration::from_secs(3)).await;
        Ok::<_, std::convert::Infallible>(answer(200, &[], TOKEN))
    });
    let token = source().with_client(slow).fetch().await.unwrap();
    assert_eq!(token.requested_at(), Some(begun.into_std()));
    assert_eq!(begun.elapsed(), Duration::from_secs(3));
}

#[tokio::test(start_paused = true)]
async fn an_attempt_lasts_as_long_as_it_is_told() {
    let hangs = tower::service_fn(|_: Request<Full<Bytes>>| {
        std::future::pending::<Result<_, std::convert::Infallible>>()
    });
    let hangs = tower::ServiceExt::map_response(hangs, |()| answer(200, &[], TOKEN));
    let begun = Instant::now();
    let source = source()
        .attempt_timeout(Duration::from_secs(2))
        .with_client(hangs);
    let error = source.fetch().await.unwrap_err();
    assert_eq!(begun.elapsed(), Duration::from_secs(2));
    assert_eq!(
        error.to_string(),
        "no token to be had from https://login.test/oauth/token: no answer within 2s"
    );
}

#[tokio::test]
async fn an_issuer_that_repeats_the_secret_is_not_repeated() {
    let pair = BASE64_STANDARD.encode("my+app:s3+cr%3Dt%2F");
    let secrets = [SECRET, "s3+cr%3Dt%2F", &pair, "0000"];
    let body =
        format!(r#"{{"error": "{pair}", "error_description": "{SECRET} s3+cr%3Dt%2F 0000"}}"#);
    for how in [ClientAuthentication::Basic, ClientAuthentication::Body] {
        for status in [400, 401, 403, 429, 500, 200] {
            let client = Canned::new([answer(status, &[], &body)]);
            let source = source()
                .client_authentication(how)
                .secret_parameter("pin", "0000")
                .with_client(client);
            let error = source.fetch().await.unwrap_err();
            assert_silent(&error, &secrets[..2]);
            assert_silent(&error, &secrets[3..]);
            if how == ClientAuthentication::Basic {
                assert_silent(&error, &secrets);
            }
            assert!(
                error.to_string().contains("https://login.test/oauth/token"),
                "{error}"
            );
        }
    }
}

#[test]
fn debug_shows_no_secret() {
    let source = source().secret_parameter("pin", "p1npin");
    let shown = format!("{source:?} {source:#?}");
    for secret in [SECRET, "s3+cr", "p1npin", "tenant=7"] {
        assert!(!shown.contains(secret), "{shown}");
    }
    assert!(shown.contains("my app") && shown.contains("login.test"));
}

#[test]
fn mistakes_show_at_the_start() {
    let new = |url, id, secret| ClientCredentials::new(url, id, secret, Audience::any());
    for (url, id, secret, says) in [
        ("http://login.test/t", "id", "s3cr3t", "use https"),
        (
            "login.test/t",
            "id",
            "s3cr3t",
            "the token URL cannot be used",
        ),
        (URL, "", "s3cr3t", "the client id is empty"),
        (URL, "id", "", "the client secret is empty"),
        (
            URL,
            "id",
            "s3cr3t\n",
            "the client secret carries a line break",
        ),
    ] {
        let error = new(url, id, secret).unwrap_err();
        assert!(error.to_string().contains(says), "{error}");
        assert!(!format!("{error:?}").contains("s3cr3t"));
    }
}

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
