//! JSON objects from elsewhere.

use std::{
    fmt,
    time::{Duration, SystemTime},
};

use clearance_core::{Redactor, TokenError};
use http::header::CONTENT_TYPE;
use serde_json::{Map, Value};

use crate::{jwt, service::sealed::RawReply};

/// A JSON object that an issuer sent. `Debug` shows the names in it and no values.
///
/// ```
/// use clearance_oauth::Document;
///
/// let claims = Document::from_json(br#"{"tenantId": "t-1", "iat": 1767225600}"#).unwrap();
/// assert_eq!(claims.text("tenantId"), Some("t-1"));
/// assert_eq!(claims.text("iat"), None, "not a text");
/// assert!(claims.time("iat").is_some());
/// assert!(!format!("{claims:?}").contains("t-1"));
/// ```
#[derive(Clone)]
pub struct Document(Map<String, Value>);

impl Document {
    /// Reads a JSON object, with or without a byte order mark before it. `None` if it is none.
    #[must_use]
    pub fn from_json(bytes: &[u8]) -> Option<Self> {
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        serde_json::from_slice(bytes).ok().map(Self)
    }

    /// Reads the claims of a signed JWT (RFC 7519 §3) **without verifying them**: anyone can write such claims, so let them
    /// grant nothing. `None` if `text` is no JWT, is an encrypted one, or is longer than a header could carry.
    #[must_use]
    pub fn from_unverified_jwt(text: &str) -> Option<Self> {
        Self::from_json(&jwt::payload(text)?)
    }

    /// The text by that name, if it is there, is a text and is not empty.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.as_str().filter(|text| !text.is_empty())
    }

    /// The time by that name, in seconds since 1970 as JWT has it (RFC 7519 §2): a number or a text of digits.
    #[must_use]
    pub fn time(&self, name: &str) -> Option<SystemTime> {
        let seconds = number(self.0.get(name)?)?;
        // Up to the year 5138: what is more is in milliseconds, or no time at all.
        if !(0.0..1e11).contains(&seconds) {
            return None;
        }
        SystemTime::UNIX_EPOCH.checked_add(Duration::try_from_secs_f64(seconds).ok()?)
    }

    pub(crate) fn value(&self, name: &str) -> Option<&Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    /// The body of an answer. The content type is not asked: issuers send JSON as `text/plain`, too.
    pub(crate) fn of(reply: &RawReply, redactor: &Redactor) -> Result<Self, TokenError> {
        let Some(body) = &reply.body else {
            return Err(TokenError::malformed("the answer is longer than 64 KiB"));
        };
        Self::from_json(body).ok_or_else(|| {
            let content_type = reply.headers.get(CONTENT_TYPE);
            let content_type = content_type.and_then(|value| value.to_str().ok());
            TokenError::malformed(match content_type {
                Some(kind) => {
                    let kind = redactor.clean(kind);
                    format!("not a JSON object (the content type is {kind})")
                }
                None => "not a JSON object (there is no content type)".to_owned(),
            })
        })
    }
}

impl fmt::Debug for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// A finite number, be it written as a JSON number or as a text.
pub(crate) fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
    .filter(|number: &f64| number.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_seconds_since_1970() {
        for (json, seconds) in [
            (r#"{"iat": 1767225600}"#, Some(1_767_225_600)),
            (r#"{"iat": "1767225600"}"#, Some(1_767_225_600)),
            (r#"{"iat": 0}"#, Some(0)),
            (r#"{"iat": 1767225600000}"#, None),
            (r#"{"iat": -1}"#, None),
            (r#"{"iat": "inf"}"#, None),
            (r#"{"iat": null}"#, None),
            (r#"{"iat": []}"#, None),
            ("{}", None),
        ] {
            let time = Document::from_json(json.as_bytes()).unwrap().time("iat");
            let expected = seconds.map(|s| SystemTime::UNIX_EPOCH + Duration::from_secs(s));
            assert_eq!(time, expected, "{json}");
        }
    }

    #[test]
    fn only_objects_are_documents() {
        for json in ["", "[]", "1", "null", "\"text\"", "{", "{} {}", "<html>"] {
            assert!(Document::from_json(json.as_bytes()).is_none(), "{json}");
        }
        assert!(Document::from_json(b"\xef\xbb\xbf {\"a\": 1}\r\n").is_some());
    }
}
