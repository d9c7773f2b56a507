//! The older grant, without a registration.

use std::{
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use clearance_core::{Audience, Token, TokenError, TokenSource};
use clearance_oauth::{
    ConfigError, DefaultClient, Exchange, HttpService, TokenEndpoint, TokenRequest, Transport,
    check,
};

use crate::{AccessKey, api::Api, id_token, trust::Trust};

/// Tokens for the APIs of NICE CXone from the older access-key endpoint of a region, for applications that are not
/// registered: `POST https://{area}.nice-incontact.com/authentication/v1/token/access-key` with the key as JSON.
///
/// There is no discovery. The caller gives the address of the API; where an answer names another one
/// (`resource_server_base_uri`) that lies under the endpoint's registrable domain or one of NICE's, that is taken from
/// then on, and a token may be sent to both. One that is not believed is ignored, with a warning. Such an answer may end
/// in `/inContactAPI/`, with which the paths of the API begin: that is taken off, so that the same paths follow the
/// [`api_endpoint`](Self::api_endpoint) before the first token and after it, and that of [`Cxone`](crate::Cxone).
///
/// ```
/// use clearance_core::TokenSource;
/// use clearance_cxone::{AccessKey, CxoneRegional};
///
/// # let client = tower::service_fn(|_: http::Request<http_body_util::Full<bytes::Bytes>>| async {
/// #     Ok::<_, std::convert::Infallible>(http::Response::new(http_body_util::Full::<bytes::Bytes>::default()))
/// # });
/// let access_key = AccessKey::new("key-id", "key-secret");
/// let cxone = CxoneRegional::new("na1", access_key, "https://api-na1.niceincontact.com")?;
/// # let cxone = cxone.with_client(client);
///
/// assert_eq!(cxone.api_endpoint(), "https://api-na1.niceincontact.com");
/// assert_eq!(cxone.audience().unwrap().to_string(), "https://api-na1.niceincontact.com");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct CxoneRegional<S = DefaultClient> {
    endpoint: TokenEndpoint<S>,
    access_key: AccessKey,
    trust: Trust,
    /// As the caller gave it.
    api: Api,
    /// As an answer gave it.
    named: Mutex<Option<Api>>,
}

impl CxoneRegional {
    /// Tokens of this area (`na1`, `eu1`, `au1`, `ca1`, `uk1`, `jp1`, …) for the API at `api_url`.
    ///
    /// Reached over [`clearance_oauth::https()`]; without the feature `https`, give a client by
    /// [`with_client`](Self::with_client).
    ///
    /// # Errors
    ///
    /// If `area` is not a single label of a host name, if `api_url` is not `https` (`http` is allowed to loopback), or
    /// if the key's id or secret is empty or carries a control character.
    pub fn new(area: &str, access_key: AccessKey, api_url: &str) -> Result<Self, ConfigError> {
        let is_label = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        if area.is_empty() || !area.bytes().all(is_label) {
            return Err(ConfigError::new(
                "the area cannot be used: give its short name, such as na1",
            ));
        }
        access_key.check()?;
        let url = format!("https://{area}.nice-incontact.com/authentication/v1/token/access-key");
        let endpoint = TokenEndpoint::over(&url, Exchange::default())?;
        let api = Api::new(&check::url("the API URL", api_url)?).map_err(|_| {
            ConfigError::new("the API URL cannot be used: it must not have a query")
        })?;
        Ok(Self {
            trust: Trust::in_line_with(endpoint.url()),
            endpoint,
            access_key,
            api,
            named: Mutex::default(),
        })
    }
}

impl<S> CxoneRegional<S> {
    /// Asks for tokens at `token_url` instead: a gateway, or a stand-in on loopback. It takes the place of the regional
    /// host in what is believed, too.
    ///
    /// # Errors
    ///
    /// If `token_url` is not `https` (`http` is allowed to loopback), or carries user information or a fragment.
    pub fn with_token_url(mut self, token_url: &str) -> Result<Self, ConfigError> {
        self.endpoint = self.endpoint.with_url(token_url)?;
        self.trust.replace_root(self.endpoint.url());
        Ok(self)
    }

    /// Also believes an answer that names an API on exactly this host: `host`, or `host:port` for a port of its own.
    ///
    /// # Errors
    ///
    /// If `host` is not a host.
    pub fn trust_endpoint_host(mut self, host: &str) -> Result<Self, ConfigError> {
        self.trust.extend(host)?;
        Ok(self)
    }

    /// How long one attempt may last, from asking the client to be ready to the last byte of the answer. 7 s if not set.
    #[must_use]
    pub fn attempt_timeout(mut self, limit: Duration) -> Self {
        self.endpoint = self.endpoint.attempt_timeout(limit);
        self
    }

    /// Reaches the token endpoint over `client` instead: any that can be a [`Transport`].
    #[must_use]
    pub fn with_client<C, B>(self, client: C) -> CxoneRegional<Transport<C, B>>
    where
        Transport<C, B>: HttpService,
    {
        CxoneRegional {
            endpoint: self.endpoint.with_client(client),
            access_key: self.access_key,
            trust: self.trust,
            api: self.api,
            named: self.named,
        }
    }

    /// The address that API paths such as `/inContactAPI/services/v34.0/agents` follow: as the last answer named it, or
    /// else as it was given; without a trailing slash or `/inContactAPI`.
    #[must_use]
    pub fn api_endpoint(&self) -> String {
        self.named().as_ref().unwrap_or(&self.api).url().to_owned()
    }

    fn named(&self) -> MutexGuard<'_, Option<Api>> {
        self.named.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn learn(&self, url: &str) {
        let judged = self.trust.judge("resource_server_base_uri", url);
        match judged.and_then(|url| Api::new(&url)) {
            Ok(api) => *self.named() = Some(api),
            Err(error) => tracing::warn!(%error, "ignoring where the answer says that the API is"),
        }
    }
}

impl<S: HttpService> TokenSource for CxoneRegional<S> {
    async fn fetch(&self) -> Result<Token, TokenError> {
        let request = TokenRequest::json();
        let request = self
            .access_key
            .put(request, "accessKeyId", "accessKeySecret");
        let answer = self.endpoint.ask(&request).await?;
        if let Some(url) = answer.text("resource_server_base_uri") {
            self.learn(url);
        }
        let claims = answer.text("id_token").and_then(id_token::claims);
        let issued_at = claims.and_then(|claims| claims.time("iat"));
        Ok(match issued_at {
            Some(issued_at) => answer.stamped(issued_at).into_token(),
            None => answer.into_token(),
        })
    }

    fn audience(&self) -> Option<Audience> {
        let named = self.named();
        let urls = [Some(&self.api), named.as_ref()];
        let origins = urls
            .into_iter()
            .flatten()
            .map(|api| api.audience().to_string());
        let origins: Vec<_> = origins.collect();
        Audience::origins(origins.iter().map(String::as_str)).ok()
    }
}

impl<S> fmt::Debug for CxoneRegional<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CxoneRegional")
            .field("endpoint", &self.endpoint)
            .field("access_key", &self.access_key)
            .field("api_endpoint", &self.api_endpoint())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
