//! The address of an API.

use clearance_core::{Audience, TokenError};
use http::Uri;

/// A base that paths follow, and its origin.
#[derive(Clone, Debug)]
pub(crate) struct Api {
    /// Without a trailing slash.
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
        Ok(Self {
            url: url.to_string().trim_end_matches('/').to_owned(),
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
