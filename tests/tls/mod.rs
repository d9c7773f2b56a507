//! A private certificate authority made at run time, TLS servers on loopback sockets, hyper-util's client for them, and a
//! body for both ends. Each test file uses a part of it.
#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "test code, of which each file uses a part"
)]

mod authority;
mod server;
mod streamed;

use std::error::Error;

use http::Version;
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::{Client, connect::HttpConnector};

#[allow(unused_imports, reason = "each test file uses a part")]
pub(crate) use self::{
    authority::{Authority, Identity},
    server::Server,
    streamed::Streamed,
};

pub(crate) type BoxError = Box<dyn Error + Send + Sync>;

/// hyper-util's pooling client over rustls.
pub(crate) type TlsClient<B> = Client<HttpsConnector<HttpConnector>, B>;

/// The name that the servers here are called by.
pub(crate) const HOST: &str = "localhost";

/// Which version of HTTP is agreed on (by ALPN).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    Http1,
    Http2,
}

impl Protocol {
    pub(crate) const BOTH: [Self; 2] = [Self::Http1, Self::Http2];

    pub(crate) fn version(self) -> Version {
        match self {
            Self::Http1 => Version::HTTP_11,
            Self::Http2 => Version::HTTP_2,
        }
    }
}

/// All that an error says, from the outermost to the cause: what a person reads.
pub(crate) fn in_full(error: &(dyn Error + 'static)) -> String {
    let chain = std::iter::successors(Some(error), |error| (*error).source());
    chain
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(": ")
}
