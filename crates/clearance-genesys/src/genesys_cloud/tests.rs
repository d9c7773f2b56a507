use std::{
    convert::Infallible,
    error::Error,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use clearance_core::TokenErrorKind;
use http::{Request, Response, header::AUTHORIZATION};
use http_body_util::{BodyExt, Full};
use tokio::time::Instant;
use tower::service_fn;

use super::*;

type Answer = Response<Full<Bytes>>;

fn answer(status: u16, body: &str) -> Answer {
    let response = Response::builder().status(status);
    response.body(Full::from(body.to_owned())).unwrap()
}

fn source() -> GenesysCloud {
    GenesysCloud::new(Region::EuWest1, "my:id", "s3cr=t").unwrap()
}

async fn refused(status: u16, body: &str) -> TokenError {
    let answer = answer(status, body);
    let client = service_fn(move |_: Request<Full<Bytes>>| {
        std::future::ready(Ok::<_, Infallible>(answer.clone()))
    });
    source().with_client(client).fetch().await.unwrap_err()
}

#[tokio::test(start_paused = true)]
async fn one_form_with_the_grant_only_and_basic() {
    let requests = Arc::new(Mutex::new(Vec::new()));
    let seen = requests.clone();
    let client = service_fn(move |request: Request<Full<Bytes>>| {
        seen.lock().unwrap().push(request);
        let body = r#"{"access_token": "t0k", "token_type": "bearer", "expires_in": 86400}"#;
        std::future::ready(Ok::<_, Infallible>(answer(200, body)))
    });
    let token = source().with_client(client).fetch().await.unwrap();
    assert_eq!(token.header(), "Bearer t0k");
    assert_eq!(token.lifetime(), Some(Duration::from_secs(86_400)));
    assert_eq!(token.requested_at(), Some(Instant::now().into_std()));

    let (head, body) = requests.lock().unwrap().remove(0).into_parts();
    assert_eq!(head.method, "POST");
    assert_eq!(head.uri, "https://login.mypurecloud.ie/oauth/token");
    // base64 of `my%3Aid:s3cr%3Dt`
    assert_eq!(
        head.headers[AUTHORIZATION],
        "Basic bXklM0FpZDpzM2NyJTNEdA=="
    );
    let body = body.collect().await.unwrap().to_bytes();
    assert_eq!(body, "grant_type=client_credentials");
}

#[tokio::test]
async fn what_the_token_endpoint_says() {
    const UNKNOWN: &str = r#"{"error": "invalid_client", "description": "client not found: my:id",
        "error_description": "client not found: my:id"}"#;
    const WRONG: &str = r#"{"error": "invalid_client", "description": "authentication failed"}"#;
    const SLOW: &str =
        r#"{"error": "invalid_request", "error_description": "rate limit exceeded; 10 per s"}"#;
    let throttled = TokenErrorKind::Throttled { retry_after: None };
    for (status, body, kind, says) in [
        (
            400,
            UNKNOWN,
            TokenErrorKind::Denied,
            "client not found: my:id",
        ),
        (401, WRONG, TokenErrorKind::Denied, "authentication failed"),
        (400, SLOW, throttled, "rate limit exceeded"),
        (503, "", TokenErrorKind::Unavailable, "503"),
    ] {
        let error = refused(status, body).await;
        assert_eq!(error.kind(), kind);
        let text = error.to_string();
        assert!(text.contains(says), "{text}");
        assert!(
            text.contains("https://login.mypurecloud.ie/oauth/token"),
            "{text}"
        );
    }
}

#[tokio::test]
async fn the_secret_is_shown_nowhere() {
    let body = r#"{"error": "s3cr=t", "description": "bXklM0FpZDpzM2NyJTNEdA== s3cr%3Dt"}"#;
    let error = refused(401, body).await;
    let source = source();
    let shown = format!("{error} {error:?} {:?} {source:?}", error.source());
    for secret in ["s3cr=t", "s3cr%3Dt", "bXklM0Fp"] {
        assert!(!shown.contains(secret), "{shown}");
    }
}

#[test]
fn login_and_api_addresses_are_independent() {
    let silent =
        service_fn(|_: Request<Full<Bytes>>| std::future::pending::<Result<Answer, Infallible>>());
    let source = source()
        .with_client(silent)
        .with_login_url("http://127.0.0.1:8080/")
        .unwrap();
    assert_eq!(source.endpoint.url(), "http://127.0.0.1:8080/oauth/token");
    assert_eq!(source.api_url(), "https://api.mypurecloud.ie");
    assert_eq!(
        source.audience(),
        Some(Audience::origin("https://api.mypurecloud.ie").unwrap())
    );

    let source = source.with_api_url("http://localhost:8081/base/").unwrap();
    assert_eq!(source.endpoint.url(), "http://127.0.0.1:8080/oauth/token");
    assert_eq!(source.api_url(), "http://localhost:8081/base");
    assert_eq!(
        source.audience(),
        Some(Audience::origin("http://localhost:8081").unwrap())
    );
}

#[test]
fn mistakes_show_at_the_start() {
    for (domain, id, secret, says) in [
        (
            "mypurecloud.ie",
            "",
            "s3cr3t",
            "the client id is empty; copy it from an OAuth client",
        ),
        (
            "mypurecloud.ie",
            "id",
            " ",
            "the client secret is empty; copy it from an OAuth client",
        ),
        (
            "mypurecloud.ie",
            "id",
            "s3cr3t\r\n",
            "the client secret carries a line break",
        ),
        ("", "id", "s3cr3t", "the domain cannot be used"),
        ("localhost", "id", "s3cr3t", "the domain cannot be used"),
        (".com", "id", "s3cr3t", "the domain cannot be used"),
        ("https://mypurecloud.ie", "id", "s3cr3t", "without https://"),
        ("api.mypurecloud.ie", "id", "s3cr3t", "without `api.`"),
        ("me@evil.test", "id", "s3cr3t", "the domain cannot be used"),
        (
            "mypurecloud.ie/path",
            "id",
            "s3cr3t",
            "the domain cannot be used",
        ),
    ] {
        let error = GenesysCloud::for_domain(domain, id, secret).unwrap_err();
        assert!(error.to_string().contains(says), "{error}");
        assert!(!format!("{error:?}").contains("s3cr3t"));
    }
    for url in [
        "http://gateway.test",
        "gateway.test",
        "https://gateway.test/?a=b",
        "https://u@gateway.test",
    ] {
        assert!(source().with_login_url(url).is_err(), "{url}");
        assert!(source().with_api_url(url).is_err(), "{url}");
    }
}

#[test]
fn a_domain_is_a_host_name_without_the_prefix_of_a_host() {
    for domain in [
        "mypurecloud..com",
        "mypurecloud.com.",
        "API.mypurecloud.ie",
        "Login.mypurecloud.ie",
        "apps.mypurecloud.com",
        "-.-",
        "mypurecloud-.com",
        "mypurecloud.-com",
        "10.0.0.1",
        "mypurecloud.1",
        "mypurecloud.com:443",
        " mypurecloud.com",
        "b\u{fc}cher.example",
    ] {
        let error = GenesysCloud::for_domain(domain, "id", "s3cr3t")
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("such as mypurecloud.com"),
            "{domain}: {error}"
        );
    }
    for domain in [
        "MyPureCloud.IE",
        "usw2.pure.cloud",
        "3x.xn--bcher-kva.example",
    ] {
        let genesys = GenesysCloud::for_domain(domain, "id", "s3cr3t").unwrap();
        let domain = domain.to_lowercase();
        assert_eq!(genesys.api_url(), format!("https://api.{domain}"));
        assert_eq!(
            genesys.endpoint.url().to_string(),
            format!("https://login.{domain}/oauth/token")
        );
    }
}

#[tokio::test]
async fn a_token_stays_opaque_even_if_it_looks_like_a_jwt() {
    let body = r#"{"access_token": "e30.eyJleHAiOjE3NjcyMjU2MDB9.c2ln", "token_type": "bearer", "expires_in": 86400}"#;
    let client = service_fn(move |_: Request<Full<Bytes>>| {
        std::future::ready(Ok::<_, Infallible>(answer(200, body)))
    });
    let token = source().with_client(client).fetch().await.unwrap();
    assert_eq!((token.issued_at(), token.expires_at()), (None, None));
    assert_eq!(token.lifetime(), Some(Duration::from_secs(86_400)));
}
