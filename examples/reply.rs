//! What one reply tells, or why there was none.

use std::{error::Error, time::Duration};

use clearance::{
    RefusalReason, TokenError, Waited,
    rate_limit_backoff::{RateLimited, RetryAfter},
};
use clearance_core::Redactor;
use http::{
    StatusCode,
    header::{CONTENT_TYPE, WWW_AUTHENTICATE},
    response::Parts,
};
use serde_json::Value;

use crate::problem::Problem;

/// Why a call had no reply.
pub(crate) enum Failure {
    /// There was no token for it.
    Token(TokenError),
    /// A limit would have held it for longer than it waits: it was not sent.
    Limited(RateLimited),
    Network(String),
}

/// What a reply tells.
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    /// Why the layers did not cure a 401.
    pub(crate) reason: Option<RefusalReason>,
    /// How long a limit wants to be waited for, where that was too long.
    pub(crate) retry_after: Option<Duration>,
    /// How long a limit was waited for.
    pub(crate) waited: Duration,
    pub(crate) is_web_page: bool,
    /// Whether the token lacks a scope (RFC 6750 §3.1).
    pub(crate) lacks_scope: bool,
    /// What the server says about it.
    pub(crate) said: Option<String>,
}

impl Failure {
    pub(crate) fn of(error: Box<dyn Error + Send + Sync>) -> Self {
        let error = match error.downcast::<TokenError>() {
            Ok(error) => return Self::Token(*error),
            Err(error) => error,
        };
        match error.downcast::<RateLimited>() {
            Ok(error) => Self::Limited(*error),
            Err(error) => Self::Network(Problem::of(&*error).to_string()),
        }
    }
}

impl Reply {
    pub(crate) fn is_accepted(&self) -> bool {
        self.status.is_success() && !self.is_web_page
    }

    pub(crate) fn read(head: &Parts, body: &[u8]) -> Self {
        let waited = head.extensions.get::<Waited>();
        let content_type = head.headers.get(CONTENT_TYPE);
        let content_type = content_type.and_then(|value| value.to_str().ok());
        let challenge = head.headers.get(WWW_AUTHENTICATE);
        let challenge = challenge.and_then(|value| value.to_str().ok());
        Self {
            status: head.status,
            reason: head.extensions.get::<RefusalReason>().cloned(),
            retry_after: head.extensions.get::<RetryAfter>().map(|after| after.0),
            waited: waited.map_or(Duration::ZERO, |waited| waited.total),
            is_web_page: content_type.is_some_and(|kind| kind.starts_with("text/html")),
            lacks_scope: challenge
                .is_some_and(|challenge| challenge.contains("insufficient_scope")),
            said: message(head.status, challenge, body),
        }
    }
}

/// The message of an error, by the names that it has on the platforms, or else the challenge (RFC 6750 §3).
fn message(status: StatusCode, challenge: Option<&str>, body: &[u8]) -> Option<String> {
    if status.is_success() {
        return None;
    }
    let json: Value = serde_json::from_slice(body).unwrap_or_default();
    let names = ["message", "error_description", "error"];
    let in_body = names.iter().find_map(|name| json[name].as_str());
    let said = in_body.or(challenge)?;
    // Cut to a line that a terminal can be shown.
    Some(Redactor::default().clean(said))
}
