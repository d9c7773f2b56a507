//! The address of an API.

use clearance_core::{Audience, TokenError};
use http::Uri;

/// What every path of the ACD API begins with, in this case or another. Some answers have it in the address already.
const PREFIX: &str = "/inContactAPI";

/// A base that paths follow, and its origin.
#[derive(Clone, Debug)]
pub(crate) struct Api {
    /// Without a trailing slash, and without [`PREFIX`].
    url: String,
    audience: Audience,
}

impl Api {
    pub(crate) fn new(url: &Uri) -> Result<Self, TokenError> {
        if url.query().is_some() {
            let error = TokenError::malformed(
                "the address of the API has a query, so no path can follow it",
            );
            return Err(error.without_retry());
        }
        let audience = Audience::origin_of(url)
            .map_err(|error| TokenError::malformed(error.to_string()).without_retry())?;
        let url = url.to_string();
        let url = url.trim_end_matches('/');
        let tail = url.len().saturating_sub(PREFIX.len());
        let url = match url.split_at_checked(tail) {
            Some((base, tail)) if tail.eq_ignore_ascii_case(PREFIX) => base.trim_end_matches('/'),
            _ => url,
        };
        Ok(Self {
            url: url.to_owned(),
            audience,
        })
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) fn audience(&self) -> Audience {
        self.audience.clone()
    }
}
