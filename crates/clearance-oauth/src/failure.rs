//! What an answer that carries no token means.

use clearance_core::{Redactor, TokenError, retry_after};
use http::{StatusCode, Uri, header::LOCATION};

use crate::{Document, service::sealed::RawReply};

/// What was asked for: only where credentials were sent can they be refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    Token,
    Document,
}

/// The codes with which an issuer refuses who asks (RFC 6749 §5.2 and §4.1.2.1), and what to look at then.
const DENIALS: [(&str, &str); 4] = [
    ("invalid_client", "check the client id and secret"),
    (
        "invalid_grant",
        "check the user name and password, or the access key",
    ),
    (
        "unauthorized_client",
        "check what the client is allowed to ask for",
    ),
    (
        "access_denied",
        "check what the client is allowed to ask for",
    ),
];

/// The error that an answer without a token stands for.
pub(crate) fn of(reply: &RawReply, asked: Asked, redactor: &Redactor) -> TokenError {
    let status = reply.status;
    let said = Said::read(reply);
    let text = said.describe(status, redactor);
    let denial = DENIALS
        .iter()
        .find(|(code, _)| said.code.as_deref() == Some(code));

    if status.is_redirection() {
        return redirected(reply, redactor);
    }
    // Any other status says itself what it is, whatever the page that comes with it.
    let says_little = matches!(status, StatusCode::OK | StatusCode::BAD_REQUEST);
    if status == StatusCode::TOO_MANY_REQUESTS || (says_little && said.is_rate_limited()) {
        return TokenError::throttled(retry_after(&reply.headers, || None), text);
    }
    if status == StatusCode::SERVICE_UNAVAILABLE {
        if let Some(wait) = retry_after(&reply.headers, || None) {
            // The one kind that carries a wait.
            return TokenError::throttled(Some(wait), text);
        }
    }
    let passing = matches!(status, StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY);
    if passing || status.is_server_error() || (says_little && said.is_transient()) {
        return TokenError::unavailable(text);
    }
    if asked == Asked::Token {
        if let Some((_, advice)) = denial {
            return TokenError::denied(format!("{text}; {advice}"));
        }
        if status == StatusCode::UNAUTHORIZED {
            return TokenError::denied(format!("{text}; check the id and secret"));
        }
    }
    let advice = match status {
        StatusCode::FORBIDDEN | StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => {
            "check the address"
        }
        _ => "check what is asked for",
    };
    TokenError::malformed(format!("{text}; {advice}")).without_retry()
}

/// Only the origin of where it leads is told: the rest may carry what was sent.
fn redirected(reply: &RawReply, redactor: &Redactor) -> TokenError {
    let location = reply.headers.get(LOCATION);
    let location: Option<Uri> = location.and_then(|value| value.as_bytes().try_into().ok());
    let parts = location.as_ref().map(|uri| (uri.scheme_str(), uri.host()));
    let target = match (parts, &location) {
        (Some((Some(scheme), Some(host))), Some(uri)) => {
            let port = uri.port_u16().map(|port| format!(":{port}"));
            redactor.clean(&format!("{scheme}://{host}{}", port.unwrap_or_default()))
        }
        // `//host/path` reads as a path, too.
        (Some((None, None)), Some(uri)) if !uri.path().starts_with("//") => {
            "another path of the same host".to_owned()
        }
        _ => "elsewhere".to_owned(),
    };
    TokenError::malformed(format!(
        "redirected to {target} (status {}), which is not followed; configure the final address",
        reply.status.as_u16()
    ))
    .without_retry()
}

/// An error body: `error` and `error_description` (RFC 6749 §5.2), or one of the other spellings that are in use.
#[derive(Debug, Default)]
struct Said {
    code: Option<String>,
    description: Option<String>,
}

impl Said {
    fn read(reply: &RawReply) -> Self {
        let Some(document) = reply.body.as_deref().and_then(Document::from_json) else {
            return Self::default();
        };
        let first = |names: &[&str]| {
            let found = names.iter().find_map(|name| document.text(name));
            found.map(ToOwned::to_owned)
        };
        Self {
            code: first(&["error", "code"]),
            description: first(&[
                "error_description",
                "errorDescription",
                "description",
                "message",
            ]),
        }
    }

    /// Genesys Cloud throttles its token endpoint with a 400 `invalid_request` that differs from others by its text only.
    fn is_rate_limited(&self) -> bool {
        const BEGINNING: &str = "rate limit exceeded";
        let description = self.description.as_deref().unwrap_or_default();
        description
            .get(..BEGINNING.len())
            .is_some_and(|beginning| beginning.eq_ignore_ascii_case(BEGINNING))
    }

    fn is_transient(&self) -> bool {
        matches!(
            self.code.as_deref(),
            Some("temporarily_unavailable" | "server_error")
        )
    }

    fn describe(&self, status: StatusCode, redactor: &Redactor) -> String {
        let status = status.as_u16();
        let clean = |text: &Option<String>| text.as_deref().map(|text| redactor.clean(text));
        match (clean(&self.code), clean(&self.description)) {
            (Some(code), Some(description)) => format!("{code}: {description} (status {status})"),
            (Some(text), None) | (None, Some(text)) => format!("{text} (status {status})"),
            (None, None) => format!("status {status}"),
        }
    }
}

#[cfg(test)]
mod tests;
