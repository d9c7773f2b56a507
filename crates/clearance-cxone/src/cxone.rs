//! The source for registered applications.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use clearance_core::{Audience, Token, TokenError, TokenErrorKind, TokenSource};
use clearance_oauth::{
    ConfigError, DefaultClient, Exchange, HttpService, TokenAnswer, TokenEndpoint, TokenRequest,
    Transport,
};
use tokio::time::Instant;

use crate::{AccessKey, ClientRegistration, Environment, api::Api, discovery::Discovery, id_token};

/// Tokens for the APIs of NICE CXone, by access key, for a registered application.
///
/// How it comes by one:
///
/// 1. `GET {issuer}/.well-known/openid-configuration` tells the token endpoint. It is kept; when the endpoint answers as
///    if it had moved (a redirect, 403, 404, 405 or another refusal that no retry cures), discovery is done anew, once.
/// 2. `POST {token_endpoint}`: the password grant (RFC 6749 §4.3) with the access key as user name and password, and the
///    registration by Basic. This is the only step that a refresh repeats.
/// 3. The `tenantId` of the id_token in the answer, which is read and not verified, says whose configuration is needed.
/// 4. `GET {issuer}/.well-known/cxone-configuration?tenantId=…` tells the address of the API. It is kept for as long as
///    the tenant is the same.
///
/// Each step is an attempt of its own, with a time limit of its own. Until step 4 is done the
/// [audience](TokenSource::audience) is `None`; to know the address before the first call, ask
/// [`discover`](Self::discover).
///
/// ```
/// use clearance_cxone::{AccessKey, ClientRegistration, Cxone};
///
/// let registration = ClientRegistration::new("client-id", "client-secret");
/// let access_key = AccessKey::new("key-id", "key-secret");
/// let cxone = Cxone::for_issuer("https://cxone.niceincontact.com", registration, access_key)?
///     .trust_endpoint_host("api.our-gateway.example")?;
///
/// assert_eq!(cxone.api_endpoint(), None, "not known before discovery");
/// assert!(!format!("{cxone:?}").contains("key-secret"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Cxone<S = DefaultClient> {
    discovery: Discovery,
    registration: ClientRegistration,
    access_key: AccessKey,
    exchange: Exchange<S>,
    known: Mutex<Known<S>>,
}

/// What was found out so far.
struct Known<S> {
    endpoint: Option<Arc<TokenEndpoint<S>>>,
    tenant: Option<Tenant>,
    /// A token that [`Cxone::discover`] came by, for the next fetch.
    spare: Option<Token>,
}

#[derive(Clone)]
struct Tenant {
    id: String,
    api: Api,
}

impl Cxone {
    /// Tokens from the issuer of this environment.
    ///
    /// Reached over [`clearance_oauth::https()`]; without the feature `https`, give a client by
    /// [`with_client`](Self::with_client).
    ///
    /// # Errors
    ///
    /// If one of the four texts of the credentials is empty or carries a control character.
    pub fn new(
        environment: Environment,
        registration: ClientRegistration,
        access_key: AccessKey,
    ) -> Result<Self, ConfigError> {
        Self::for_issuer(environment.issuer(), registration, access_key)
    }

    /// Tokens from the issuer at this URL.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new), or if `issuer` is not `https` (`http` is allowed to loopback), or carries user information,
    /// a query or a fragment.
    pub fn for_issuer(
        issuer: &str,
        registration: ClientRegistration,
        access_key: AccessKey,
    ) -> Result<Self, ConfigError> {
        registration.check()?;
        access_key.check()?;
        Ok(Self {
            discovery: Discovery::new(issuer)?,
            registration,
            access_key,
            exchange: Exchange::default(),
            known: Mutex::default(),
        })
    }
}

impl<S> Cxone<S> {
    /// Also believes discovery when it names an endpoint on exactly this host: `host`, or `host:port` for a port of its own.
    ///
    /// # Errors
    ///
    /// If `host` is not a host.
    pub fn trust_endpoint_host(mut self, host: &str) -> Result<Self, ConfigError> {
        self.discovery.trust.extend(host)?;
        Ok(self)
    }

    /// How long one attempt may last, from asking the client to be ready to the last byte of the answer. 7 s if not set.
    #[must_use]
    pub fn attempt_timeout(mut self, limit: Duration) -> Self {
        self.exchange = self.exchange.attempt_timeout(limit);
        self
    }

    /// Reaches the issuer over `client` instead: any that can be a [`Transport`]. Forgets what was discovered over another
    /// one.
    #[must_use]
    pub fn with_client<C, B>(self, client: C) -> Cxone<Transport<C, B>>
    where
        Transport<C, B>: HttpService,
    {
        Cxone {
            discovery: self.discovery,
            registration: self.registration,
            access_key: self.access_key,
            exchange: self.exchange.with_client(client),
            known: Mutex::default(),
        }
    }

    /// The address that API paths such as `/inContactAPI/services/v34.0/agents` follow: `https://api-na1.niceincontact.com`,
    /// without a trailing slash or `/inContactAPI`. `None` before discovery.
    #[must_use]
    pub fn api_endpoint(&self) -> Option<String> {
        self.known()
            .tenant
            .as_ref()
            .map(|tenant| tenant.api.url().to_owned())
    }

    /// Never held across an await.
    fn known(&self) -> MutexGuard<'_, Known<S>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S: HttpService> Cxone<S> {
    /// Finds out the [`api_endpoint`](Self::api_endpoint), unless it is known. That takes a token, which is kept for the
    /// next [`fetch`](TokenSource::fetch), so that it costs no token request more. One attempt: nothing is retried.
    ///
    /// # Errors
    ///
    /// As of [`fetch`](TokenSource::fetch).
    pub async fn discover(&self) -> Result<String, TokenError> {
        if let Some(endpoint) = self.api_endpoint() {
            return Ok(endpoint);
        }
        let (token, api) = self.mint().await?;
        self.known().spare = Some(token);
        Ok(api.url().to_owned())
    }

    async fn mint(&self) -> Result<(Token, Api), TokenError> {
        let (mut answer, endpoint) = self.grant().await?;
        let claims = answer.text("id_token").and_then(id_token::claims);
        if let Some(issued_at) = claims.as_ref().and_then(|claims| claims.time("iat")) {
            answer = answer.stamped(issued_at);
        }
        let tenant_id = claims.as_ref().and_then(|claims| claims.text("tenantId"));
        let api = match (self.tenant(), tenant_id) {
            (Some(tenant), None) => tenant.api,
            (Some(tenant), Some(id)) if tenant.id == id => tenant.api,
            (_, Some(id)) => self.configure(id).await?,
            (None, None) => {
                let error = TokenError::malformed(
                    "there is no `id_token` with a `tenantId` in the answer, so the API cannot be found",
                );
                return Err(error.at(endpoint.url()));
            }
        };
        Ok((answer.into_token(), api))
    }

    async fn grant(&self) -> Result<(TokenAnswer, Arc<TokenEndpoint<S>>), TokenError> {
        let request = TokenRequest::form().field("grant_type", "password");
        let request = self.access_key.put(request, "username", "password");
        let request = self.registration.sign(request);

        let kept = self.known().endpoint.clone();
        if let Some(endpoint) = kept {
            match endpoint.ask(&request).await {
                Err(error) if may_have_moved(&error) => self.known().endpoint = None,
                result => return result.map(|answer| (answer, endpoint)),
            }
        }
        let endpoint = Arc::new(self.discovery.token_endpoint(&self.exchange).await?);
        let answer = endpoint.ask(&request).await;
        let usable = answer
            .as_ref()
            .err()
            .is_none_or(|error| !may_have_moved(error));
        self.known().endpoint = usable.then(|| endpoint.clone());
        Ok((answer?, endpoint))
    }

    async fn configure(&self, tenant_id: &str) -> Result<Api, TokenError> {
        let api = self
            .discovery
            .api_endpoint(&self.exchange, tenant_id)
            .await?;
        self.known().tenant = Some(Tenant {
            id: tenant_id.to_owned(),
            api: api.clone(),
        });
        Ok(api)
    }

    fn tenant(&self) -> Option<Tenant> {
        self.known().tenant.clone()
    }
}

impl<S: HttpService> TokenSource for Cxone<S> {
    async fn fetch(&self) -> Result<Token, TokenError> {
        let spare = self.known().spare.take();
        match spare.filter(has_half_its_life) {
            Some(token) => Ok(token),
            None => Ok(self.mint().await?.0),
        }
    }

    fn audience(&self) -> Option<Audience> {
        self.tenant().map(|tenant| tenant.api.audience())
    }
}

impl<S> Default for Known<S> {
    fn default() -> Self {
        Self {
            endpoint: None,
            tenant: None,
            spare: None,
        }
    }
}

impl<S> fmt::Debug for Cxone<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cxone")
            .field("issuer", &self.discovery.issuer())
            .field("registration", &self.registration)
            .field("access_key", &self.access_key)
            .field("api_endpoint", &self.api_endpoint())
            .finish_non_exhaustive()
    }
}

/// Whether an endpoint answered in a way that no retry cures and that credentials have no part in.
fn may_have_moved(error: &TokenError) -> bool {
    error.kind() == TokenErrorKind::Malformed && !error.is_retryable()
}

/// A spare token that lay around for too long would only be fetched anew soon.
fn has_half_its_life(token: &Token) -> bool {
    let life = token.lifetime().zip(token.requested_at());
    life.is_some_and(|(lifetime, requested_at)| {
        let age = Instant::now()
            .into_std()
            .saturating_duration_since(requested_at);
        age < lifetime / 2
    })
}

#[cfg(test)]
mod tests;
