//! The answer of a token endpoint, whatever it is: status, fields and body. The input is written as HTTP has it: the status
//! in the first line, then the fields, an empty line and the body.

use std::{
    convert::Infallible,
    error::Error,
    time::{Duration, Instant},
};

use bytes::Bytes;
use clearance_core::{Secret, Token, TokenError, TokenErrorKind};
use clearance_oauth::{ClientAuthentication, TokenAnswer, TokenEndpoint, TokenRequest};
use http::{HeaderName, HeaderValue, Request, Response, StatusCode};
use http_body_util::Full;
use serde_json::Value;
use tokio::runtime::Runtime;
use tower::service_fn;

/// Ten years.
const LONGEST_LIFE: Duration = Duration::from_secs(3652 * 86_400 + 43_200);

/// From 1970 to the end of the year 9999.
const LONGEST_WAIT: Duration = Duration::from_secs(253_402_300_800);

const SECRET: &str = "s3cr3t w=rd\"";
const PASSWORD: &str = "p4ss/wörd";

/// Every form in which the two are sent, and what the address must not tell.
const SILENT: [&str; 7] = [
    SECRET,
    "s3cr3t w=rd\\\"",
    "s3cr3t+w%3Drd%22",
    "bXktYXBwOnMzY3IzdCt3JTNEcmQlMjI=",
    PASSWORD,
    "p4ss%2Fw%C3%B6rd",
    "t3nant",
];

/// Stands where the token of the answer stood.
const TOKEN: &str = "zq7-t0ken-that-is-shown-nowhere";

thread_local! {
    /// Made once: it costs more than most answers.
    static RUNTIME: Runtime = {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        runtime.enable_time().build().expect("a runtime")
    };
}

pub(crate) fn check(data: &[u8]) {
    let answer = Answer::read(data);
    RUNTIME.with(|runtime| {
        runtime.block_on(async {
            answer.check(None).await;
            if let Some(answer) = answer.with_a_known_token() {
                answer.check(Some(TOKEN)).await;
            }
        });
    });
}

#[derive(Clone)]
struct Answer {
    status: StatusCode,
    fields: Vec<(HeaderName, HeaderValue)>,
    body: Vec<u8>,
}

impl Answer {
    fn read(data: &[u8]) -> Self {
        let end = data.windows(2).position(|two| two == b"\n\n");
        let (head, body) = data.split_at(end.unwrap_or(data.len()));
        let mut lines = head.split(|byte| *byte == b'\n');
        let status = lines
            .next()
            .and_then(|line| StatusCode::from_bytes(line).ok());
        let field = |line: &[u8]| {
            let colon = line.iter().position(|byte| *byte == b':')?;
            let value = line[colon + 1..].trim_ascii();
            let name = HeaderName::from_bytes(&line[..colon]).ok()?;
            Some((name, HeaderValue::from_bytes(value).ok()?))
        };
        Self {
            status: status.unwrap_or(StatusCode::OK),
            fields: lines.filter_map(field).take(32).collect(),
            body: body.get(2..).unwrap_or_default().to_vec(),
        }
    }

    fn json(&self) -> Option<Value> {
        let body = self
            .body
            .strip_prefix(b"\xef\xbb\xbf")
            .unwrap_or(&self.body);
        serde_json::from_slice(body).ok().filter(Value::is_object)
    }

    /// The same answer with a token that cannot stand anywhere else in it.
    fn with_a_known_token(&self) -> Option<Self> {
        let mut json = self.json()?;
        let text = json.to_string();
        let values = self.fields.iter().map(|(_, value)| value.as_bytes());
        let mut texts = values.chain([text.as_bytes()]).map(String::from_utf8_lossy);
        if texts.any(|text| text.contains(TOKEN)) {
            return None;
        }
        let token = json.get_mut("access_token")?;
        let is_legal = token.as_str()?.bytes().all(|byte| byte.is_ascii_graphic());
        *token = Value::from(format!("{TOKEN}{}", if is_legal { "" } else { "\r\n" }));
        let mut answer = self.clone();
        answer.body = json.to_string().into_bytes();
        Some(answer)
    }

    fn response(&self) -> Response<Full<Bytes>> {
        let mut response = Response::new(Full::from(self.body.clone()));
        *response.status_mut() = self.status;
        response.headers_mut().extend(self.fields.clone());
        response
    }

    async fn check(&self, token: Option<&str>) {
        let response = self.clone();
        let client = service_fn(move |_: Request<Full<Bytes>>| {
            let response = response.response();
            async move { Ok::<_, Infallible>(response) }
        });
        let endpoint = TokenEndpoint::new("https://login.test/oauth/token?t3nant=1", client);
        let endpoint = endpoint.expect("a good address");
        let request = TokenRequest::form().secret("password", PASSWORD).client(
            ClientAuthentication::Basic,
            "my-app",
            &Secret::from(SECRET),
        );
        let before = tokio::time::Instant::now().into_std();
        let first = endpoint.ask(&request).await;
        let second = endpoint.ask(&request).await;
        for (result, repeated) in [(&first, false), (&second, true)] {
            match result {
                Ok(answer) => {
                    let shown = format!("{answer:?} {:?}", answer.clone().into_token());
                    assert_silent(&shown, token);
                    self.grants(answer.clone(), before);
                }
                Err(error) => {
                    assert_silent(&everything(error), SILENT.into_iter().chain(token));
                    self.refuses(error, repeated && first.is_ok());
                }
            }
        }
    }

    /// What is true of an answer that was taken for a token.
    fn grants(&self, answer: TokenAnswer, before: Instant) {
        assert!(self.status.is_success());
        assert!(self.body.len() <= 64 * 1024);
        let json = self.json().expect("a token without an object");
        let text = json["access_token"]
            .as_str()
            .expect("a token that is a text");
        assert!(
            json["token_type"]
                .as_str()
                .is_some_and(|kind| kind.eq_ignore_ascii_case("bearer"))
        );
        assert_eq!(answer.text("access_token"), Some(text));
        let token: Token = answer.into_token();
        assert_eq!(token.header(), &format!("Bearer {text}"));
        assert!(token.header().is_sensitive());
        let lifetime = token.lifetime().expect("5 minutes at the least certain");
        assert!(
            !lifetime.is_zero() && lifetime <= LONGEST_LIFE,
            "{lifetime:?}"
        );
        if let Some(seconds) = json["expires_in"].as_u64().filter(|seconds| *seconds > 0) {
            assert_eq!(lifetime, Duration::from_secs(seconds));
        }
        assert!(token.requested_at().is_some_and(|at| at >= before));
        assert!(token.observations().len() <= 1);
        assert_eq!(
            (token.not_before(), token.expires_at()),
            (None, None),
            "not asked for"
        );
    }

    fn refuses(&self, error: &TokenError, only_the_second_time: bool) {
        if only_the_second_time {
            // A token that has no life left and was handed out before.
            assert_eq!(error.kind(), TokenErrorKind::Malformed, "{error}");
            let lifetime = self.json().map(|json| json["expires_in"].clone());
            let lifetime = lifetime.expect("an object");
            let text = lifetime.as_str().unwrap_or_default().trim().parse().ok();
            assert_eq!(lifetime.as_f64().or(text), Some(0.0), "{error}");
        }
        let (kind, status) = (error.kind(), self.status);
        let is_throttled = matches!(kind, TokenErrorKind::Throttled { .. });
        if let TokenErrorKind::Throttled {
            retry_after: Some(wait),
        } = kind
        {
            assert!(!wait.is_zero() && wait < LONGEST_WAIT, "{wait:?}");
        }
        if status.is_redirection() {
            assert!(
                kind == TokenErrorKind::Malformed && !error.is_retryable(),
                "{error}"
            );
        }
        if status == StatusCode::TOO_MANY_REQUESTS {
            assert!(is_throttled, "{error}");
        }
        if status.is_server_error() {
            assert!(
                is_throttled || kind == TokenErrorKind::Unavailable,
                "{error}"
            );
        }
        if kind == TokenErrorKind::Denied {
            assert!(
                !error.is_retryable() && !status.is_server_error(),
                "{error}"
            );
        }
        let shown = error.to_string();
        // Two texts of the server, of 200 characters each, within two sentences of ours.
        assert!(shown.chars().count() <= 700, "{shown}");
        assert!(!shown.contains(char::is_control), "{shown:?}");
        assert!(shown.contains("https://login.test/oauth/token"), "{shown}");
    }
}

fn everything(error: &TokenError) -> String {
    let mut shown = format!("{error} {error:?}");
    let mut cause = error.source();
    while let Some(error) = cause {
        shown.push_str(&format!(" {error} {error:?}"));
        cause = error.source();
    }
    shown
}

fn assert_silent<'a>(shown: &str, secrets: impl IntoIterator<Item = &'a str>) {
    for secret in secrets {
        assert!(!shown.contains(secret), "`{secret}` in: {shown}");
    }
}
