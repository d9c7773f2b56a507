//! OAuth 2.0 token endpoints as token sources, over any tower HTTP service.
//!
//! * [`ClientCredentials`] is a source of its own: the grant of RFC 6749 §4.4 for any issuer;
//! * [`TokenEndpoint`] and [`TokenRequest`] are what it is made of, for issuers with a grant of their own;
//! * [`Exchange`] also reads a [`Document`], which is what discovery needs;
//! * [`https()`] is a TLS client for all of them (feature `https`, on by default). Any other tower service from
//!   `Request<B>` to `Response<impl Body>` can be given instead, so that one client serves both the issuer and the API:
//!   see [`Transport`].
//!
//! ```
//! use clearance_core::{Audience, TokenSource};
//! use clearance_oauth::ClientCredentials;
//! # use bytes::Bytes;
//! # use http::{Request, Response};
//! # use http_body_util::Full;
//! # let client = tower::service_fn(|_: Request<Full<Bytes>>| async {
//! #     let answer = r#"{"access_token": "2YotnFZFEjr1", "token_type": "bearer", "expires_in": 3600}"#;
//! #     Ok::<_, std::convert::Infallible>(Response::new(Full::new(Bytes::from(answer))))
//! # });
//!
//! let audience = Audience::origin("https://api.example.com")?;
//! let source = ClientCredentials::new("https://login.example.com/oauth/token", "my-app", "s3cr3t", audience)?
//!     .scope("agents:read")
//!     .with_client(client); // any tower HTTP service; without this line, the one of `https()`
//!
//! # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
//! let token = source.fetch().await?;
//! assert_eq!(token.header(), "Bearer 2YotnFZFEjr1");
//! assert_eq!(token.lifetime().unwrap().as_secs(), 3600);
//! # Ok::<(), Box<dyn std::error::Error>>(()) })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What it withstands
//!
//! **One attempt** lasts 7 s at most, from asking the client to be ready to the last byte of the answer; 64 KiB of an
//! answer are read; no redirect is followed; off loopback an endpoint must be `https`. Attempts are repeated by the
//! layers and not here: [`TokenError::is_retryable`](clearance_core::TokenError::is_retryable) tells them whether to.
//!
//! | answer | becomes |
//! |---|---|
//! | a bearer token (RFC 6749 §5.1), whatever the content type | a [`Token`](clearance_core::Token) |
//! | `expires_in` missing, or 0 for a new token | a lifetime of 5 minutes, and a warning; none of that where [a JWT](ClientCredentials::read_jwt_times) tells its end |
//! | `expires_in` 0 for a token handed out before, negative, over ten years, no number | `Malformed` |
//! | no bearer token, one that cannot stand in a header, no JSON, over 64 KiB | `Malformed` |
//! | 401, or 200 or 4xx with `invalid_client`, `invalid_grant`, `unauthorized_client`, `access_denied` (RFC 6749 §5.2) | `Denied` |
//! | 429, 503 with `Retry-After`, or 200 or 400 whose text begins "rate limit exceeded" | `Throttled` |
//! | 408, 425, 5xx, or 200 or 400 with `temporarily_unavailable`, `server_error`; no connection; an answer cut off or late | `Unavailable` |
//! | a certificate that is not accepted | `Unavailable`, not retried |
//! | any redirect, 403, 404, 405 and other 4xx | `Malformed`, not retried |
//!
//! A certificate error is known by what rustls, OpenSSL and the libraries of Apple and Windows say, anywhere in the chain
//! of causes: the client may be anyone's.
//!
//! A token's life begins when its request was **sent**, on the monotonic clock. What the answer tells of the issuer's
//! clock (`iat` of the answer, else of the [JWT](ClientCredentials::read_jwt_times), else the `Date` field) goes along as an
//! [`Observation`](clearance_core::clock::Observation).
//!
//! # Secrets
//!
//! Configured secrets are overwritten on drop and shown by no `Debug`; what an issuer or a library says is cleaned of
//! every form in which they were sent, and of the query of the endpoint's address, before it goes into an error. Request
//! bodies and header values made of them are freed, not overwritten.

mod answer;
pub mod check;
mod client_credentials;
mod document;
mod endpoint;
mod exchange;
mod failure;
mod handed_out;
mod https;
mod jwt;
mod lifetime;
mod request;
mod service;

#[cfg(feature = "https")]
pub use self::https::{HttpsBody, HttpsClient, HttpsError, HttpsFuture, https};
pub use self::{
    answer::TokenAnswer,
    check::ConfigError,
    client_credentials::ClientCredentials,
    document::Document,
    endpoint::TokenEndpoint,
    exchange::Exchange,
    https::DefaultClient,
    request::{ClientAuthentication, TokenRequest},
    service::{HttpService, Transport},
};

#[cfg(test)]
mod testing;
