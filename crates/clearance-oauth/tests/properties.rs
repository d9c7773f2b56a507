//! What holds of all answers of an issuer, and of all requests to one: against the rules of the crate's documentation,
//! restated here.

#![allow(clippy::unwrap_used, reason = "test code")]

use std::{
    convert::Infallible,
    error::Error,
    time::{Duration, SystemTime},
};

use base64::{
    Engine,
    prelude::{BASE64_STANDARD, BASE64_URL_SAFE, BASE64_URL_SAFE_NO_PAD},
};
use bytes::Bytes;
use clearance_core::{Audience, Secret, Token, TokenError, TokenErrorKind, TokenSource};
use clearance_oauth::{
    ClientAuthentication, ClientCredentials, Document, TokenEndpoint, TokenRequest, check,
};
use http::{Request, Response, header::AUTHORIZATION};
use http_body_util::{BodyExt, Full};
use proptest::{collection::vec, option, prelude::*, sample::select};
use serde_json::{Map, Value, json};
use tower::service_fn;
use url::{Host, Url};

#[path = "../fuzz/targets/jwt_payload.rs"]
mod jwt_payload;
#[path = "../fuzz/targets/token_answer.rs"]
mod token_answer;

/// Ten years, in seconds.
const LONGEST: u64 = 3652 * 86_400 + 43_200;

fn run<T>(future: impl Future<Output = T>) -> T {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_time().build().unwrap().block_on(future)
}

/// What a source makes of an answer with status 200 and this body.
fn granted(body: &str, reads_jwt_times: bool) -> Result<Token, TokenError> {
    let answer = body.to_owned();
    let client = service_fn(move |_: Request<Full<Bytes>>| {
        let response = Response::new(Full::<Bytes>::from(answer.clone()));
        async move { Ok::<_, Infallible>(response) }
    });
    let source = ClientCredentials::new("https://login.test/", "id", "secret", Audience::any());
    let source = source.unwrap().with_client(client);
    let source = if reads_jwt_times {
        source.read_jwt_times()
    } else {
        source
    };
    run(source.fetch())
}

fn with_lifetime(expires_in: &str) -> Result<Token, TokenError> {
    granted(
        &format!(
            r#"{{"access_token": "t0k", "token_type": "Bearer", "expires_in": {expires_in}}}"#
        ),
        false,
    )
}

/// A whole number in one of the spellings that issuers have been seen to use.
fn spelled(number: u64, how: usize) -> String {
    match how % 5 {
        0 => number.to_string(),
        1 => format!("\"{number}\""),
        2 => format!("\" {number}\\t\""),
        3 => format!("{number}.0"),
        _ => format!("{number}e0"),
    }
}

fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

fn leaf() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        (1_600_000_000..1_900_000_000_u64).prop_map(Value::from),
        (0..100_000_u64).prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[ -~]{0,12}".prop_map(Value::from),
        "\\PC{0,6}".prop_map(Value::from),
        select(vec![
            "Bearer", "bearer", "BEARER", "mac", "0", "-0", "60", "6e1", "NaN"
        ])
        .prop_map(Value::from),
        Just(json!([1])),
        Just(json!({"a": 1})),
    ]
}

fn object(names: Vec<&'static str>) -> impl Strategy<Value = Map<String, Value>> {
    vec((select(names), leaf()), 0..7).prop_map(|fields| {
        fields
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect()
    })
}

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
    fn a_lifetime_is_read_in_every_spelling(seconds in 1..=LONGEST, how in 0..5_usize) {
        let token = with_lifetime(&spelled(seconds, how)).unwrap();
        prop_assert_eq!(token.lifetime(), Some(Duration::from_secs(seconds)));
    }

    #[test]
    fn a_part_of_a_second_is_not_rounded_away(seconds in 0.001..1e8_f64) {
        let lifetime = with_lifetime(&format!("{seconds}")).unwrap().lifetime().unwrap();
        prop_assert!((lifetime.as_secs_f64() - seconds).abs() < 1e-6, "{lifetime:?} of {seconds}");
    }

    #[test]
    fn what_is_no_lifetime_is_malformed(
        seconds in prop_oneof![LONGEST + 1..2 * LONGEST, LONGEST + 1..u64::MAX],
        negative in 1..u64::MAX,
        how in 0..4_usize,
    ) {
        for text in [spelled(seconds, how), format!("-{negative}"), format!("\"-{negative}\""), format!("-{negative}.5")] {
            let error = with_lifetime(&text).unwrap_err();
            prop_assert_eq!(error.kind(), TokenErrorKind::Malformed, "{}", text);
        }
    }

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

    #[test]
    fn claims_of_any_kind_keep_their_promises(
        mut claims in object(vec!["nbf", "iat", "exp", "other"]),
        times in vec((select(vec!["nbf", "iat", "exp"]), 1_767_225_590..1_767_225_610_u64), 0..4),
    ) {
        claims.extend(times.into_iter().map(|(name, time)| (name.to_owned(), time.into())));
        jwt_payload::check(Value::Object(claims).to_string().as_bytes());
    }

    #[test]
    fn the_times_of_a_jwt_are_read_in_every_spelling(
        iat in 1..50_000_000_000_u64,
        early in 0..1000_u64,
        life in 1..=LONGEST,
        how in 0..125_usize,
        is_padded in any::<bool>(),
    ) {
        let (nbf, exp) = (iat.saturating_sub(early).max(1), iat + life);
        let claims = format!(
            r#"{{"nbf": {}, "iat": {}, "exp": {}}}"#,
            spelled(nbf, how), spelled(iat, how / 5), spelled(exp, how / 25)
        );
        let payload = if is_padded { BASE64_URL_SAFE.encode(claims) } else { BASE64_URL_SAFE_NO_PAD.encode(claims) };
        let body = format!(r#"{{"access_token": "e30.{payload}.c2ln", "token_type": "bearer"}}"#);
        let token = granted(&body, true).unwrap();
        let times = (token.not_before(), token.issued_at(), token.expires_at());
        prop_assert_eq!(times, (Some(at(nbf)), Some(at(iat)), Some(at(exp))));
        prop_assert_eq!(token.lifetime(), Some(Duration::from_secs(life)));
        // Nobody looks into a token without being asked to.
        let opaque = granted(&body, false).unwrap();
        prop_assert_eq!((opaque.not_before(), opaque.issued_at(), opaque.expires_at()), (None, None, None));
    }

    #[test]
    fn texts_that_are_no_jwt_tell_no_times(
        parts in vec(select(vec!["e30", "eyJpYXQiOjUsImV4cCI6OX0", "W10", "x"]), 1..6),
        between in select(vec![".", "-", "_", "..", ".-"]),
    ) {
        let text = parts.join(between);
        // Three parts and an object in the middle, or it is none.
        let is_one = between == "." && parts.len() == 3 && parts[1].starts_with('e');
        prop_assert_eq!(Document::from_unverified_jwt(&text).is_some(), is_one, "{}", text);
        let body = json!({"access_token": text, "token_type": "bearer", "expires_in": 60}).to_string();
        let token = granted(&body, true).unwrap();
        prop_assert_eq!(token.lifetime(), Some(Duration::from_secs(60)));
        prop_assert_eq!(token.expires_at(), (is_one && parts[1].len() > 3).then(|| at(9)));
    }

    /// The server sends back all that it got, as it came and unpacked.
    #[test]
    fn whatever_was_sent_never_comes_back_in_an_error(
        secret in "Zq9[ -~éß]{3,16}Q",
        key in "Yk8[!-~]{3,16}K",
        is_json in any::<bool>(),
        how in select(vec![ClientAuthentication::Basic, ClientAuthentication::Body]),
        status in select(vec![200, 400, 401, 403, 429, 500]),
        gap in select(vec![" ", "\n", "\t\r\n"]),
    ) {
        let request = if is_json { TokenRequest::json() } else { TokenRequest::form() };
        let request = request
            .field("grant_type", "password")
            .secret("password", key.as_str())
            .client(how, "my app", &Secret::from(secret.as_str()));
        let client = service_fn(move |request: Request<Full<Bytes>>| async move {
            let basic = request.headers().get(AUTHORIZATION).map(|value| value.to_str().unwrap().to_owned());
            let basic = basic.unwrap_or_default();
            let pair = BASE64_STANDARD.decode(basic.trim_start_matches("Basic ")).unwrap_or_default();
            let pair = String::from_utf8(pair).unwrap();
            let body = request.into_body().collect().await.unwrap().to_bytes();
            let text = String::from_utf8(body.to_vec()).unwrap();
            let form: Vec<String> = url::form_urlencoded::parse(&body)
                .chain(url::form_urlencoded::parse(pair.as_bytes()))
                .flat_map(|(name, value)| [name.into_owned(), value.into_owned()])
                .collect();
            let json: Value = serde_json::from_slice(&body).unwrap_or_default();
            let json = json.as_object().into_iter().flat_map(Map::values).filter_map(Value::as_str);
            let told: Vec<&str> = [&basic, &pair, &text].into_iter().chain(&form).map(String::as_str).chain(json).collect();
            let told = told.join(" ").replace(' ', gap);
            let answer = json!({"error": told, "error_description": told}).to_string();
            let response = Response::builder().status(status).header("content-type", "text/html");
            Ok::<_, Infallible>(response.body(Full::<Bytes>::from(answer)).unwrap())
        });
        let endpoint = TokenEndpoint::new("https://login.test/", client).unwrap();
        let error = run(endpoint.ask(&request)).unwrap_err();
        let mut shown = format!("{error} {error:?} {request:?}");
        let mut cause = error.source();
        while let Some(error) = cause {
            shown.push_str(&format!(" {error} {error:?}"));
            cause = error.source();
        }
        for secret in [&secret, &key] {
            let form: String = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect();
            let json = Value::from(secret.as_str()).to_string();
            for text in [secret, &form, json.trim_matches('"')] {
                prop_assert!(!shown.contains(text), "{text} in {shown}");
            }
        }
        prop_assert!(!shown.contains("bXkrYXBwO"), "what Basic begins with: {shown}");
        prop_assert!(error.to_string().chars().count() < 700, "{error}");
    }

    /// An address for credentials, read by the parser that browsers and reqwest use.
    #[test]
    fn credentials_go_over_tls_or_stay_on_this_machine(
        scheme in select(vec!["https", "http", "HTTP", "ftp"]),
        user in select(vec!["", "", "u@", "u:p@", "localhost@"]),
        host in prop_oneof![
            select(vec![
                "login.test", "localhost", "localhost.", "LOCALHOST", "127.0.0.1", "127.1", "127.0.0.1.evil.test",
                "[::1]", "[::2]", "10.0.0.1", "localhost.evil.test", "0.0.0.0", "b\u{fc}cher.test", "evil.test\\",
            ]).prop_map(str::to_owned),
            "[a-zA-Z0-9.%_~-]{0,10}",
        ],
        port in select(vec!["", ":", ":8443", ":0", ":99999", ":x"]),
        tail in select(vec!["", "/", "/a?b", "/#f", "#", "?q", "/\\evil.test", "\\@evil.test"]),
    ) {
        let text = format!("{scheme}://{user}{host}{port}{tail}");
        let Ok(uri) = check::url("it", &text) else { return Ok(()) };
        // The other parser knows names that are none, such as 10.0.0.999.
        let Ok(url) = Url::parse(&text) else { return Ok(()) };
        prop_assert_eq!((url.username(), url.password(), url.fragment()), ("", None, None), "{}", text);
        let is_here = match url.host().unwrap() {
            Host::Domain(name) => name.trim_end_matches('.') == "localhost",
            Host::Ipv4(ip) => ip.is_loopback(),
            Host::Ipv6(ip) => ip.is_loopback(),
        };
        prop_assert!(url.scheme() == "https" || (url.scheme() == "http" && is_here), "{text}");
        prop_assert_eq!(Url::parse(&uri.to_string()).unwrap(), url);
    }
}
