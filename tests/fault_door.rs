//! What stands between a client and a server of faults: a port where nobody listens, and certificates.

use std::{
    sync::{Arc, OnceLock},
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Request, Uri};
use http_body_util::Full;
use tokio_rustls::TlsAcceptor;
use tower::Service;

use crate::{
    fault_server::State,
    faults::Flaw,
    tls::{Authority, HOST},
};

// ===== Door =====

/// A client that is led to a port where nobody listens.
#[derive(Clone)]
pub(crate) struct Door<S> {
    client: S,
    state: Arc<State>,
}

impl<S> Door<S> {
    pub(crate) fn new(client: S, state: Arc<State>) -> Self {
        Self { client, state }
    }
}

impl<S: Service<Request<Full<Bytes>>>> Service<Request<Full<Bytes>>> for Door<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.client.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<Full<Bytes>>) -> S::Future {
        if let Some(closed) = self.state.refuses() {
            let path = request.uri().path();
            *request.uri_mut() = Uri::try_from(format!("http://{closed}{path}")).unwrap();
        }
        self.client.call(request)
    }
}

// ===== Tls =====

/// The certificates, made once.
pub(crate) struct Tls {
    pub(crate) authority: Authority,
    good: TlsAcceptor,
    bad: [TlsAcceptor; 3],
}

impl Tls {
    pub(crate) fn get() -> &'static Self {
        static TLS: OnceLock<Tls> = OnceLock::new();
        TLS.get_or_init(|| {
            let authority = Authority::new();
            let stranger = Authority::named("Nobody knows it");
            Self {
                good: authority.issue(HOST).acceptor(),
                bad: [
                    stranger.issue(HOST).acceptor(),
                    authority.issue("other.example.com").acceptor(),
                    authority.issue_for_years(HOST, 2000..2001).acceptor(),
                ],
                authority,
            }
        })
    }

    pub(crate) fn acceptor(&self, flaw: Option<Flaw>) -> &TlsAcceptor {
        match flaw {
            None => &self.good,
            Some(Flaw::UnknownAuthority) => &self.bad[0],
            Some(Flaw::OtherName) => &self.bad[1],
            Some(Flaw::Expired) => &self.bad[2],
        }
    }
}
