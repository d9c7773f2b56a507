//! The address that hands out tokens.

use std::{fmt, time::Duration};

use clearance_core::TokenError;
use http::Uri;

use crate::{
    ConfigError, DefaultClient, Exchange, HttpService, TokenAnswer, TokenRequest, Transport, check,
    handed_out::HandedOut,
};

/// A token endpoint (RFC 6749 §3.2): one request, one answer, judged by the rules in the [crate documentation](crate).
///
/// ```
/// # use bytes::Bytes;
/// # use http::{Request, Response};
/// # use http_body_util::Full;
/// # let client = tower::service_fn(|_: Request<Full<Bytes>>| async {
/// #     let answer = r#"{"access_token": "2YotnFZFEjr1", "token_type": "bearer", "expires_in": 60, "area": "na1"}"#;
/// #     Ok::<_, std::convert::Infallible>(Response::new(Full::new(Bytes::from(answer))))
/// # });
/// use clearance_oauth::{TokenEndpoint, TokenRequest};
///
/// let endpoint = TokenEndpoint::new("https://login.example.com/token/access-key", client)?;
/// let request = TokenRequest::json().field("accessKeyId", "key-1").secret("accessKeySecret", "s3cr3t");
/// # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
/// let answer = endpoint.ask(&request).await?;
/// assert_eq!(answer.text("area"), Some("na1"));
/// assert_eq!(answer.into_token().header(), "Bearer 2YotnFZFEjr1");
/// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct TokenEndpoint<S = DefaultClient> {
    url: Uri,
    exchange: Exchange<S>,
    handed_out: HandedOut,
    reads_jwt_times: bool,
}

impl<C, B> TokenEndpoint<Transport<C, B>> {
    /// The endpoint at `url`, reached over `client`: any that can be a [`Transport`].
    ///
    /// # Errors
    ///
    /// If `url` is none that credentials may be sent to: see [`check::url`].
    pub fn new(url: &str, client: C) -> Result<Self, ConfigError>
    where
        Transport<C, B>: HttpService,
    {
        Self::over(url, Exchange::new(client))
    }
}

impl<S> TokenEndpoint<S> {
    /// The endpoint at `url`, reached over an exchange with limits of its own, or with a client of its own:
    /// [`Exchange::default`].
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    pub fn over(url: &str, exchange: Exchange<S>) -> Result<Self, ConfigError> {
        Ok(Self {
            url: check::url("the token URL", url)?,
            exchange,
            handed_out: HandedOut::default(),
            reads_jwt_times: false,
        })
    }

    /// The same client and limits, for another address.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    pub fn with_url(mut self, url: &str) -> Result<Self, ConfigError> {
        self.url = check::url("the token URL", url)?;
        Ok(self)
    }

    /// How long one attempt may last, from asking the client to be ready to the last byte of the answer. 7 s if not set.
    #[must_use]
    pub fn attempt_timeout(mut self, limit: Duration) -> Self {
        self.exchange = self.exchange.attempt_timeout(limit);
        self
    }

    /// Takes the times of an access token that is a JWT from the token itself. Told by
    /// [`ClientCredentials::read_jwt_times`](crate::ClientCredentials::read_jwt_times).
    #[must_use]
    pub fn read_jwt_times(mut self) -> Self {
        self.reads_jwt_times = true;
        self
    }

    /// The same endpoint, reached over another client.
    #[must_use]
    pub fn with_client<C, B>(self, client: C) -> TokenEndpoint<Transport<C, B>>
    where
        Transport<C, B>: HttpService,
    {
        TokenEndpoint {
            url: self.url,
            exchange: self.exchange.with_client(client),
            handed_out: self.handed_out,
            reads_jwt_times: self.reads_jwt_times,
        }
    }

    /// Its address.
    #[must_use]
    pub fn url(&self) -> &Uri {
        &self.url
    }
}

impl<S: HttpService> TokenEndpoint<S> {
    /// Sends `request` once.
    ///
    /// # Errors
    ///
    /// Why there is no usable token, by the table in the [crate documentation](crate).
    pub async fn ask(&self, request: &TokenRequest) -> Result<TokenAnswer, TokenError> {
        let redactor = request.redactor(&self.url);
        let reply = self.exchange.send(request.to(&self.url), &redactor).await?;
        TokenAnswer::read(
            &reply,
            &self.url,
            &self.handed_out,
            &redactor,
            self.reads_jwt_times,
        )
        .map_err(|error| error.at(&self.url))
    }
}

impl<S> fmt::Debug for TokenEndpoint<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenEndpoint")
            .field("host", &self.url.host().unwrap_or_default())
            .field("path", &self.url.path())
            .field("exchange", &self.exchange)
            .finish_non_exhaustive()
    }
}
