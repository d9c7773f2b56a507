//! The two documents that tell where to go.

use clearance_core::{Redactor, TokenError};
use clearance_oauth::{ConfigError, Exchange, HttpService, TokenEndpoint, check};
use http::Uri;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::{api::Api, trust::Trust};

/// All but the unreserved characters of RFC 3986 §2.3.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// Reads what an issuer publishes about itself.
#[derive(Clone, Debug)]
pub(crate) struct Discovery {
    /// Without a trailing slash.
    issuer: String,
    pub(crate) trust: Trust,
}

impl Discovery {
    pub(crate) fn new(issuer: &str) -> Result<Self, ConfigError> {
        let uri = check::url("the issuer", issuer)?;
        if uri.query().is_some() {
            return Err(ConfigError::new(
                "the issuer cannot be used: it must not have a query (`?…`)",
            ));
        }
        Ok(Self {
            issuer: issuer.trim_end_matches('/').to_owned(),
            trust: Trust::in_line_with(&uri),
        })
    }

    pub(crate) fn issuer(&self) -> &str {
        &self.issuer
    }

    /// `token_endpoint` of the OpenID Connect discovery document (§4 of that specification).
    pub(crate) async fn token_endpoint<S: HttpService>(
        &self,
        exchange: &Exchange<S>,
    ) -> Result<TokenEndpoint<S>, TokenError> {
        let url = self.well_known("openid-configuration")?;
        let document = exchange.document(&url).await?;
        let endpoint = || {
            let issuer = document.text("issuer").unwrap_or_default();
            if issuer.trim_end_matches('/') != self.issuer {
                let issuer = Redactor::default().clean(issuer);
                return Err(TokenError::malformed(format!(
                    "its `issuer` is `{issuer}` and not the configured one; configure that, if it is right"
                ))
                .without_retry());
            }
            let endpoint = required(document.text("token_endpoint"), "token_endpoint")?;
            let endpoint = self.trust.judge("token_endpoint", endpoint)?;
            TokenEndpoint::over(&endpoint.to_string(), exchange.clone())
                .map_err(|error| TokenError::malformed(error.to_string()))
        };
        endpoint().map_err(|error| error.at(&url))
    }

    /// `api_endpoint` of the tenant's configuration.
    pub(crate) async fn api_endpoint<S: HttpService>(
        &self,
        exchange: &Exchange<S>,
        tenant_id: &str,
    ) -> Result<Api, TokenError> {
        let tenant_id = utf8_percent_encode(tenant_id, RESERVED);
        let url = self.well_known(&format!("cxone-configuration?tenantId={tenant_id}"))?;
        let document = exchange.document(&url).await?;
        required(document.text("api_endpoint"), "api_endpoint")
            .and_then(|endpoint| self.trust.judge("api_endpoint", endpoint))
            .and_then(|endpoint| Api::new(&endpoint))
            .map_err(|error| error.at(&url))
    }

    fn well_known(&self, name: &str) -> Result<Uri, TokenError> {
        format!("{}/.well-known/{name}", self.issuer)
            .parse()
            .map_err(|_| TokenError::malformed("the address of a discovery document is too long"))
    }
}

fn required<'a>(value: Option<&'a str>, name: &str) -> Result<&'a str, TokenError> {
    value.ok_or_else(|| TokenError::malformed(format!("there is no `{name}` in the answer")))
}
