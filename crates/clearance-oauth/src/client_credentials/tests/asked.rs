//! What the issuer is sent, and how long it has for its answer.

use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use http::{
    Request,
    header::{AUTHORIZATION, CONTENT_TYPE},
};
use http_body_util::{BodyExt, Full};
use tokio::time::Instant;

use super::*;

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

/// RFC 6749 §3.2: no parameter may be there twice.
#[tokio::test]
async fn scopes_of_several_calls_are_one_parameter() {
    let client = Canned::new([answer(200, &[], TOKEN)]);
    let source = source()
        .scope("a:read b")
        .parameter("resource", "https://api.test")
        .scope("")
        .scope("c")
        .with_client(client.clone());
    source.fetch().await.unwrap();
    assert_eq!(
        sent(&client).await.1,
        "grant_type=client_credentials&scope=a%3Aread+b+c&resource=https%3A%2F%2Fapi.test"
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
