//! Checks of what a source is configured with, so that a mistake shows at the start and not at the first request.
//!
//! ```
//! use clearance_oauth::check;
//!
//! assert!(check::url("the token URL", "https://login.example.com/oauth/token").is_ok());
//! assert!(check::url("the token URL", "http://127.0.0.1:8080/oauth/token").is_ok());
//! assert_eq!(
//!     check::url("the token URL", "http://login.example.com/oauth/token").unwrap_err().to_string(),
//!     "the token URL cannot be used: plain http would show the credentials to everyone on the way; use https",
//! );
//! assert_eq!(
//!     check::text("the client id", "the issuer's console", "").unwrap_err().to_string(),
//!     "the client id is empty; copy it from the issuer's console",
//! );
//! ```

use std::{error::Error, fmt};

use clearance_core::Audience;
use http::{HeaderMap, Method, Uri};

/// What is wrong with the configuration of a source. Its text holds no secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    message: String,
}

/// The URL of something that credentials are sent to: absolute, `https` (or `http` to loopback: an IP literal or
/// exactly `localhost`), without user information and fragment (RFC 6749 §3.2). It may have a query, which is shown in no
/// error. `what` names it in the error.
///
/// # Errors
///
/// If `url` is not such a URL.
pub fn url(what: &str, url: &str) -> Result<Uri, ConfigError> {
    let unusable = |reason: &str| ConfigError::new(format!("{what} cannot be used: {reason}"));
    if url.contains('#') {
        return Err(unusable("it must not have a fragment (`#…`)"));
    }
    let uri: Uri = url.parse().map_err(|_| {
        unusable(if url.contains("://") {
            "it is not a URL such as https://login.example.com"
        } else {
            "begin it with https://, as in https://login.example.com"
        })
    })?;
    let origin = Audience::origin_of(&uri).map_err(|error| unusable(&error.to_string()))?;
    // The rule for a token on its way out is the rule for the credentials that fetch it.
    match origin.admits(&Method::POST, &uri, &HeaderMap::new()) {
        Ok(_) => Ok(uri),
        Err(_) => Err(unusable(
            "plain http would show the credentials to everyone on the way; use https",
        )),
    }
}

/// An id or a secret: not empty, no control characters. `what` names it in the error, `origin` says where to find it.
///
/// # Errors
///
/// If `text` is empty or carries a control character, such as the line break of the file that it was read from.
pub fn text(what: &str, origin: &str, text: &str) -> Result<(), ConfigError> {
    if text.trim().is_empty() {
        return Err(ConfigError::new(format!(
            "{what} is empty; copy it from {origin}"
        )));
    }
    if text.chars().any(char::is_control) {
        return Err(ConfigError::new(format!(
            "{what} carries a line break or another control character; take it out"
        )));
    }
    Ok(())
}

// ===== impl ConfigError =====

impl ConfigError {
    /// An error with this message: a short lower-case clause that says what to do, without any secret.
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
        }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for ConfigError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_go_only_to_https_or_loopback() {
        for good in [
            "https://login.example.com/oauth/token?tenant=1",
            "https://login.example.com:8443/",
            "http://localhost:1/t",
            "http://[::1]:1/t",
        ] {
            assert!(url("it", good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "/oauth/token",
            "login.example.com",
            "http://login.example.com/t",
            "http://localhost.example.com/t",
            "http://10.0.0.1/t",
            "ftp://login.example.com/t",
            "https://user:pw-7@login.example.com/t",
            "https://login.example.com:99999/t",
            "https://login.example.com/t#part",
            "https://lögin.example.com/t",
        ] {
            let error = url("it", bad).unwrap_err().to_string();
            assert!(!error.contains("pw-7"), "{error}");
        }
    }

    #[test]
    fn an_address_without_its_scheme_is_told_how_to_begin() {
        for given in [
            "login.example.com",
            "login.example.com:8443",
            "me:pw-7@login.example.com:8443",
        ] {
            let error = url("the issuer", given).unwrap_err().to_string();
            let shown = given.rsplit('@').next().unwrap();
            assert_eq!(
                error,
                format!(
                    "the issuer cannot be used: `{shown}` is not an origin: begin it with https:// (or http:// for loopback)"
                )
            );
        }
        let error = url("it", "login.example.com/oauth/token?key=pw-7")
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("begin it with https://") && !error.contains("pw-7"),
            "{error}"
        );
    }

    #[test]
    fn an_id_with_the_line_break_of_its_file_is_refused() {
        assert!(text("it", "there", "id\n").is_err());
        assert!(text("it", "there", " ").is_err());
        assert!(text("it", "there", "a b:c%/=+").is_ok());
    }
}
