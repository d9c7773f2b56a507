//! Which addresses that are found out get credentials, or a token's audience.

use super::*;

#[tokio::test]
async fn discovery_is_not_believed_blindly() {
    for (path, body, says) in [
        (
            OPENID,
            openid(
                "https://evil.test",
                "https://cxone.niceincontact.com/auth/token",
            ),
            "and not the configured one",
        ),
        (
            OPENID,
            openid("", "https://cxone.niceincontact.com/auth/token"),
            "and not the configured one",
        ),
        (
            OPENID,
            openid(ISSUER, "https://evil.test/auth/token"),
            "trust_endpoint_host(\"evil.test\")",
        ),
        (
            OPENID,
            openid(ISSUER, "http://cxone.niceincontact.com/auth/token"),
            "plain http",
        ),
        (
            OPENID,
            openid(ISSUER, "https://127.0.0.1/auth/token"),
            "loopback",
        ),
        (OPENID, openid(ISSUER, ""), "no `token_endpoint`"),
        (OPENID, "<html>".to_owned(), "not a JSON object"),
        (
            TENANT,
            r#"{"api_endpoint": "https://evil.test"}"#.to_owned(),
            "trust_endpoint_host(\"evil.test\")",
        ),
        (
            TENANT,
            r#"{"api_endpoint": "https://api.niceincontact.com/?a"}"#.to_owned(),
            "query",
        ),
        (TENANT, "{}".to_owned(), "no `api_endpoint`"),
    ] {
        let routes = platform();
        routes.set(path, 200, &body);
        let cxone = source().with_client(routes.clone());
        let error = cxone.fetch().await.unwrap_err();
        assert_eq!(error.kind(), TokenErrorKind::Malformed);
        assert!(error.to_string().contains(says), "{error}");
        assert!(
            error
                .to_string()
                .contains(&format!("from {ISSUER}{path}: ")),
            "{error}"
        );
        let posts = routes
            .log()
            .iter()
            .filter(|line| line.starts_with("POST"))
            .count();
        assert_eq!(
            posts,
            usize::from(path == TENANT),
            "credentials are sent only where they belong"
        );
        assert_eq!(cxone.audience(), None);
    }
    for path in [OPENID, TENANT] {
        let routes = platform();
        routes.set(path, 302, "");
        let error = source()
            .with_client(routes)
            .fetch()
            .await
            .unwrap_err()
            .to_string();
        assert!(error.contains("redirected to https://evil.test"), "{error}");
    }
}

#[tokio::test]
async fn the_caller_may_vouch_for_a_host() {
    let routes = platform();
    routes.set(
        TENANT,
        200,
        r#"{"api_endpoint": "https://gateway.test/cxone/"}"#,
    );
    let cxone = source()
        .trust_endpoint_host("gateway.test")
        .unwrap()
        .with_client(routes);
    assert_eq!(
        cxone.discover().await.unwrap(),
        "https://gateway.test/cxone"
    );
    assert_eq!(
        cxone.audience().unwrap().to_string(),
        "https://gateway.test"
    );
}

#[tokio::test]
async fn a_stand_in_on_loopback() {
    let routes = platform();
    routes.set(
        OPENID,
        200,
        &openid("http://127.0.0.1:8080", "http://127.0.0.1:8081/auth/token"),
    );
    routes.set(TENANT, 200, r#"{"api_endpoint": "http://localhost:8082"}"#);
    let key = AccessKey::new("id", "s3cr3t");
    let cxone = Cxone::for_issuer("http://127.0.0.1:8080/", registration(), key).unwrap();
    assert_eq!(
        cxone.with_client(routes).discover().await.unwrap(),
        "http://localhost:8082"
    );
}
