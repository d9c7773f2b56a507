//! A bearer token, and what is known of its life.

use std::{
    fmt,
    time::{Duration, Instant, SystemTime},
};

use http::HeaderValue;
use zeroize::Zeroizing;

use crate::{TokenError, clock::Observation};

/// A bearer token (RFC 6750) as a source hands it out: the ready-made header value, and what is known of its life.
///
/// A *lifetime* needs no clock: it is counted on this machine's monotonic clock from the moment the token was asked for
/// (`expires_in` of RFC 6749 §5.1). Absolute times are the issuer's own words, on the issuer's own clock.
///
/// ```
/// use std::time::Duration;
/// use clearance_core::Token;
///
/// let token = Token::bearer("2YotnFZFEjr1zCsicMWpAA")?.with_lifetime(Duration::from_secs(3600));
/// assert_eq!(token.header(), "Bearer 2YotnFZFEjr1zCsicMWpAA");
/// assert!(token.header().is_sensitive());
/// assert!(!format!("{token:?}").contains("2Yotn"));
/// # Ok::<(), clearance_core::TokenError>(())
/// ```
#[derive(Clone)]
pub struct Token {
    header: HeaderValue,
    lifetime: Option<Duration>,
    requested_at: Option<Instant>,
    not_before: Option<SystemTime>,
    issued_at: Option<SystemTime>,
    expires_at: Option<SystemTime>,
    observations: Vec<Observation>,
}

impl Token {
    /// A token with this text, of which nothing else is known yet.
    ///
    /// # Errors
    ///
    /// `Malformed` if `text` is empty or is not made of visible ASCII characters only, and so could not be sent in a header.
    pub fn bearer(text: &str) -> Result<Self, TokenError> {
        if text.is_empty() {
            return Err(TokenError::malformed("the access token is empty"));
        }
        if let Some(at) = text.bytes().position(|byte| !byte.is_ascii_graphic()) {
            let message = format!(
                "byte {at} of the access token cannot stand in a header (visible ASCII is needed)"
            );
            return Err(TokenError::malformed(message));
        }
        #[cfg(clearance_watch)]
        crate::watch::secret(text);
        let value = Zeroizing::new(format!("Bearer {text}"));
        let mut header = HeaderValue::from_str(&value)
            .map_err(|_| TokenError::malformed("the access token cannot stand in a header"))?;
        header.set_sensitive(true);
        // A header value allocates its reference count on its first clone: here, and not for the first request.
        let header = header.clone();
        Ok(Self {
            header,
            lifetime: None,
            requested_at: None,
            not_before: None,
            issued_at: None,
            expires_at: None,
            observations: Vec::new(),
        })
    }

    /// How long the token lives from the moment it was asked for. Unknown if not set.
    #[must_use]
    pub fn with_lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = Some(lifetime);
        self
    }

    /// When the request for this token was sent, on tokio's clock (`tokio::time::Instant::now().into_std()`); the
    /// life begins then. Where it is not set, the moment at which the source was asked is taken.
    #[must_use]
    pub fn with_requested_at(mut self, requested_at: Instant) -> Self {
        self.requested_at = Some(requested_at);
        self
    }

    /// The issuer's word on when the token begins to be valid (`nbf`), on the issuer's clock.
    #[must_use]
    pub fn with_not_before(mut self, not_before: SystemTime) -> Self {
        self.not_before = Some(not_before);
        self
    }

    /// The issuer's word on when it made the token (`iat`), on the issuer's clock.
    #[must_use]
    pub fn with_issued_at(mut self, issued_at: SystemTime) -> Self {
        self.issued_at = Some(issued_at);
        self
    }

    /// The issuer's word on when the token ends (`exp`), on the issuer's clock.
    #[must_use]
    pub fn with_expires_at(mut self, expires_at: SystemTime) -> Self {
        self.expires_at = Some(expires_at);
        self
    }

    /// What the answer that carried the token told of the issuer's clock.
    #[must_use]
    pub fn with_observation(mut self, observation: Observation) -> Self {
        self.observations.push(observation);
        self
    }

    /// The value for `Authorization`, marked sensitive. Its clones share one buffer.
    #[must_use]
    pub fn header(&self) -> &HeaderValue {
        &self.header
    }

    /// How long it lives from [`requested_at`](Self::requested_at).
    #[must_use]
    pub fn lifetime(&self) -> Option<Duration> {
        self.lifetime
    }

    /// When its request was sent.
    #[must_use]
    pub fn requested_at(&self) -> Option<Instant> {
        self.requested_at
    }

    /// When it begins to be valid, on the issuer's clock.
    #[must_use]
    pub fn not_before(&self) -> Option<SystemTime> {
        self.not_before
    }

    /// When it was made, on the issuer's clock.
    #[must_use]
    pub fn issued_at(&self) -> Option<SystemTime> {
        self.issued_at
    }

    /// When it ends, on the issuer's clock.
    #[must_use]
    pub fn expires_at(&self) -> Option<SystemTime> {
        self.expires_at
    }

    /// What its answer told of the issuer's clock.
    #[must_use]
    pub fn observations(&self) -> &[Observation] {
        &self.observations
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token")
            .field("header", &self.header)
            .field("lifetime", &self.lifetime)
            .field("not_before", &self.not_before)
            .field("issued_at", &self.issued_at)
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::TokenErrorKind;

    #[test]
    fn text_that_cannot_stand_in_a_header_is_malformed_and_not_repeated() {
        for text in ["", "a b", "a\r\nX: y", "é", "a\u{7f}", "a\0"] {
            let error = Token::bearer(text).unwrap_err();
            assert_eq!(error.kind(), TokenErrorKind::Malformed, "{text:?}");
            assert!(text.is_empty() || !error.to_string().contains(text));
        }
    }
}
