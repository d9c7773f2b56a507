//! What holds of all answers of an issuer, and of all requests to one: against the rules of the crate's documentation,
//! restated here.

#![allow(clippy::unwrap_used, reason = "test code")]

mod addresses;
mod answers;
mod jwt;
mod lifetimes;
mod secrets;

use std::{convert::Infallible, time::Duration};

use bytes::Bytes;
use clearance_core::{Audience, Token, TokenError, TokenErrorKind, TokenSource};
use clearance_oauth::ClientCredentials;
use http::{Request, Response};
use http_body_util::Full;
use proptest::{collection::vec, prelude::*, sample::select};
use serde_json::{Map, Value, json};
use tower::service_fn;

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
