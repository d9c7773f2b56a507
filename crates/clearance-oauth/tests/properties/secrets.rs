//! What an error may not repeat, though the server does.

use std::error::Error;

use base64::{Engine, prelude::BASE64_STANDARD};
use clearance_core::Secret;
use clearance_oauth::{ClientAuthentication, TokenEndpoint, TokenRequest};
use http::header::AUTHORIZATION;
use http_body_util::BodyExt;

use super::*;

proptest! {
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
}
