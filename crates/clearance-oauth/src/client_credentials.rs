//! The grant for programs that act for themselves.

use std::{fmt, time::Duration};

use clearance_core::{Audience, Secret, Token, TokenError, TokenSource};

use crate::{
    ClientAuthentication, ConfigError, DefaultClient, Exchange, HttpService, TokenEndpoint,
    TokenRequest, Transport, check,
};

/// A source of tokens by client credentials (RFC 6749 §4.4), for any issuer.
///
/// ```
/// use clearance_core::{Audience, TokenSource};
/// use clearance_oauth::{ClientAuthentication, ClientCredentials};
///
/// # let client = tower::service_fn(|_: http::Request<http_body_util::Full<bytes::Bytes>>| async {
/// #     Ok::<_, std::convert::Infallible>(http::Response::new(http_body_util::Full::<bytes::Bytes>::default()))
/// # });
/// let audience = Audience::origin("https://api.example.com")?;
/// let source = ClientCredentials::new("https://login.example.com/oauth/token", "my-app", "s3cr3t", audience)?
///     .scope("agents:read queues:read")
///     .parameter("audience", "https://api.example.com")
///     .client_authentication(ClientAuthentication::Body);
/// # let source = source.with_client(client);
///
/// assert_eq!(source.audience().unwrap().to_string(), "https://api.example.com");
/// assert!(!format!("{source:?}").contains("s3cr3t"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct ClientCredentials<S = DefaultClient> {
    endpoint: TokenEndpoint<S>,
    id: String,
    secret: Secret,
    authentication: ClientAuthentication,
    /// `grant_type` and whatever the caller added.
    request: TokenRequest,
    audience: Audience,
}

impl ClientCredentials {
    /// Asks the token endpoint at `token_url` for tokens that may be sent to `audience`. The audience is required
    /// because no answer tells it; say [`Audience::any`] if that is what you mean.
    ///
    /// Reached over [`https()`](crate::https()); without the feature `https`, give a client by
    /// [`with_client`](Self::with_client).
    ///
    /// # Errors
    ///
    /// If `token_url` is none that credentials may be sent to ([`check::url`]), or if `id` or `secret` is empty or
    /// carries a control character ([`check::text`]).
    pub fn new(
        token_url: &str,
        id: impl Into<String>,
        secret: impl Into<Secret>,
        audience: Audience,
    ) -> Result<Self, ConfigError> {
        let (id, secret) = (id.into(), secret.into());
        check::text("the client id", "the issuer's registration", &id)?;
        check::text(
            "the client secret",
            "the issuer's registration",
            secret.expose(),
        )?;
        Ok(Self {
            endpoint: TokenEndpoint::over(token_url, Exchange::default())?,
            id,
            secret,
            authentication: ClientAuthentication::default(),
            request: TokenRequest::form().field("grant_type", "client_credentials"),
            audience,
        })
    }
}

impl<S> ClientCredentials<S> {
    /// Asks for these scopes, separated by spaces (RFC 6749 §3.3), besides those of earlier calls. None if not set: the
    /// issuer's default.
    #[must_use]
    pub fn scope(mut self, scopes: &str) -> Self {
        self.request = self.request.words("scope", scopes);
        self
    }

    /// Adds a parameter to the request, such as `audience` or `resource`. It may be repeated in an error, if the issuer
    /// repeats it.
    #[must_use]
    pub fn parameter(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.request = self.request.field(name, value.into());
        self
    }

    /// Adds a parameter that is shown nowhere.
    #[must_use]
    pub fn secret_parameter(mut self, name: impl Into<String>, value: impl Into<Secret>) -> Self {
        self.request = self.request.secret(name, value);
        self
    }

    /// How id and secret are sent. By Basic if not set.
    #[must_use]
    pub fn client_authentication(mut self, how: ClientAuthentication) -> Self {
        self.authentication = how;
        self
    }

    /// Looks into an access token that is a JWT (RFC 7519 §4.1) for its own times: `nbf`, `iat` and `exp` become the
    /// token's absolute times, `iat` a reading of the issuer's clock, and where the answer has no `expires_in`, the time
    /// from `iat` to `exp` the lifetime. What cannot be read is ignored: a token stays opaque if it is no JWT. Off if not
    /// set, since a client is to take its tokens as opaque (RFC 9068 §6).
    ///
    /// **Nothing is verified**, and need not be: the token came from its issuer just now, and its times decide nothing
    /// but when to ask for the next one. Its claims are not read for anything else.
    ///
    /// ```
    /// # use std::time::{Duration, SystemTime};
    /// # use clearance_core::{Audience, TokenSource};
    /// # use clearance_oauth::ClientCredentials;
    /// # let client = tower::service_fn(|_: http::Request<http_body_util::Full<bytes::Bytes>>| async {
    /// #     let answer = r#"{"token_type": "Bearer",
    /// #         "access_token": "e30.eyJpYXQiOjE3NjcyMjU2MDAsImV4cCI6MTc2NzIyOTIwMH0.c2ln"}"#;
    /// #     Ok::<_, std::convert::Infallible>(http::Response::new(http_body_util::Full::<bytes::Bytes>::from(answer)))
    /// # });
    /// let audience = Audience::origin("https://api.example.com")?;
    /// let source = ClientCredentials::new("https://login.example.com/oauth/token", "my-app", "s3cr3t", audience)?
    ///     .read_jwt_times();
    /// # let source = source.with_client(client);
    ///
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
    /// let token = source.fetch().await?; // with {"iat": 1767225600, "exp": 1767229200}, and no `expires_in` beside it
    /// let end = SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_229_200);
    /// assert_eq!(token.expires_at(), Some(end));
    /// assert_eq!(token.lifetime(), Some(Duration::from_secs(3600)));
    /// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn read_jwt_times(mut self) -> Self {
        self.endpoint = self.endpoint.read_jwt_times();
        self
    }

    /// How long one attempt may last, from asking the client to be ready to the last byte of the answer. 7 s if not set.
    #[must_use]
    pub fn attempt_timeout(mut self, limit: Duration) -> Self {
        self.endpoint = self.endpoint.attempt_timeout(limit);
        self
    }

    /// Reaches the issuer over `client` instead: any that can be a [`Transport`].
    #[must_use]
    pub fn with_client<C, B>(self, client: C) -> ClientCredentials<Transport<C, B>>
    where
        Transport<C, B>: HttpService,
    {
        ClientCredentials {
            endpoint: self.endpoint.with_client(client),
            id: self.id,
            secret: self.secret,
            authentication: self.authentication,
            request: self.request,
            audience: self.audience,
        }
    }
}

impl<S: HttpService> TokenSource for ClientCredentials<S> {
    async fn fetch(&self) -> Result<Token, TokenError> {
        let request = self.request.clone();
        let request = request.client(self.authentication, &self.id, &self.secret);
        Ok(self.endpoint.ask(&request).await?.into_token())
    }

    fn audience(&self) -> Option<Audience> {
        Some(self.audience.clone())
    }
}

impl<S> fmt::Debug for ClientCredentials<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientCredentials")
            .field("endpoint", &self.endpoint)
            .field("id", &self.id)
            .field("audience", &self.audience)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
