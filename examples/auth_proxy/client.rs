//! The way to the API: hyper-util's pooling client over hyper-rustls.

use std::{sync::Arc, time::Duration};

use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, pem::PemObject},
};

use crate::problem::Problem;

/// About so many bytes are read ahead on a connection, of a head or a body.
pub(crate) const READ_AHEAD: usize = 64 * 1024;

pub(crate) type Https<B> = Client<HttpsConnector<HttpConnector>, B>;

/// Whose certificates are believed.
#[derive(Clone, Debug, Default)]
pub(crate) enum Trust {
    /// Those of the public authorities, as Mozilla lists them.
    #[default]
    Public,
    Roots(Arc<RootCertStore>),
}

impl Trust {
    /// Those of the authorities in a PEM file, and no others.
    pub(crate) fn only(file: &str) -> Result<Self, Problem> {
        let about = |what: String| {
            let advice =
                "set it to a PEM file with the certificates of your authorities, or unset it";
            Problem::new(format!("AUTH_PROXY_CA_FILE {file}: {what}; {advice}"))
        };
        let mut roots = RootCertStore::empty();
        let read = CertificateDer::pem_file_iter(file);
        for certificate in read.map_err(|error| about(error.to_string()))? {
            let certificate = certificate.map_err(|error| about(error.to_string()))?;
            let added = roots.add(certificate);
            added.map_err(|error| about(error.to_string()))?;
        }
        match roots.is_empty() {
            true => Err(about("there is no certificate in it".to_owned())),
            false => Ok(Self::Roots(Arc::new(roots))),
        }
    }
}

/// HTTP/1.1, over TLS, and in the clear for what may be asked for in the clear: an API on loopback. It follows no redirect.
pub(crate) fn https<B>(trust: &Trust) -> Result<Https<B>, rustls::Error>
where
    B: http_body::Body<Data: Send> + Send,
{
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_connect_timeout(Some(Duration::from_secs(10)));
    // The provider is named: a default one may be missing from the process, or be chosen twice by others.
    let provider = Arc::new(ring::default_provider());
    let connector = HttpsConnectorBuilder::new();
    let connector = match trust {
        Trust::Public => connector.with_provider_and_webpki_roots(provider)?,
        Trust::Roots(roots) => connector.with_tls_config(
            ClientConfig::builder_with_provider(provider)
                .with_safe_default_protocol_versions()?
                .with_root_certificates(Arc::clone(roots))
                .with_no_client_auth(),
        ),
    };
    let connector = connector.https_or_http().enable_http1().wrap_connector(tcp);
    Ok(Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_max_idle_per_host(32)
        .http1_max_buf_size(READ_AHEAD)
        .build(connector))
}
