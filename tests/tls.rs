//! A private certificate authority made at run time, TLS servers on loopback sockets, hyper-util's client for them, and a
//! body for both ends. Each test file uses a part of it.
#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "test code, of which each file uses a part"
)]

use std::{
    convert::Infallible,
    error::Error,
    future::Future,
    io,
    net::{Ipv4Addr, SocketAddr},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::{Request, Response, Version};
use http_body::{Body, Frame, SizeHint};
use hyper::{body::Incoming, service::service_fn};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto,
};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::{
    ClientConfig, RootCertStore, ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer},
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::mpsc,
    task::JoinSet,
};
use tokio_rustls::TlsAcceptor;

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

// ===== Certificates =====

/// A certificate authority that nobody knows but who is given its roots.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    root: CertificateDer<'static>,
}

/// What a server shows, and its key.
pub(crate) struct Identity {
    certificate: CertificateDer<'static>,
    key: KeyPair,
}

impl Authority {
    pub(crate) fn new() -> Self {
        Self::named("An authority of the tests")
    }

    pub(crate) fn named(name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new([]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.distinguished_name.push(DnType::CommonName, name);
        let root = params.self_signed(&key).unwrap().der().clone();
        let issuer = Issuer::new(params, key);
        Self { issuer, root }
    }

    /// A certificate for `name`, good for long.
    pub(crate) fn issue(&self, name: &str) -> Identity {
        self.issue_for_years(name, 2000..4000)
    }

    /// A certificate for `name` that is good from the first day of one year to the first of another.
    pub(crate) fn issue_for_years(&self, name: &str, years: std::ops::Range<i32>) -> Identity {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        params.not_before = date_time_ymd(years.start, 1, 1);
        params.not_after = date_time_ymd(years.end, 1, 1);
        let certificate = params.signed_by(&key, &self.issuer).unwrap().der().clone();
        Identity { certificate, key }
    }

    /// What a client has to trust.
    pub(crate) fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots.add(self.root.clone()).unwrap();
        roots
    }

    /// TLS for clients that trust this authority and no other.
    pub(crate) fn client_config(&self) -> ClientConfig {
        ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(self.roots())
            .with_no_client_auth()
    }

    /// A client that trusts this authority and no other.
    pub(crate) fn client<B>(&self, protocol: Protocol) -> TlsClient<B>
    where
        B: Body<Data: Send> + Send,
    {
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(self.client_config())
            .https_only();
        let connector = match protocol {
            Protocol::Http1 => connector.enable_http1().build(),
            Protocol::Http2 => connector.enable_all_versions().build(),
        };
        Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .build(connector)
    }
}

impl Identity {
    /// TLS for servers. They speak h2 with clients that offer it.
    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        let key = PrivatePkcs8KeyDer::from(self.key.serialize_der());
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![self.certificate.clone()], PrivateKeyDer::from(key))
            .unwrap();
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        TlsAcceptor::from(Arc::new(config))
    }
}

// ===== Server =====

/// A server with TLS that counts. Dropped, it closes its port and cuts its connections.
pub(crate) struct Server {
    address: SocketAddr,
    counts: Arc<Counts>,
    _accepting: JoinSet<()>,
}

#[derive(Default)]
struct Counts {
    connections: AtomicUsize,
    handshakes: AtomicUsize,
    requests: AtomicUsize,
}

impl Server {
    /// A server that answers by `handler`. It speaks h2 with clients that offer it.
    pub(crate) async fn start<H, F, B>(identity: &Identity, handler: H) -> Self
    where
        H: Fn(Request<Incoming>) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = Response<B>> + Send + 'static,
        B: Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
    {
        let acceptor = identity.acceptor();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let counts = Arc::new(Counts::default());
        let mut accepting = JoinSet::new();
        accepting.spawn(accept(listener, acceptor, counts.clone(), handler));
        Self {
            address,
            counts,
            _accepting: accepting,
        }
    }

    /// Its address, without a slash at the end.
    pub(crate) fn url(&self) -> String {
        format!("https://{HOST}:{}", self.address.port())
    }

    /// TCP connections that were accepted.
    pub(crate) fn connections(&self) -> usize {
        self.counts.connections.load(SeqCst)
    }

    /// Connections of which the TLS handshake was completed.
    pub(crate) fn handshakes(&self) -> usize {
        self.counts.handshakes.load(SeqCst)
    }

    /// Requests whose head has arrived.
    pub(crate) fn requests(&self) -> usize {
        self.counts.requests.load(SeqCst)
    }
}

async fn accept<H, F, B>(
    listener: TcpListener,
    acceptor: TlsAcceptor,
    counts: Arc<Counts>,
    handler: H,
) where
    H: Fn(Request<Incoming>) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Response<B>> + Send + 'static,
    B: Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
{
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        counts.connections.fetch_add(1, SeqCst);
        let (acceptor, counts, handler) = (acceptor.clone(), counts.clone(), handler.clone());
        connections.spawn(serve(stream, acceptor, counts, handler));
    }
}

async fn serve<H, F, B>(stream: TcpStream, acceptor: TlsAcceptor, counts: Arc<Counts>, handler: H)
where
    H: Fn(Request<Incoming>) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Response<B>> + Send + 'static,
    B: Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
{
    stream.set_nodelay(true).unwrap();
    // A client that does not like the certificate says so in the handshake.
    let Ok(stream) = acceptor.accept(stream).await else {
        return;
    };
    counts.handshakes.fetch_add(1, SeqCst);
    let service = service_fn(move |request| {
        counts.requests.fetch_add(1, SeqCst);
        let answer = handler(request);
        async move { Ok::<_, Infallible>(answer.await) }
    });
    // A connection that the client cuts is none of the server's business.
    let _ = auto::Builder::new(TokioExecutor::new())
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

// ===== Body =====

/// A body that is sent as it is made, and cannot be cloned. It ends when its sender is dropped.
pub(crate) struct Streamed {
    parts: mpsc::Receiver<io::Result<Bytes>>,
    /// What is left of it, if that is known.
    left: Option<u64>,
}

impl Streamed {
    /// A body, and where its parts come from. Without a length it is sent chunked over HTTP/1.1.
    pub(crate) fn new(length: Option<u64>) -> (mpsc::Sender<io::Result<Bytes>>, Self) {
        let (sender, parts) = mpsc::channel(1);
        let body = Self {
            parts,
            left: length,
        };
        (sender, body)
    }
}

impl Body for Streamed {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let part = ready!(self.parts.poll_recv(cx));
        if let (Some(left), Some(Ok(part))) = (&mut self.left, &part) {
            *left -= part.len() as u64;
        }
        Poll::Ready(part.map(|part| part.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        self.left == Some(0)
    }

    fn size_hint(&self) -> SizeHint {
        self.left.map_or_else(SizeHint::new, SizeHint::with_exact)
    }
}
