//! Why a source gave no token.

use std::{error::Error, fmt, sync::Arc, time::Duration};

use http::Uri;

use crate::{Redactor, redact::printable};

/// The longest message of an error, in characters; text from servers in it is cut to 200 by [`Redactor`].
const LONGEST: usize = 600;

/// The longest address in an error, in characters: discovery takes it from a document, in which it may be of any length.
const LONGEST_ADDRESS: usize = 200;

/// Why a source gave no token. Cheap to clone, since every caller that waited gets it.
///
/// It names the endpoint by scheme, host, port and path, never its query or user information, and holds no secret: what
/// a server or a library said goes through a [`Redactor`] first.
///
/// ```
/// use clearance_core::{TokenError, TokenErrorKind};
///
/// let endpoint = "https://user:pw@login.example.com/oauth/token?key=1".parse().unwrap();
/// let error = TokenError::denied("invalid_client").at(&endpoint);
/// assert_eq!(error.kind(), TokenErrorKind::Denied);
/// assert_eq!(error.to_string(), "credentials denied by https://login.example.com/oauth/token: invalid_client");
/// assert!(!error.is_retryable(), "the same credentials would be denied again");
/// ```
#[derive(Clone)]
pub struct TokenError(Arc<Inner>);

#[derive(Clone)]
struct Inner {
    kind: TokenErrorKind,
    message: String,
    endpoint: Option<String>,
    retryable: bool,
    source: Option<Cause>,
}

/// What kind of failure a [`TokenError`] is, which decides when the source is asked again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TokenErrorKind {
    /// The issuer refused the credentials. Asked again only after a hold-off.
    Denied,
    /// The issuer limits how often it is asked.
    Throttled {
        /// For how long the issuer asked not to be called again, if it said so.
        retry_after: Option<Duration>,
    },
    /// The issuer could not be reached, failed, or was too slow.
    Unavailable,
    /// The issuer answered with something that is not a usable token.
    Malformed,
}

// ===== impl TokenError =====

impl TokenError {
    /// The credentials were refused.
    pub fn denied(message: impl Into<String>) -> Self {
        Self::new(TokenErrorKind::Denied, message)
    }

    /// The issuer throttles, and says for how long or does not.
    pub fn throttled(retry_after: Option<Duration>, message: impl Into<String>) -> Self {
        Self::new(TokenErrorKind::Throttled { retry_after }, message)
    }

    /// The issuer could not be reached, failed, or was too slow.
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self::new(TokenErrorKind::Unavailable, message)
    }

    /// The answer is not a usable token.
    pub fn malformed(message: impl Into<String>) -> Self {
        Self::new(TokenErrorKind::Malformed, message)
    }

    fn new(kind: TokenErrorKind, message: impl Into<String>) -> Self {
        Self(Arc::new(Inner {
            kind,
            message: printable(&message.into(), LONGEST),
            endpoint: None,
            retryable: kind != TokenErrorKind::Denied,
            source: None,
        }))
    }

    /// Names the endpoint that failed, without its user information and query, and in 200 characters at most.
    #[must_use]
    pub fn at(mut self, endpoint: &Uri) -> Self {
        Arc::make_mut(&mut self.0).endpoint = Some(address_of(endpoint));
        self
    }

    /// Keeps what `cause` and the causes behind it say, as text that went through `redactor`.
    #[must_use]
    pub fn caused_by(mut self, cause: &(dyn Error + 'static), redactor: &Redactor) -> Self {
        Arc::make_mut(&mut self.0).source = Some(Cause::of(cause, redactor));
        self
    }

    /// Marks a failure that asking again at once cannot cure: a wrong address, an untrusted certificate.
    #[must_use]
    pub fn without_retry(mut self) -> Self {
        Arc::make_mut(&mut self.0).retryable = false;
        self
    }

    /// What kind of failure it is.
    #[must_use]
    pub fn kind(&self) -> TokenErrorKind {
        self.0.kind
    }

    /// Whether another attempt may be made within the same refresh.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        self.0.retryable
    }
}

impl fmt::Display for TokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner {
            kind,
            message,
            endpoint,
            ..
        } = &*self.0;
        f.write_str(match kind {
            TokenErrorKind::Denied => "credentials denied",
            TokenErrorKind::Throttled { .. } => "token requests throttled",
            TokenErrorKind::Unavailable => "no token to be had",
            TokenErrorKind::Malformed => "unusable token answer",
        })?;
        if let Some(endpoint) = endpoint {
            let by = if matches!(
                kind,
                TokenErrorKind::Denied | TokenErrorKind::Throttled { .. }
            ) {
                "by"
            } else {
                "from"
            };
            write!(f, " {by} {endpoint}")?;
        }
        if !message.is_empty() {
            write!(f, ": {message}")?;
        }
        if let TokenErrorKind::Throttled {
            retry_after: Some(wait),
        } = kind
        {
            write!(f, " (asked to wait {} s)", wait.as_secs_f64().ceil())?;
        }
        Ok(())
    }
}

impl fmt::Debug for TokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenError")
            .field("kind", &self.0.kind)
            .field("message", &self.0.message)
            .field("endpoint", &self.0.endpoint)
            .field("retryable", &self.0.retryable)
            .field("source", &self.0.source)
            .finish()
    }
}

impl Error for TokenError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source.as_ref().map(|cause| cause as _)
    }
}

/// Scheme, host, port and path of `uri`, which is all of an address that an error may show.
fn address_of(uri: &Uri) -> String {
    let mut address = String::new();
    if let Some(scheme) = uri.scheme_str() {
        address.push_str(scheme);
        address.push_str("://");
    }
    address.push_str(uri.host().unwrap_or_default());
    if let Some(port) = uri.port() {
        address.push(':');
        address.push_str(port.as_str());
    }
    address.push_str(uri.path());
    printable(&address, LONGEST_ADDRESS)
}

// ===== impl Cause =====

/// An error of somebody else, kept as cleaned text: its own `Display` may show an address with a key in its query.
#[derive(Clone, Debug)]
struct Cause {
    text: String,
    next: Option<Box<Self>>,
}

impl Cause {
    fn of(error: &(dyn Error + 'static), redactor: &Redactor) -> Self {
        let next = error
            .source()
            .map(|next| Box::new(Self::of(next, redactor)));
        Self {
            text: redactor.clean(&error.to_string()),
            next,
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Error for Cause {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.next.as_deref().map(|next| next as _)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_are_kept_in_order_and_cleaned() {
        #[derive(Debug)]
        struct Outer(std::io::Error);
        impl fmt::Display for Outer {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("sending s3cr3t failed")
            }
        }
        impl Error for Outer {
            fn source(&self) -> Option<&(dyn Error + 'static)> {
                Some(&self.0)
            }
        }
        let cause = Outer(std::io::Error::other("s3cr3t\nrefused"));
        let error = TokenError::unavailable("").caused_by(&cause, &Redactor::new(["s3cr3t"]));
        let first = error.source().unwrap();
        assert_eq!(first.to_string(), "sending [redacted] failed");
        assert_eq!(first.source().unwrap().to_string(), "[redacted] refused");
        assert!(!format!("{error:?}").contains("s3cr3t"));
    }

    #[test]
    fn a_throttle_says_how_long() {
        let error = TokenError::throttled(Some(Duration::from_millis(1500)), "rate limit exceeded");
        assert_eq!(
            error.to_string(),
            "token requests throttled: rate limit exceeded (asked to wait 2 s)"
        );
    }

    /// Found by the fuzz target `discovery`.
    #[test]
    fn a_long_address_is_cut() {
        let at = |length| {
            let endpoint = format!("https://login.test/{}", "x".repeat(length));
            let error = TokenError::malformed("").at(&endpoint.parse().unwrap());
            error.to_string()
        };
        let shown = format!(
            "unusable token answer from https://login.test/{}",
            "x".repeat(181)
        );
        assert_eq!(at(181), shown, "200 characters");
        assert_eq!(at(182), format!("{shown}…"));
    }

    #[test]
    fn a_message_has_no_control_characters() {
        assert_eq!(
            TokenError::malformed("a\u{1b}[31m\r\nb").to_string(),
            "unusable token answer: a [31m b"
        );
    }
}
