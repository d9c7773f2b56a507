//! One request and its answer, within limits.

use std::{
    error::Error,
    fmt,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use clearance_core::{Redactor, TokenError};
use http::{
    HeaderValue, Request, Uri,
    header::{ACCEPT, USER_AGENT},
};
use tokio::time::timeout;

use crate::{
    DefaultClient, Document, HttpService, Transport,
    failure::{self, Asked},
    request::forms_of_query,
    service::sealed::{Failure, RawReply},
};

/// A client and the limits of what is sent over it: 7 s an attempt, 64 KiB an answer, no redirects.
///
/// A [`TokenEndpoint`](crate::TokenEndpoint) is built on one. By itself it serves sources that must read a document
/// before they know where to send their credentials.
///
/// ```
/// # use bytes::Bytes;
/// # use http::{Request, Response};
/// # use http_body_util::Full;
/// # let client = tower::service_fn(|request: Request<Full<Bytes>>| async move {
/// #     assert_eq!(request.method(), "GET");
/// #     let answer = r#"{"issuer": "https://login.example.com", "token_endpoint": "https://login.example.com/token"}"#;
/// #     Ok::<_, std::convert::Infallible>(Response::new(Full::new(Bytes::from(answer))))
/// # });
/// use clearance_oauth::{Exchange, check};
///
/// let exchange = Exchange::new(client).attempt_timeout(std::time::Duration::from_secs(2));
/// let url = check::url("the issuer", "https://login.example.com/.well-known/openid-configuration")?;
/// # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
/// let document = exchange.document(&url).await?;
/// assert_eq!(document.text("issuer"), Some("https://login.example.com"));
/// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Exchange<S = DefaultClient> {
    /// Locked only to be cloned: a source is `Sync` where its client is not.
    client: Mutex<S>,
    attempt_timeout: Duration,
}

impl<C, B> Exchange<Transport<C, B>> {
    /// Exchanges over `client`: any that can be a [`Transport`]. [`Exchange::default`] is over one of its own.
    pub fn new(client: C) -> Self
    where
        Transport<C, B>: HttpService,
    {
        Self::over(Transport::new(client))
    }
}

impl<S> Exchange<S> {
    fn over(client: S) -> Self {
        Self {
            client: Mutex::new(client),
            attempt_timeout: Duration::from_secs(7),
        }
    }

    /// How long one exchange may last, from asking the client to be ready to the last byte of the answer. 7 s if not set.
    #[must_use]
    pub fn attempt_timeout(mut self, limit: Duration) -> Self {
        self.attempt_timeout = limit;
        self
    }

    /// The same limits over another client.
    #[must_use]
    pub fn with_client<C, B>(self, client: C) -> Exchange<Transport<C, B>>
    where
        Transport<C, B>: HttpService,
    {
        Exchange::new(client).attempt_timeout(self.attempt_timeout)
    }
}

impl<S: HttpService> Exchange<S> {
    /// Reads a JSON object by GET, without any credentials. It is up to the caller what to believe of it.
    ///
    /// # Errors
    ///
    /// `Unavailable` or `Throttled` for what may pass; `Malformed`, not retried, for an answer other than 200 that
    /// says the address is wrong; `Malformed` for what is no JSON object or longer than 64 KiB.
    pub async fn document(&self, url: &Uri) -> Result<Document, TokenError> {
        let mut request = Request::new(Bytes::new());
        *request.uri_mut() = url.clone();
        let redactor = Redactor::new(forms_of_query(url));
        let reply = self.send(request, &redactor).await?;
        let document = if reply.status.is_success() {
            Document::of(&reply, &redactor)
        } else {
            Err(failure::of(&reply, Asked::Document, &redactor))
        };
        document.map_err(|error| error.at(url))
    }

    pub(crate) async fn send(
        &self,
        mut request: Request<Bytes>,
        redactor: &Redactor,
    ) -> Result<RawReply, TokenError> {
        const AGENT: &str = concat!("clearance/", env!("CARGO_PKG_VERSION"));
        let headers = request.headers_mut();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        // Some firewalls refuse whoever does not say what it is.
        headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
        let endpoint = request.uri().clone();
        let attempt = self.client().exchange(request);
        let error = match timeout(self.attempt_timeout, attempt).await {
            Ok(Ok(reply)) => return Ok(reply),
            Ok(Err(Failure(error))) => transport_error(error.as_ref(), redactor),
            Err(_) => {
                TokenError::unavailable(format!("no answer within {:?}", self.attempt_timeout))
            }
        };
        Err(error.at(&endpoint))
    }

    fn client(&self) -> S {
        self.client
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

/// Over the [`DefaultClient`].
impl Default for Exchange {
    fn default() -> Self {
        Self::over(DefaultClient::new())
    }
}

impl<S: HttpService> Clone for Exchange<S> {
    fn clone(&self) -> Self {
        Self {
            client: Mutex::new(self.client()),
            attempt_timeout: self.attempt_timeout,
        }
    }
}

impl<S> fmt::Debug for Exchange<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exchange")
            .field("attempt_timeout", &self.attempt_timeout)
            .finish_non_exhaustive()
    }
}

fn transport_error(error: &(dyn Error + 'static), redactor: &Redactor) -> TokenError {
    let chain = || std::iter::successors(Some(error), |error| (*error).source());
    let root = chain().last().map(ToString::to_string).unwrap_or_default();
    let root = redactor.clean(&root);
    let failure = if chain().any(|error| is_about_a_certificate(&error.to_string())) {
        // Asked again, the server would show the same certificate.
        TokenError::unavailable(format!(
            "its certificate is not accepted ({root}); check the address, the trusted roots and this machine's clock"
        ))
        .without_retry()
    } else {
        TokenError::unavailable(format!("the exchange failed: {root}"))
    };
    failure.caused_by(error, redactor)
}

/// The client may be anyone's, on any TLS library and any version of it, so what the libraries say is all there is to
/// go by: rustls; OpenSSL and what is built on it; Apple's; Windows'. What is missed here is retried, in vain but
/// without harm.
fn is_about_a_certificate(message: &str) -> bool {
    const SAYINGS: [&str; 4] = [
        "invalid peer certificate",
        "certificate verify failed",
        "certificate was not trusted",
        "certificate chain was issued by an authority that is not trusted",
    ];
    let message = message.to_ascii_lowercase();
    SAYINGS.iter().any(|saying| message.contains(saying))
}

#[cfg(test)]
mod tests;
