//! What people get to read: mistakes at once, and never a secret.

use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;

use super::*;

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

#[test]
fn debug_shows_no_secret() {
    let source = source().secret_parameter("pin", "p1npin");
    let shown = format!("{source:?} {source:#?}");
    for secret in [SECRET, "s3+cr", "p1npin", "tenant=7"] {
        assert!(!shown.contains(secret), "{shown}");
    }
    assert!(shown.contains("my app") && shown.contains("login.test"));
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

/// An address that fails as reqwest has it: whole, in the spelling of the URL standard.
#[derive(Debug)]
struct NotSent(String);

impl std::fmt::Display for NotSent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "error sending request for url ({})", self.0)
    }
}

impl std::error::Error for NotSent {}

#[tokio::test]
async fn a_key_in_the_query_of_the_token_url_is_not_shown_by_a_client_that_repeats_it() {
    let source = |query| {
        let url = format!("https://login.test/oauth/token?{query}");
        ClientCredentials::new(&url, "id", SECRET, Audience::any()).unwrap()
    };
    for query in ["key=k3y-1", "key=k3y'1", "a=b&key=k3y\u{e9}1&c"] {
        for rewritten in [false, true] {
            let client = tower::service_fn(move |request: Request<Full<Bytes>>| {
                let uri = request.uri().to_string();
                let shown = match rewritten {
                    true => url::Url::parse(&uri).unwrap().to_string(),
                    false => uri,
                };
                std::future::ready(Err::<Response<Full<Bytes>>, _>(NotSent(shown)))
            });
            let error = source(query).with_client(client).fetch().await.unwrap_err();
            assert_silent(&error, &["k3y"]);
            assert!(error.to_string().contains("token?[redacted])"), "{error}");
        }
        let said = format!(
            r#"{{"error": "invalid_request", "message": "no such page: /oauth/token?{query}"}}"#
        );
        let client = Canned::new([answer(404, &[], &said)]);
        let error = source(query).with_client(client).fetch().await.unwrap_err();
        assert_silent(&error, &["k3y"]);
    }
}
