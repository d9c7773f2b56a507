//! The source.

use std::{fmt, time::Duration};

use clearance_core::{Audience, Secret, Token, TokenError, TokenSource};
use clearance_oauth::{
    ClientAuthentication, ConfigError, DefaultClient, Exchange, HttpService, TokenEndpoint,
    TokenRequest, Transport, check,
};

use crate::Region;

/// Tokens for the platform API of Genesys Cloud, by client credentials.
///
/// ```
/// use clearance_core::TokenSource;
/// use clearance_genesys::GenesysCloud;
///
/// # let client = tower::service_fn(|_: http::Request<http_body_util::Full<bytes::Bytes>>| async {
/// #     Ok::<_, std::convert::Infallible>(http::Response::new(http_body_util::Full::<bytes::Bytes>::default()))
/// # });
/// let genesys = GenesysCloud::for_domain("mypurecloud.de", "client-id", "client-secret")?
///     .with_login_url("https://gateway.example.com/login")?
///     .with_api_url("https://gateway.example.com/api")?;
/// # let genesys = genesys.with_client(client);
///
/// assert_eq!(genesys.api_url(), "https://gateway.example.com/api");
/// assert_eq!(genesys.audience().unwrap().to_string(), "https://gateway.example.com");
/// assert!(!format!("{genesys:?}").contains("client-secret"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct GenesysCloud<S = DefaultClient> {
    endpoint: TokenEndpoint<S>,
    id: String,
    secret: Secret,
    /// Without a trailing slash.
    api_url: String,
    audience: Audience,
}

impl GenesysCloud {
    /// Tokens for the organisation in this region that the OAuth client belongs to. They may be sent to
    /// `https://api.<domain>` and nowhere else.
    ///
    /// The login host is reached over [`clearance_oauth::https()`]; without the feature `https`, give a client by
    /// [`with_client`](Self::with_client).
    ///
    /// # Errors
    ///
    /// If `id` or `secret` is empty or carries a control character.
    pub fn new(
        region: Region,
        id: impl Into<String>,
        secret: impl Into<Secret>,
    ) -> Result<Self, ConfigError> {
        Self::for_domain(region.domain(), id, secret)
    }

    /// The same for a domain that is not among the [regions](Region): `login.<domain>` and `api.<domain>` are its hosts.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new), or if `domain` is not a plain host name such as `mypurecloud.com`, or is one of the hosts
    /// under it: `api.…`, `apps.…` or `login.…`.
    pub fn for_domain(
        domain: &str,
        id: impl Into<String>,
        secret: impl Into<Secret>,
    ) -> Result<Self, ConfigError> {
        const CONSOLE: &str =
            "an OAuth client with the grant Client Credentials (Admin > Integrations > OAuth)";
        let (id, secret) = (id.into(), secret.into());
        let domain = domain.to_ascii_lowercase();
        must_be_domain(&domain)?;
        check::text("the client id", CONSOLE, &id)?;
        check::text("the client secret", CONSOLE, secret.expose())?;
        let (api_url, audience) = api(&format!("https://api.{domain}"))?;
        let token_url = token_url(&format!("https://login.{domain}"));
        Ok(Self {
            endpoint: TokenEndpoint::over(&token_url, Exchange::default())?,
            id,
            secret,
            api_url,
            audience,
        })
    }
}

impl<S> GenesysCloud<S> {
    /// Asks for tokens at `<login_url>/oauth/token` instead: a gateway, or a stand-in on loopback.
    ///
    /// # Errors
    ///
    /// If `login_url` is not `https` (`http` is allowed to loopback), or carries user information, a query or a fragment.
    pub fn with_login_url(mut self, login_url: &str) -> Result<Self, ConfigError> {
        must_be_base("the login URL", login_url)?;
        self.endpoint = self.endpoint.with_url(&token_url(login_url))?;
        Ok(self)
    }

    /// The API is at `api_url` instead, and its origin is where tokens may be sent.
    ///
    /// # Errors
    ///
    /// As [`with_login_url`](Self::with_login_url).
    pub fn with_api_url(mut self, api_url: &str) -> Result<Self, ConfigError> {
        (self.api_url, self.audience) = api(api_url)?;
        Ok(self)
    }

    /// How long one attempt may last, from asking the client to be ready to the last byte of the answer. 7 s if not set.
    #[must_use]
    pub fn attempt_timeout(mut self, limit: Duration) -> Self {
        self.endpoint = self.endpoint.attempt_timeout(limit);
        self
    }

    /// Reaches the login host over `client` instead: any that can be a [`Transport`].
    #[must_use]
    pub fn with_client<C, B>(self, client: C) -> GenesysCloud<Transport<C, B>>
    where
        Transport<C, B>: HttpService,
    {
        GenesysCloud {
            endpoint: self.endpoint.with_client(client),
            id: self.id,
            secret: self.secret,
            api_url: self.api_url,
            audience: self.audience,
        }
    }

    /// The address that API paths follow: `format!("{}/api/v2/users", genesys.api_url())`. Without a trailing slash.
    #[must_use]
    pub fn api_url(&self) -> &str {
        &self.api_url
    }
}

impl<S: HttpService> TokenSource for GenesysCloud<S> {
    async fn fetch(&self) -> Result<Token, TokenError> {
        let request = TokenRequest::form()
            .field("grant_type", "client_credentials")
            .client(ClientAuthentication::Basic, &self.id, &self.secret);
        Ok(self.endpoint.ask(&request).await?.into_token())
    }

    fn audience(&self) -> Option<Audience> {
        Some(self.audience.clone())
    }
}

impl<S> fmt::Debug for GenesysCloud<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GenesysCloud")
            .field("endpoint", &self.endpoint)
            .field("id", &self.id)
            .field("api_url", &self.api_url)
            .finish_non_exhaustive()
    }
}

fn token_url(login_url: &str) -> String {
    format!("{}/oauth/token", login_url.trim_end_matches('/'))
}

fn api(api_url: &str) -> Result<(String, Audience), ConfigError> {
    const WHAT: &str = "the API URL";
    must_be_base(WHAT, api_url)?;
    let audience = Audience::origin_of(&check::url(WHAT, api_url)?)
        .map_err(|error| ConfigError::new(error.to_string()))?;
    Ok((api_url.trim_end_matches('/').to_owned(), audience))
}

/// A path is put after a base, which a query would swallow.
fn must_be_base(what: &str, url: &str) -> Result<(), ConfigError> {
    match check::url(what, url)?.query() {
        None => Ok(()),
        Some(_) => Err(ConfigError::new(format!(
            "{what} cannot be used: it must not have a query (`?…`)"
        ))),
    }
}

fn must_be_domain(domain: &str) -> Result<(), ConfigError> {
    let is_label = |label: &str| {
        label
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    // A name that ends in a number is read as an IPv4 address.
    let top = domain.rsplit_once('.').map(|(_, top)| top);
    let has_top = top.is_some_and(|top| !top.bytes().all(|byte| byte.is_ascii_digit()));
    let prefixed = ["api.", "apps.", "login."]
        .iter()
        .any(|prefix| domain.starts_with(prefix));
    if has_top && !prefixed && domain.split('.').all(is_label) {
        return Ok(());
    }
    Err(ConfigError::new(
        "the domain cannot be used: give it alone, without https:// and without `api.`, `apps.` or `login.`, such as mypurecloud.com",
    ))
}

#[cfg(test)]
mod tests;
