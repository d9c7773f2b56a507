//! The claims of a JWT access token, whatever they are. The input is the payload before it is encoded; by itself it is
//! tried as a whole token, too.

use std::{
    convert::Infallible,
    time::{Duration, SystemTime},
};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use bytes::Bytes;
use clearance_core::{Audience, Token, TokenSource};
use clearance_oauth::{ClientCredentials, Document};
use http::{Request, Response};
use http_body_util::Full;
use serde_json::{Map, Value, json};
use tokio::runtime::Runtime;
use tower::service_fn;

/// Ten years.
const LONGEST_LIFE: Duration = Duration::from_secs(3652 * 86_400 + 43_200);

/// More seconds since 1970 are milliseconds, or nonsense.
const LATEST: u64 = 100_000_000_000;

const FIVE_MINUTES: Duration = Duration::from_secs(300);

thread_local! {
    /// Made once: it costs more than most answers.
    static RUNTIME: Runtime = {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        runtime.enable_time().build().expect("a runtime")
    };
}

pub(crate) fn check(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data) {
        let read = Document::from_unverified_jwt(text).is_some();
        assert!(!read || text.matches('.').count() == 2, "{text}");
    }

    let payload = BASE64_URL_SAFE_NO_PAD.encode(data);
    let jwt = format!("e30.{payload}.c2ln");
    let claims = claims(data).filter(|_| payload.len() <= 32 * 1024);
    let document = Document::from_unverified_jwt(&jwt);
    assert_eq!(document.is_some(), claims.is_some(), "read or not");
    let (told, untold) = RUNTIME.with(|runtime| {
        runtime.block_on(async { (fetch(&jwt, Some(3600)).await, fetch(&jwt, None).await) })
    });
    // The answer's word on the life of its token is worth more than the token's own.
    assert_eq!(told.lifetime(), Some(Duration::from_secs(3600)));
    for token in [&told, &untold] {
        let (not_before, issued_at) = (token.not_before(), token.issued_at());
        let expires_at = token.expires_at();
        assert!(
            not_before
                .zip(expires_at)
                .is_none_or(|(begin, end)| begin < end)
        );
        assert!(
            issued_at
                .zip(expires_at)
                .is_none_or(|(begin, end)| begin < end)
        );
        for time in [not_before, issued_at, expires_at].into_iter().flatten() {
            assert!(
                time > SystemTime::UNIX_EPOCH && time < second(LATEST),
                "{time:?}"
            );
        }
        assert!(token.observations().len() <= 1);
    }
    let lived = untold.issued_at().zip(untold.expires_at());
    let lived = lived.and_then(|(begin, end)| end.duration_since(begin).ok());
    let expected = match untold.expires_at() {
        Some(_) => lived.filter(|life| *life <= LONGEST_LIFE),
        None => Some(FIVE_MINUTES),
    };
    assert_eq!(untold.lifetime(), expected);

    let Some((claims, document)) = claims.zip(document) else {
        let times = (untold.not_before(), untold.issued_at(), untold.expires_at());
        assert_eq!(times, (None, None, None), "of no claims");
        return;
    };
    for name in ["nbf", "iat", "exp", "other"] {
        let whole = claims.get(name).and_then(Value::as_u64);
        let time = document.time(name);
        match whole {
            // Up to there a float holds every second.
            Some(seconds) if seconds < LATEST => assert_eq!(time, Some(second(seconds))),
            Some(_) => assert_eq!(time, None),
            None => assert!(time.is_none_or(|time| time < second(LATEST))),
        }
        let text = claims.get(name).and_then(Value::as_str).unwrap_or_default();
        assert_eq!(document.text(name).unwrap_or_default(), text);
    }
    let iat = claims.get("iat").and_then(Value::as_u64);
    let iat = iat.filter(|seconds| (1..LATEST).contains(seconds));
    assert!(iat.is_none_or(|seconds| untold.issued_at() == Some(second(seconds))));
}

fn claims(data: &[u8]) -> Option<Map<String, Value>> {
    let data = data.strip_prefix(b"\xef\xbb\xbf").unwrap_or(data);
    serde_json::from_slice(data).ok()
}

fn second(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

/// The token in an answer that carries `jwt`, and perhaps a lifetime.
async fn fetch(jwt: &str, expires_in: Option<u64>) -> Token {
    let mut answer = json!({"access_token": jwt, "token_type": "bearer"});
    if let Some(seconds) = expires_in {
        answer["expires_in"] = seconds.into();
    }
    let client = service_fn(move |_: Request<Full<Bytes>>| {
        let answer = answer.to_string();
        async move { Ok::<_, Infallible>(Response::new(Full::<Bytes>::from(answer))) }
    });
    let source = ClientCredentials::new("https://login.test/", "id", "secret", Audience::any());
    let source = source
        .expect("a good configuration")
        .with_client(client)
        .read_jwt_times();
    source.fetch().await.expect("a token, whatever its claims")
}
