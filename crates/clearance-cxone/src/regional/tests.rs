use std::time::SystemTime;

use clearance_core::TokenErrorKind;

use super::*;
use crate::testing::{Routes, id_token, shown};

const PATH: &str = "/authentication/v1/token/access-key";

fn source() -> CxoneRegional {
    let key = AccessKey::new("KEYID====", "s3cr=t\"");
    CxoneRegional::new("na1", key, "https://api-na1.niceincontact.com/").unwrap()
}

fn answers(more: &str) -> Routes {
    let routes = Routes::default();
    let body =
        format!(r#"{{"access_token": "t0k", "token_type": "bearer", "expires_in": 3600 {more}}}"#);
    routes.set(PATH, 200, &body);
    routes
}

#[tokio::test]
async fn the_key_goes_as_json() {
    let routes = answers("");
    let token = source().with_client(routes.clone()).fetch().await.unwrap();
    assert_eq!(token.header(), "Bearer t0k");
    assert_eq!(token.lifetime(), Some(Duration::from_secs(3600)));
    let (head, body) = routes.last(PATH).await;
    assert_eq!(
        head.uri,
        "https://na1.nice-incontact.com/authentication/v1/token/access-key"
    );
    assert_eq!(head.headers["content-type"], "application/json");
    assert!(!head.headers.contains_key("authorization"));
    assert_eq!(
        body,
        r#"{"accessKeyId":"KEYID====","accessKeySecret":"s3cr=t\""}"#
    );
}

#[tokio::test]
async fn an_address_in_the_answer_counts_if_it_is_believed() {
    const GIVEN: &str = "https://api-na1.niceincontact.com";
    for (named, endpoint, audience) in [
        (
            "https://api-c7.nice-incontact.com/base/",
            "https://api-c7.nice-incontact.com/base",
            "https://api-na1.niceincontact.com, https://api-c7.nice-incontact.com",
        ),
        ("https://evil.test/", GIVEN, GIVEN),
        ("http://api-c7.nice-incontact.com/", GIVEN, GIVEN),
        ("https://api-c7.nice-incontact.com/?a=b", GIVEN, GIVEN),
        ("", GIVEN, GIVEN),
    ] {
        let more = format!(r#", "resource_server_base_uri": "{named}""#);
        let source = source().with_client(answers(&more));
        assert_eq!(source.api_endpoint(), GIVEN);
        source.fetch().await.unwrap();
        assert_eq!(source.api_endpoint(), endpoint);
        assert_eq!(source.audience().unwrap().to_string(), audience);
    }
    let more = r#", "resource_server_base_uri": "https://gateway.test""#;
    let source = source()
        .trust_endpoint_host("gateway.test")
        .unwrap()
        .with_client(answers(more));
    source.fetch().await.unwrap();
    assert_eq!(source.api_endpoint(), "https://gateway.test");
}

/// With the prefix on one side only, a path was good before the first token and a 404 after it.
#[tokio::test]
async fn the_prefix_of_the_api_is_no_part_of_its_address() {
    for (given, named) in [
        (
            "https://api-na1.niceincontact.com",
            "https://api-na1.niceincontact.com/inContactAPI/",
        ),
        (
            "https://api-na1.niceincontact.com/",
            "https://api-na1.niceincontact.com/incontactapi",
        ),
        (
            "https://api-na1.niceincontact.com/InContactAPI//",
            "https://api-na1.niceincontact.com/",
        ),
    ] {
        let key = AccessKey::new("KEYID====", "s3cr3t");
        let source = CxoneRegional::new("na1", key, given).unwrap();
        let more = format!(r#", "resource_server_base_uri": "{named}""#);
        let source = source.with_client(answers(&more));
        let before = source.api_endpoint();
        source.fetch().await.unwrap();
        assert_eq!(before, "https://api-na1.niceincontact.com", "{given}");
        assert_eq!(source.api_endpoint(), before, "{named}");
    }
    for kept in [
        "https://a.test/base",
        "https://a.test/notinContactAPI",
        "https://a.test/inContactAPI/v2",
    ] {
        let source = CxoneRegional::new("na1", AccessKey::new("id", "s"), kept).unwrap();
        assert_eq!(source.api_endpoint(), kept);
    }
}

#[tokio::test]
async fn another_token_url_takes_the_place_of_the_regional_host() {
    let routes = answers(r#", "resource_server_base_uri": "http://127.0.0.1:9999""#);
    let source = source()
        .with_token_url("http://127.0.0.1:8080/authentication/v1/token/access-key")
        .unwrap();
    let source = source.with_client(routes.clone());
    source.fetch().await.unwrap();
    assert_eq!(source.api_endpoint(), "http://127.0.0.1:9999");
    assert_eq!(
        routes.log(),
        ["POST http://127.0.0.1:8080/authentication/v1/token/access-key"]
    );
}

#[tokio::test]
async fn the_times_of_the_id_token_are_its_own() {
    let jwt = id_token(r#"{"iat": 1767225600, "exp": 1767229200, "nbf": 1767225600}"#);
    let token = source()
        .with_client(answers(&format!(r#", "id_token": "{jwt}""#)))
        .fetch()
        .await
        .unwrap();
    assert_eq!(
        token
            .issued_at()
            .or(token.expires_at())
            .or(token.not_before()),
        None::<SystemTime>
    );
    assert_eq!(token.observations().len(), 1);
}

#[tokio::test]
async fn a_refused_key_is_denied_and_not_shown() {
    let routes = Routes::default();
    routes.set(
        PATH,
        401,
        r#"{"error": "invalid_grant", "errorDescription": "no: s3cr=t\" s3cr%3Dt%22"}"#,
    );
    let source = source().with_client(routes);
    let error = source.fetch().await.unwrap_err();
    assert_eq!(error.kind(), TokenErrorKind::Denied);
    let shown = shown(&error) + &format!("{source:?}");
    assert!(
        !shown.contains("s3cr") && shown.contains("KEYID===="),
        "{shown}"
    );
}

#[test]
fn mistakes_show_at_the_start() {
    let new = |area, id, secret, url| CxoneRegional::new(area, AccessKey::new(id, secret), url);
    for (area, id, secret, url, says) in [
        ("", "id", "s", "https://a.test", "the area cannot be used"),
        (
            "na1.evil.test/",
            "id",
            "s",
            "https://a.test",
            "the area cannot be used",
        ),
        (
            "na1",
            "",
            "s",
            "https://a.test",
            "the access key id is empty",
        ),
        (
            "na1",
            "id",
            "",
            "https://a.test",
            "the access key secret is empty",
        ),
        (
            "na1",
            "id",
            "s",
            "http://a.test",
            "the API URL cannot be used",
        ),
        (
            "na1",
            "id",
            "s",
            "https://a.test/?b",
            "must not have a query",
        ),
    ] {
        let error = new(area, id, secret, url).unwrap_err();
        assert!(error.to_string().contains(says), "{error}");
    }
    assert!(source().with_token_url("http://a.test/").is_err());
    assert!(source().trust_endpoint_host("a/b").is_err());
}
