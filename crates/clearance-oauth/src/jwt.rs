//! What a JWT says of itself, taken at its word and not verified.

use std::time::{Duration, SystemTime};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use clearance_core::Token;

use crate::{Document, lifetime};

/// The longest payload that is read, in characters: no sane token is carried in a header of that size.
const LONGEST_PAYLOAD: usize = 32 * 1024;

/// By how much `expires_in` and the JWT may differ through rounding, as issuers cut either.
const ROUNDING: Duration = Duration::from_secs(2);

/// The JSON in the middle of a signed JWT (RFC 7515 §3.1). `None` if `text` is none: other texts, and encrypted ones.
pub(crate) fn payload(text: &str) -> Option<Vec<u8>> {
    let mut parts = text.split('.');
    let (Some(_), Some(payload), Some(_), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return None;
    };
    // Some encoders pad against RFC 7515 §2.
    let payload = payload.trim_end_matches('=');
    if payload.len() > LONGEST_PAYLOAD {
        return None;
    }
    BASE64_URL_SAFE_NO_PAD.decode(payload).ok()
}

/// The times in a JWT, on the issuer's clock. What is missing, senseless or in contradiction to the others is `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct JwtTimes {
    not_before: Option<SystemTime>,
    issued_at: Option<SystemTime>,
    expires_at: Option<SystemTime>,
}

impl JwtTimes {
    /// All of it is `None` where `text` is no JWT.
    pub(crate) fn of(text: &str) -> Self {
        let Some(claims) = Document::from_unverified_jwt(text) else {
            return Self::default();
        };
        // 0 is how some issuers write "not set".
        let time = |name| {
            claims
                .time(name)
                .filter(|time| *time > SystemTime::UNIX_EPOCH)
        };
        let issued_at = time("iat");
        let expires_at = time("exp").filter(|end| issued_at.is_none_or(|begin| begin < *end));
        Self {
            not_before: time("nbf").filter(|begin| expires_at.is_none_or(|end| *begin < end)),
            issued_at,
            expires_at,
        }
    }

    pub(crate) fn has_end(&self) -> bool {
        self.expires_at.is_some()
    }

    /// From when it was made until it ends.
    pub(crate) fn lifetime(&self) -> Option<Duration> {
        let lifetime = self.expires_at?.duration_since(self.issued_at?).ok()?;
        (lifetime <= lifetime::LONGEST).then_some(lifetime)
    }

    /// What the issuer's clock showed when it gave an answer that leaves the token `remaining`: `iat`, unless the two
    /// contradict each other. Then the token was made earlier and kept, or dated back on purpose, as some issuers do by
    /// minutes to be kind to slow clocks.
    pub(crate) fn reading(&self, remaining: Option<Duration>) -> Option<SystemTime> {
        match (self.lifetime(), remaining) {
            (Some(whole), Some(left)) if whole.abs_diff(left) > ROUNDING => None,
            _ => self.issued_at,
        }
    }

    pub(crate) fn put(&self, mut token: Token) -> Token {
        if let Some(time) = self.not_before {
            token = token.with_not_before(time);
        }
        if let Some(time) = self.issued_at {
            token = token.with_issued_at(time);
        }
        if let Some(time) = self.expires_at {
            token = token.with_expires_at(time);
        }
        token
    }
}

#[cfg(test)]
mod tests;
