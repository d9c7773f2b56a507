//! The replies of the proxy itself: what went wrong, and what to do about it.

use std::{error::Error, time::Duration};

use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use clearance::{TokenError, TokenErrorKind, rate_limit_backoff::RateLimited};
use http::{
    HeaderValue, StatusCode,
    header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER},
};
use hyper_util::client::legacy;
use serde_json::json;

use crate::problem::Problem;

/// Tells a caller that the reply is the proxy's and not the API's. Its value is the same word as in the body.
pub(crate) const ERROR: &str = "x-auth-proxy-error";

/// A reply with a word for programs and a sentence for people, in which there is no secret.
#[derive(Clone, Debug)]
pub(crate) struct Trouble {
    status: StatusCode,
    error: &'static str,
    message: String,
    retry_after: Option<Duration>,
}

impl Trouble {
    pub(crate) fn new(status: StatusCode, error: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            error,
            message: message.into(),
            retry_after: None,
        }
    }

    /// Somebody who may not use the proxy.
    pub(crate) fn forbidden(error: &'static str, message: &str) -> Self {
        Self::new(StatusCode::FORBIDDEN, error, message)
    }

    /// More requests at a time than it takes.
    pub(crate) fn crowded(requests: usize) -> Self {
        let message = format!(
            "{requests} requests are under way, which is all that this proxy takes at a time; send fewer at once, or raise \
             AUTH_PROXY_MAX_REQUESTS"
        );
        let trouble = Self::new(StatusCode::TOO_MANY_REQUESTS, "crowded", message);
        trouble.again_after(Duration::from_secs(1))
    }

    pub(crate) fn late(upstream: &str, patience: Duration) -> Self {
        let message = format!(
            "no reply from {upstream} within {} s, waits for rate limits included; try again later, or raise \
             AUTH_PROXY_TIMEOUT_S",
            patience.as_secs_f64()
        );
        Self::new(StatusCode::GATEWAY_TIMEOUT, "timeout", message)
    }

    /// What the stack failed with.
    pub(crate) fn of(error: &(dyn Error + 'static), upstream: &str) -> Self {
        if let Some(error) = token_error(error) {
            return Self::of_token(error);
        }
        if let Some(limited) = cause::<RateLimited>(error) {
            let advice = "the request was not sent, or was refused, so it was not carried out; send it again then";
            let message = format!("{limited}; {advice}");
            let trouble = Self::new(StatusCode::TOO_MANY_REQUESTS, "rate_limited", message);
            return trouble.again_after(limited.wait);
        }
        let what = Problem::of(error);
        let connect = error.downcast_ref::<legacy::Error>();
        let (word, message) = if connect.is_some_and(legacy::Error::is_connect) {
            let advice = "check its address, the network, and its certificate";
            (
                "unreachable",
                format!("{upstream} cannot be reached: {what}; {advice}"),
            )
        } else {
            let advice = "it is not known whether the request was carried out";
            (
                "broken_off",
                format!("{upstream} broke off: {what}; {advice}"),
            )
        };
        Self::new(StatusCode::BAD_GATEWAY, word, message)
    }

    fn of_token(error: &TokenError) -> Self {
        let (status, word, advice) = match error.kind() {
            TokenErrorKind::Denied => (
                StatusCode::BAD_GATEWAY,
                "credentials_denied",
                "the proxy's client id and secret have to be corrected in its environment",
            ),
            TokenErrorKind::Throttled { .. } => (
                StatusCode::SERVICE_UNAVAILABLE,
                "token_throttled",
                "try again later; others may be using up the limit with the same client id",
            ),
            TokenErrorKind::Unavailable => (
                StatusCode::SERVICE_UNAVAILABLE,
                "token_unavailable",
                "try again later, and check the network if that does not help",
            ),
            _ => (
                StatusCode::BAD_GATEWAY,
                "token_unusable",
                "check the token URL: this is not how a token endpoint answers",
            ),
        };
        let trouble = Self::new(status, word, format!("{error}; {advice}"));
        match error.kind() {
            TokenErrorKind::Throttled { retry_after } => {
                trouble.again_after(retry_after.unwrap_or(Duration::from_secs(10)))
            }
            TokenErrorKind::Unavailable => trouble.again_after(Duration::from_secs(1)),
            _ => trouble,
        }
    }

    fn again_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }
}

pub(crate) fn token_error<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a TokenError> {
    cause(error)
}

/// What a layer failed with. Timeouts and the like put it into an error of their own.
fn cause<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    let mut causes = std::iter::successors(Some(error), |error| (*error).source());
    causes.find_map(|error| error.downcast_ref())
}

/// Whole seconds, rounded up: no earlier than asked for.
pub(crate) fn whole_seconds(wait: Duration) -> HeaderValue {
    HeaderValue::from(wait.as_nanos().div_ceil(1_000_000_000) as u64)
}

impl IntoResponse for Trouble {
    fn into_response(self) -> Response {
        let body = json!({ "error": self.error, "message": self.message });
        let mut response = Response::new(Body::from(body.to_string()));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(ERROR, HeaderValue::from_static(self.error));
        if self.status == StatusCode::METHOD_NOT_ALLOWED {
            let methods = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";
            headers.insert(ALLOW, HeaderValue::from_static(methods));
        }
        if let Some(wait) = self.retry_after {
            headers.insert(RETRY_AFTER, whole_seconds(wait));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failing_source_is_told_by_its_kind() {
        let minute = Some(Duration::from_millis(59_001));
        for (error, status, word, wait) in [
            (TokenError::denied("no"), 502, "credentials_denied", None),
            (TokenError::malformed("html"), 502, "token_unusable", None),
            (
                TokenError::unavailable("down"),
                503,
                "token_unavailable",
                Some("1"),
            ),
            (
                TokenError::throttled(None, ""),
                503,
                "token_throttled",
                Some("10"),
            ),
            (
                TokenError::throttled(minute, ""),
                503,
                "token_throttled",
                Some("60"),
            ),
        ] {
            let response = Trouble::of(&error, "https://api.example.com").into_response();
            assert_eq!(
                (response.status().as_u16(), &response.headers()[ERROR]),
                (status, &word.parse().unwrap())
            );
            let told = response.headers().get(RETRY_AFTER);
            assert_eq!(told.map(|wait| wait.to_str().unwrap()), wait, "{error}");
        }
    }
}
