//! Genesys Cloud as a token source: its regions, login and API hosts, and the client-credentials grant.
//!
//! ```
//! use clearance_core::TokenSource;
//! use clearance_genesys::{GenesysCloud, Region};
//! # use bytes::Bytes;
//! # use http::{Request, Response};
//! # use http_body_util::Full;
//! # let client = tower::service_fn(|request: Request<Full<Bytes>>| async move {
//! #     assert_eq!(request.uri(), "https://login.mypurecloud.com/oauth/token");
//! #     let answer = r#"{"access_token": "2YotnFZFEjr1", "token_type": "bearer", "expires_in": 86400}"#;
//! #     Ok::<_, std::convert::Infallible>(Response::new(Full::new(Bytes::from(answer))))
//! # });
//!
//! let genesys = GenesysCloud::new(Region::UsEast1, "client-id", "client-secret")?;
//! assert_eq!(genesys.api_url(), "https://api.mypurecloud.com");
//! # let genesys = genesys.with_client(client);
//!
//! # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
//! let token = genesys.fetch().await?; // the layers do this, and keep the token
//! assert_eq!(token.header(), "Bearer 2YotnFZFEjr1");
//! # Ok::<(), Box<dyn std::error::Error>>(()) })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What to know of the platform
//!
//! * The OAuth client must have the grant type *Client Credentials* (Admin > Integrations > OAuth). Its roles decide what
//!   a token may do; scopes have no part in that grant, so none are asked for.
//! * A token lives as long as is configured there: 5 minutes to 2 days, one day if nothing is. It is opaque and comes
//!   without any absolute time. An older token stays valid when a new one is made.
//! * The token endpoint has a rate limit of its own, which it reports with status **400** and the text "rate limit
//!   exceeded" and no time to wait: that is `Throttled` here. An unknown id is a 400 `invalid_client`, a wrong secret a
//!   401: both are `Denied`.
//! * An organisation behind an API gateway has its login and API addresses set apart:
//!   [`with_login_url`](GenesysCloud::with_login_url), [`with_api_url`](GenesysCloud::with_api_url).
//!
//! What else an answer may be, and how it is judged, is told by [`clearance_oauth`].

mod genesys_cloud;
mod region;

pub use self::{
    genesys_cloud::GenesysCloud,
    region::{Region, UnknownRegion},
};
