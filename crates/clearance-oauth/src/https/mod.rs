//! A TLS client for those who bring none.

#[cfg(feature = "https")]
mod client;

#[cfg(feature = "https")]
pub use self::client::{HttpsBody, HttpsClient, HttpsError, HttpsFuture, https};

#[cfg(not(feature = "https"))]
pub use self::absent::HttpsClient;

#[cfg(not(feature = "https"))]
mod absent {
    use std::marker::PhantomData;

    use bytes::Bytes;
    use http_body_util::Full;

    /// Stands where the client of the feature `https` would: it carries nothing. Give the source a client by
    /// `with_client`, or enable the feature.
    #[derive(Clone, Debug)]
    pub struct HttpsClient<B = Full<Bytes>>(PhantomData<fn(B)>);

    impl<B> Default for HttpsClient<B> {
        fn default() -> Self {
            Self(PhantomData)
        }
    }
}
