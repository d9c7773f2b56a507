use base64::{Engine, prelude::BASE64_STANDARD};
use clearance_core::clock::{ClockAnchor, ServerClock};
use clearance_oauth::ClientAuthentication;
use std::time::SystemTime;

use super::*;
use crate::testing::{Routes, id_token, shown};

const ISSUER: &str = "https://cxone.niceincontact.com";
const OPENID: &str = "/.well-known/openid-configuration";
const TENANT: &str = "/.well-known/cxone-configuration";
const TOKEN: &str = "/auth/token";
const API: &str = "https://api-na1.niceincontact.com";
/// Spelt differently in each form in which it is sent.
const KEY_SECRET: &str = "k3y s/c=";
const APP_SECRET: &str = "4pp s/c=";

fn registration() -> ClientRegistration {
    ClientRegistration::new("app:id", APP_SECRET)
}

fn source() -> Cxone {
    let key = AccessKey::new("KEYID====", KEY_SECRET);
    Cxone::new(Environment::Global, registration(), key).unwrap()
}

fn openid(issuer: &str, endpoint: &str) -> String {
    format!(
        r#"{{"issuer": "{issuer}", "token_endpoint": "{endpoint}", "jwks_uri": "https://x.test"}}"#
    )
}

fn token(text: &str, tenant: &str) -> String {
    let jwt = id_token(&format!(
        r#"{{"tenantId": "{tenant}", "iat": 1767225600, "exp": 1767229200}}"#
    ));
    format!(
        r#"{{"access_token": "{text}", "token_type": "Bearer", "expires_in": 3600, "refresh_token": "r3fr",
            "id_token": "{jwt}"}}"#
    )
}

fn platform() -> Routes {
    let routes = Routes::default();
    routes.set(
        OPENID,
        200,
        &openid(ISSUER, "https://cxone.niceincontact.com/auth/token"),
    );
    routes.set(TOKEN, 200, &token("t0k-1", "t-1"));
    routes.set(
        TENANT,
        200,
        &format!(r#"{{"api_endpoint": "{API}/", "area": "na1"}}"#),
    );
    routes
}

#[tokio::test]
async fn four_steps_and_then_one() {
    let routes = platform();
    let cxone = source().with_client(routes.clone());
    assert_eq!((cxone.audience(), cxone.api_endpoint()), (None, None));

    let token = cxone.fetch().await.unwrap();
    assert_eq!(token.header(), "Bearer t0k-1");
    assert_eq!(cxone.api_endpoint().as_deref(), Some(API));
    assert_eq!(cxone.audience(), Some(Audience::origin(API).unwrap()));

    let (head, body) = routes.last(TOKEN).await;
    let pair = BASE64_STANDARD.encode("app%3Aid:4pp+s%2Fc%3D");
    assert_eq!(head.headers["authorization"], format!("Basic {pair}"));
    assert_eq!(
        body,
        "grant_type=password&username=KEYID%3D%3D%3D%3D&password=k3y+s%2Fc%3D"
    );
    assert_eq!(
        routes.log(),
        [
            "GET https://cxone.niceincontact.com/.well-known/openid-configuration",
            "POST https://cxone.niceincontact.com/auth/token",
            "GET https://cxone.niceincontact.com/.well-known/cxone-configuration?tenantId=t-1",
        ]
    );

    cxone.fetch().await.unwrap();
    assert_eq!(
        routes.log(),
        ["POST https://cxone.niceincontact.com/auth/token"]
    );
}

#[tokio::test]
async fn the_registration_may_go_in_the_body() {
    let routes = platform();
    let registration = registration().client_authentication(ClientAuthentication::Body);
    let key = AccessKey::new("KEYID", "s3cr3t");
    let cxone = Cxone::new(Environment::Global, registration, key).unwrap();
    cxone.with_client(routes.clone()).fetch().await.unwrap();
    let (head, body) = routes.last(TOKEN).await;
    assert!(!head.headers.contains_key("authorization"));
    assert!(
        body.ends_with("&client_id=app%3Aid&client_secret=4pp+s%2Fc%3D"),
        "{body}"
    );
}

#[tokio::test(start_paused = true)]
async fn what_discovery_takes_is_not_wasted() {
    let routes = platform();
    let cxone = source().with_client(routes.clone());
    assert_eq!(cxone.discover().await.unwrap(), API);
    assert_eq!(cxone.discover().await.unwrap(), API);
    assert_eq!(routes.log().len(), 3);

    routes.set(TOKEN, 200, &token("t0k-2", "t-1"));
    assert_eq!(cxone.fetch().await.unwrap().header(), "Bearer t0k-1");
    assert_eq!(routes.log(), [""; 0]);
    assert_eq!(cxone.fetch().await.unwrap().header(), "Bearer t0k-2");

    // A spare that lay around for half its life is not handed out.
    let cxone = source().with_client(routes.clone());
    cxone.discover().await.unwrap();
    tokio::time::advance(Duration::from_secs(1800)).await;
    routes.set(TOKEN, 200, &token("t0k-3", "t-1"));
    assert_eq!(cxone.fetch().await.unwrap().header(), "Bearer t0k-3");
}

#[tokio::test]
async fn the_times_of_the_id_token_are_its_own_but_tell_the_issuers_clock() {
    let cxone = source().with_client(platform());
    let token = cxone.fetch().await.unwrap();
    assert_eq!(
        token
            .issued_at()
            .or(token.expires_at())
            .or(token.not_before()),
        None
    );
    assert_eq!(token.lifetime(), Some(Duration::from_secs(3600)));
    let issued_at = SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_225_600);
    let mut clock = ServerClock::new(ClockAnchor::new(token.requested_at().unwrap(), issued_at));
    assert_eq!(token.observations().len(), 1);
    clock.observe(&token.observations()[0]);
    assert!(clock.skew().unwrap().covers(Duration::ZERO));
}

#[tokio::test]
async fn a_tenant_id_is_percent_encoded_and_a_new_one_is_configured_anew() {
    let routes = platform();
    let cxone = source().with_client(routes.clone());
    cxone.fetch().await.unwrap();
    routes.log();
    routes.set(TOKEN, 200, &token("t0k-2", "a/b?c=d&e é~"));
    routes.set(
        TENANT,
        200,
        r#"{"api_endpoint": "https://api-eu1.niceincontact.com"}"#,
    );
    cxone.fetch().await.unwrap();
    assert_eq!(
        routes.log()[1],
        "GET https://cxone.niceincontact.com/.well-known/cxone-configuration?tenantId=a%2Fb%3Fc%3Dd%26e%20%C3%A9~"
    );
    assert_eq!(
        cxone.api_endpoint().as_deref(),
        Some("https://api-eu1.niceincontact.com")
    );

    // A later answer without an id_token: still the same tenant, as far as anyone knows.
    routes.set(
        TOKEN,
        200,
        r#"{"access_token": "t", "token_type": "bearer", "expires_in": 60}"#,
    );
    assert!(cxone.fetch().await.is_ok());
}

#[tokio::test]
async fn an_endpoint_that_moved_is_found_again() {
    for status in [301, 404, 405, 403, 410] {
        let routes = platform();
        let cxone = source().with_client(routes.clone());
        cxone.fetch().await.unwrap();
        routes.log();
        routes.set(TOKEN, status, "");
        routes.set("/new", 200, &token("t0k-2", "t-1"));
        routes.set(
            OPENID,
            200,
            &openid(ISSUER, "https://cxone.niceincontact.com/new"),
        );
        assert_eq!(
            cxone.fetch().await.unwrap().header(),
            "Bearer t0k-2",
            "{status}"
        );
        assert_eq!(routes.log().len(), 3);
        cxone.fetch().await.unwrap();
        assert_eq!(routes.log(), ["POST https://cxone.niceincontact.com/new"]);
    }
    // What discovery has no part in does not redo it.
    for status in [400, 401, 429, 500, 503] {
        let routes = platform();
        let cxone = source().with_client(routes.clone());
        cxone.fetch().await.unwrap();
        routes.log();
        routes.set(TOKEN, status, r#"{"error": "invalid_client"}"#);
        cxone.fetch().await.unwrap_err();
        assert_eq!(routes.log().len(), 1, "{status}");
    }
    // If it is where it was, that is found out once, and again by the next fetch.
    let routes = platform();
    let cxone = source().with_client(routes.clone());
    routes.set(TOKEN, 404, "");
    for _ in 0..2 {
        cxone.fetch().await.unwrap_err();
        assert_eq!(routes.log().len(), 2);
    }
}

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

#[tokio::test]
async fn without_a_tenant_the_api_cannot_be_found() {
    for id_token in [
        String::new(),
        "no-jwt".to_owned(),
        id_token(r#"{"sub": "1"}"#),
    ] {
        let routes = platform();
        let body = format!(
            r#"{{"access_token": "t0k", "token_type": "bearer", "expires_in": 60, "id_token": "{id_token}"}}"#
        );
        routes.set(TOKEN, 200, &body);
        let error = source().with_client(routes).fetch().await.unwrap_err();
        assert!(error.to_string().contains("`tenantId`"), "{error}");
        assert!(error.to_string().contains("/auth/token"), "{error}");
    }
}

#[tokio::test]
async fn no_secret_is_shown() {
    let pair = BASE64_STANDARD.encode("app%3Aid:4pp+s%2Fc%3D");
    let secrets = [
        KEY_SECRET, "k3y+s", APP_SECRET, "4pp+s", &pair, "t0k-1", "r3fr",
    ];
    for status in [200, 400, 401, 403, 404, 429, 500] {
        let routes = platform();
        let body = format!(
            r#"{{"error": "{pair}", "errorDescription": "{KEY_SECRET} k3y+s%2Fc%3D {APP_SECRET} 4pp+s%2Fc%3D"}}"#
        );
        routes.set(TOKEN, status, &body);
        let error = source().with_client(routes).fetch().await.unwrap_err();
        let shown = shown(&error);
        assert!(
            secrets.iter().all(|secret| !shown.contains(secret)),
            "{shown}"
        );
    }
    let cxone = source().with_client(platform());
    cxone.discover().await.unwrap();
    let shown = format!("{cxone:?} {:#?}", source());
    assert!(
        secrets.iter().all(|secret| !shown.contains(secret)),
        "{shown}"
    );
}

#[test]
fn mistakes_show_at_the_start() {
    let new = |issuer, app: (&str, &str), key: (&str, &str)| {
        Cxone::for_issuer(
            issuer,
            ClientRegistration::new(app.0, app.1),
            AccessKey::new(key.0, key.1),
        )
    };
    let good = ("id", "s3cr3t");
    for (issuer, app, key, says) in [
        (
            ISSUER,
            ("", "s3cr3t"),
            good,
            "the client id is empty; copy it from the registration",
        ),
        (ISSUER, ("id", ""), good, "the client secret is empty"),
        (
            ISSUER,
            good,
            ("", "s3cr3t"),
            "the access key id is empty; copy it from the access keys",
        ),
        (
            ISSUER,
            good,
            ("id", "s3cr3t\n"),
            "the access key secret carries a line break",
        ),
        (
            "http://cxone.niceincontact.com",
            good,
            good,
            "the issuer cannot be used",
        ),
        (
            "https://cxone.niceincontact.com/?a",
            good,
            good,
            "must not have a query",
        ),
    ] {
        let error = new(issuer, app, key).unwrap_err();
        assert!(error.to_string().contains(says), "{error}");
    }
    for &environment in Environment::ALL {
        assert!(new(environment.issuer(), good, good).is_ok());
    }
}
