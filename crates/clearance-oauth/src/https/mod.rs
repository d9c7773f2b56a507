//! A TLS client for those who bring none.

#[cfg(feature = "https")]
mod client;

use std::fmt;

#[cfg(feature = "https")]
use {
    crate::{
        HttpService, Transport,
        service::sealed::{Failure, RawReply},
    },
    bytes::Bytes,
    http::Request,
    http_body_util::Full,
};

#[cfg(feature = "https")]
pub use self::client::{HttpsBody, HttpsClient, HttpsError, HttpsFuture, https};

/// The client of a source that was given none: one of its own by [`https()`](crate::https()). Without the feature
/// `https` it carries nothing; give the source a client by `with_client`, or enable the feature.
#[derive(Clone)]
pub struct DefaultClient {
    #[cfg(feature = "https")]
    inner: Transport<HttpsClient<Full<Bytes>>, Full<Bytes>>,
}

impl DefaultClient {
    pub(crate) fn new() -> Self {
        Self {
            #[cfg(feature = "https")]
            inner: Transport::new(https()),
        }
    }
}

impl fmt::Debug for DefaultClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DefaultClient")
    }
}

#[cfg(feature = "https")]
impl HttpService for DefaultClient {
    async fn exchange(self, request: Request<Bytes>) -> Result<RawReply, Failure> {
        self.inner.exchange(request).await
    }
}
