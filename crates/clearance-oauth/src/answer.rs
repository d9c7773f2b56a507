//! A token answer (RFC 6749 §5.1), judged.

use std::time::{Duration, Instant, SystemTime};

use clearance_core::{Redactor, Token, TokenError, clock::Observation};
use http::Uri;

use crate::{
    Document,
    failure::{self, Asked},
    handed_out::HandedOut,
    jwt::JwtTimes,
    lifetime::{self, Lifetime},
    service::sealed::RawReply,
};

/// A usable token, and whatever else its answer held.
///
/// A source with fields of its own to read (`id_token`, the address of an API) does so before it hands the token on.
#[derive(Clone, Debug)]
pub struct TokenAnswer {
    token: Token,
    observation: Option<Observation>,
    document: Document,
    sent: Instant,
    received: Instant,
    /// The issuer gave this token before: it was not made just now.
    repeated: bool,
}

impl TokenAnswer {
    /// A field of the answer, if it is there, is a text and is not empty.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.document.text(name)
    }

    /// What the issuer's clock showed, to the second, while it made this answer. Replaces what the `Date` field told,
    /// which may be another machine's. Ignored where the issuer only repeated an older token.
    #[must_use]
    pub fn stamped(mut self, stamp: SystemTime) -> Self {
        if !self.repeated {
            let second = Duration::from_secs(1);
            self.observation = Some(Observation::new(stamp, second, self.sent, self.received));
        }
        self
    }

    /// The token: with its lifetime and its absolute times as far as they are known, the moment at which it was asked for, and at most one observation of the issuer's clock.
    #[must_use]
    pub fn into_token(self) -> Token {
        match self.observation {
            Some(observation) => self.token.with_observation(observation),
            None => self.token,
        }
    }

    pub(crate) fn read(
        reply: &RawReply,
        endpoint: &Uri,
        handed_out: &HandedOut,
        redactor: &Redactor,
        reads_jwt_times: bool,
    ) -> Result<Self, TokenError> {
        if !reply.status.is_success() {
            return Err(failure::of(reply, Asked::Token, redactor));
        }
        let document = Document::of(reply, redactor)?;
        let Some(text) = document.text("access_token") else {
            // Some issuers say no with status 200.
            return Err(if document.text("error").is_some() {
                failure::of(reply, Asked::Token, redactor)
            } else {
                TokenError::malformed("there is no `access_token` in the answer")
            });
        };
        must_be_bearer(document.text("token_type"), text, redactor)?;
        let token = Token::bearer(text)?;
        let repeated = handed_out.contains(text);
        let jwt = if reads_jwt_times {
            JwtTimes::of(text)
        } else {
            JwtTimes::default()
        };
        let lifetime = lifetime_of(&document, repeated, &jwt, endpoint)?;
        handed_out.remember(text);

        let mut token = token.with_requested_at(reply.sent);
        if let Some(lifetime) = lifetime {
            token = token.with_lifetime(lifetime);
        }
        let issued_at = document.time("iat");
        if let Some(issued_at) = issued_at {
            token = token.with_issued_at(issued_at);
        }
        let answer = Self {
            // The API goes by the times within the token, if there are any.
            token: jwt.put(token),
            observation: Observation::from_date(&reply.headers, reply.sent, reply.received),
            sent: reply.sent,
            received: reply.received,
            repeated,
            document,
        };
        Ok(match issued_at.or_else(|| jwt.reading(lifetime)) {
            Some(stamp) => answer.stamped(stamp),
            None => answer,
        })
    }
}

/// RFC 6749 §7.1: a token of a type that is not understood must not be used.
fn must_be_bearer(
    token_type: Option<&str>,
    token: &str,
    redactor: &Redactor,
) -> Result<(), TokenError> {
    match token_type {
        Some(kind) if kind.eq_ignore_ascii_case("bearer") => Ok(()),
        // An issuer that mixes up its fields repeats the token here.
        Some(kind) => Err(TokenError::malformed(format!(
            "the token type is `{}` and not `Bearer`",
            redactor.clean(&kind.replace(token, "[redacted]"))
        ))),
        None => Err(TokenError::malformed(
            "there is no `token_type` in the answer",
        )),
    }
}

fn lifetime_of(
    document: &Document,
    repeated: bool,
    jwt: &JwtTimes,
    endpoint: &Uri,
) -> Result<Option<Duration>, TokenError> {
    let reason = match Lifetime::read(document.value("expires_in"))? {
        Lifetime::Known(lifetime) => return Ok(Some(lifetime)),
        Lifetime::Zero if repeated => {
            return Err(TokenError::malformed(
                "the same token again, with `expires_in` 0: it has run out",
            ));
        }
        Lifetime::Zero => "`expires_in` is 0",
        Lifetime::Missing => "`expires_in` is missing",
    };
    if jwt.has_end() {
        // The life of a token that is only repeated did not begin with this request.
        return Ok(jwt.lifetime().filter(|_| !repeated));
    }
    tracing::warn!(
        host = endpoint.host().unwrap_or_default(),
        assumed_seconds = lifetime::ASSUMED.as_secs(),
        "{reason}: how long the token lives is not known"
    );
    Ok(Some(lifetime::ASSUMED))
}

#[cfg(test)]
mod tests;
