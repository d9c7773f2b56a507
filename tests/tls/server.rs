//! A server with TLS that counts its connections, its handshakes and its requests.

use std::{
    convert::Infallible,
    future::Future,
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
};
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
};
use tokio_rustls::TlsAcceptor;

use super::{BoxError, HOST, authority::Identity};

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
