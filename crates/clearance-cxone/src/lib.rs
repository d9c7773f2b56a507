//! NICE CXone as a token source: discovery, access keys, and the address of the tenant's API.
//!
//! ```
//! use clearance_core::TokenSource;
//! use clearance_cxone::{AccessKey, ClientRegistration, Cxone, Environment};
//! # use bytes::Bytes;
//! # use http::{Request, Response};
//! # use http_body_util::Full;
//! # let client = tower::service_fn(|request: Request<Full<Bytes>>| async move {
//! #     let answer = match request.uri().path() {
//! #         "/.well-known/openid-configuration" => r#"{"issuer": "https://cxone.niceincontact.com",
//! #             "token_endpoint": "https://cxone.niceincontact.com/auth/token"}"#,
//! #         "/auth/token" => r#"{"access_token": "2YotnFZFEjr1", "token_type": "Bearer", "expires_in": 3600,
//! #             "id_token": "e30.eyJ0ZW5hbnRJZCI6ICJ0LTEifQ.c2ln"}"#,
//! #         _ => r#"{"api_endpoint": "https://api-na1.niceincontact.com"}"#,
//! #     };
//! #     Ok::<_, std::convert::Infallible>(Response::new(Full::new(Bytes::from(answer))))
//! # });
//!
//! let registration = ClientRegistration::new("client-id", "client-secret");
//! let access_key = AccessKey::new("key-id", "key-secret");
//! let cxone = Cxone::new(Environment::Global, registration, access_key)?;
//! # let cxone = cxone.with_client(client);
//!
//! # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
//! let api = cxone.discover().await?;
//! assert_eq!(api, "https://api-na1.niceincontact.com");
//! assert_eq!(cxone.audience().unwrap().to_string(), api);
//!
//! let token = cxone.fetch().await?; // the layers do this, and keep the token
//! assert_eq!(token.header(), "Bearer 2YotnFZFEjr1");
//! # Ok::<(), Box<dyn std::error::Error>>(()) })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What to know of the platform
//!
//! * A back-end application needs **two** pairs: the id and secret of its registration, and an access key of a CXone user,
//!   whose permissions decide what a token may do. There is no client-credentials grant.
//! * Where the API is depends on the tenant and is found by asking: [`Cxone`] tells the four steps. Hosts are not
//!   built from area names.
//! * A token lives for about an hour. It is taken as opaque; the times in the id_token that comes with it are the
//!   id_token's own. Only its `iat` is used, as a reading of the issuer's clock.
//! * Send `Accept: application/json` to the API: without it, it may answer in HTML.
//!
//! # What is believed of discovery
//!
//! The documents decide where credentials and tokens go, so they are not believed blindly. The `issuer` in the document
//! must be the configured one. An endpoint must be `https`, without user information, on the standard port, on a host
//! that is no IP literal and that lies under the issuer's registrable domain (by the public suffix list) or one of
//! NICE's; the issuer's own origin is always good, and loopback is for a loopback issuer only. Whatever else is right
//! is said by [`trust_endpoint_host`](Cxone::trust_endpoint_host). Nothing is redirected.
//!
//! What a token answer may be, and how it is judged, is told by [`clearance_oauth`].

mod api;
mod credentials;
mod cxone;
mod discovery;
mod environment;
mod id_token;
mod regional;
mod trust;

pub use self::{
    credentials::{AccessKey, ClientRegistration},
    cxone::Cxone,
    environment::Environment,
    regional::CxoneRegional,
};

#[cfg(test)]
mod testing;
