//! Whether there is a token, how long it lives, and whether the API takes it.

use std::time::Duration;

use clearance::{RefusalReason, TokenError, TokenErrorKind};
use http::StatusCode;

use crate::{
    diagnosis::{Finding, Trouble, span},
    examination::Notes,
    reply::{Failure, Reply},
};

/// Below this most of what a token costs is renewing it.
const SHORT_LIFE: Duration = Duration::from_secs(120);

/// Whether the issuer gave a token.
pub(crate) fn token(notes: &Notes) -> Option<Finding> {
    const ABOUT: &str = "token";
    if let Some(error) = notes.token_error() {
        let (trouble, advice) = match error.kind() {
            TokenErrorKind::Denied => (
                Trouble::Credentials,
                "they are wrong, expired, or of another issuer",
            ),
            TokenErrorKind::Throttled { .. } => (
                Trouble::RateLimit,
                "keep one token for all processes, or ask less often",
            ),
            TokenErrorKind::Unavailable => (
                Trouble::Unreachable,
                "check the token URL's host, the network and its proxy",
            ),
            _ => (
                Trouble::Address,
                "check the token URL: this is not how a token endpoint answers",
            ),
        };
        return Some(Finding::bad(ABOUT, trouble, format!("{error}; {advice}")));
    }
    let took = notes.minted.first()?.took;
    Some(Finding::ok(
        ABOUT,
        format!("the issuer gave one in {}", span(took)),
    ))
}

/// Whether the token lives long enough for what has to be done before its end.
pub(crate) fn lifetime(notes: &Notes) -> Option<Finding> {
    const ABOUT: &str = "lifetime";
    let Some(lifetime) = notes.minted.last()?.lifetime else {
        let text = "not told; a token is kept until its absolute end or its first 401";
        return Some(Finding::ok(ABOUT, text.to_owned()));
    };
    // The layer's margins where none are set.
    let soft = Duration::from_secs(300).min(lifetime / 5);
    let hard = Duration::from_secs(30).min(lifetime / 10);
    let text = format!(
        "{}: renewed in the background {} before the end, and calls wait for the new one {} before it",
        span(lifetime),
        span(soft),
        span(hard)
    );
    Some(if lifetime < SHORT_LIFE {
        let text = format!(
            "{text}; that is a token request every {} and no time for an issuer that is slow: have the lifetime raised to \
             10 minutes or more",
            span(lifetime - soft)
        );
        Finding::warn(ABOUT, Trouble::ShortLife, text)
    } else {
        Finding::ok(ABOUT, text)
    })
}

/// Whether the API takes the token. `clocks_agree`: issuer and API, as far as that can be said.
pub(crate) fn calls(notes: &Notes, clocks_agree: Option<bool>) -> Option<Finding> {
    const ABOUT: &str = "API";
    let (api, made) = (&notes.api, notes.calls.len());
    match &notes.calls.last()?.outcome {
        // A limit has a line of its own, as a token has.
        Err(Failure::Token(_) | Failure::Limited(_)) => return None,
        Err(Failure::Network(error)) => {
            let text = format!(
                "no answer from {api}: {error}; check its address, the network and its proxy"
            );
            return Some(Finding::bad(ABOUT, Trouble::Unreachable, text));
        }
        Ok(_) => {}
    }
    let refused: Vec<_> = notes
        .replies()
        .filter(|reply| !reply.is_accepted())
        .collect();
    let Some(reply) = refused.last() else {
        let text = format!("{api} took the token in {made} of {made} calls");
        return Some(Finding::ok(ABOUT, text));
    };
    if reply.status == StatusCode::TOO_MANY_REQUESTS {
        return None;
    }
    let (trouble, advice) = judge(reply);
    let said = reply.said.as_ref().map(|said| format!(" \"{said}\""));
    let clocks = match clocks_agree.filter(|_| trouble == Trouble::TokenRefused) {
        Some(true) => " (the clocks agree, so it is not these)",
        Some(false) => " (the clocks disagree, which may be why)",
        None => "",
    };
    let text = format!(
        "{api} answered {}{} to {} of {made} calls: {advice}{clocks}",
        reply.status,
        said.unwrap_or_default(),
        refused.len()
    );
    Some(Finding::bad(ABOUT, trouble, text))
}

/// What is wrong, by a reply that is no success, and what to do about it.
fn judge(reply: &Reply) -> (Trouble, String) {
    if let Some(reason) = &reply.reason {
        return (by_reason(reason), reason.to_string());
    }
    let (trouble, advice) = match reply.status.as_u16() {
        _ if reply.lacks_scope => (
            Trouble::Scope,
            "the token is good but lacks a scope: ask for it, and grant it to the client",
        ),
        401 => (
            Trouble::TokenRefused,
            "check the client's roles, and whose API this is",
        ),
        403 => (
            Trouble::Permission,
            "the token is good but may not do this: give the client the role or permission",
        ),
        407 => (
            Trouble::Unreachable,
            "a proxy on the way wants credentials of its own",
        ),
        300..=399 => (
            Trouble::Address,
            "the API is elsewhere: check the scheme and host of its URL",
        ),
        500..=599 => (
            Trouble::Server,
            "the API is in trouble: try again later, or ask its people",
        ),
        200..=299 => (
            Trouble::Address,
            "that is a web page and no API: check its URL",
        ),
        _ => (
            Trouble::Address,
            "check the API's URL and its path, which must be one that can be read by GET",
        ),
    };
    (trouble, advice.to_owned())
}

fn by_reason(reason: &RefusalReason) -> Trouble {
    match reason {
        RefusalReason::InsufficientScope => Trouble::Scope,
        RefusalReason::TooYoung { .. } => Trouble::TooYoung,
        RefusalReason::NotAttached | RefusalReason::OtherScheme => Trouble::Address,
        RefusalReason::RefreshFailed(error) if error.kind() == TokenErrorKind::Denied => {
            Trouble::Credentials
        }
        _ => Trouble::TokenRefused,
    }
}

/// Whether calls met a rate limit.
pub(crate) fn limits(notes: &Notes) -> Option<Finding> {
    const ABOUT: &str = "rate limit";
    if let Some(wait) = notes.too_long() {
        let text = format!(
            "{} wants to be left alone for {}; somebody uses up the limit: call less often, or wait",
            notes.api,
            span(wait)
        );
        return Some(Finding::bad(ABOUT, Trouble::RateLimit, text));
    }
    notes.replies().next()?;
    let refused: u64 = notes.limits.keys.iter().map(|key| key.refused).sum();
    if refused == 0 {
        return Some(Finding::ok(ABOUT, "not met".to_owned()));
    }
    let waited = notes.replies().map(|reply| reply.waited).sum();
    let text = format!(
        "{} calls met {refused} × 429 and waited {} in all: call less often, or have the limit raised",
        notes.calls.len(),
        span(waited)
    );
    Some(Finding::warn(ABOUT, Trouble::RateLimit, text))
}

impl Notes {
    fn token_error(&self) -> Option<&TokenError> {
        self.calls.iter().find_map(|call| match &call.outcome {
            Err(Failure::Token(error)) => Some(error),
            _ => None,
        })
    }
}
