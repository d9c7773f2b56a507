//! A service just above the client that numbers what is sent, and notes it in the ledger.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
    task::{Context, Poll},
};

use bytes::Bytes;
use clearance_oauth::HttpsClient;
use http::{HeaderValue, Request};
use http_body_util::Full;
use tower::Service;

use crate::ledger::{Ledger, SEND};

type Body = Full<Bytes>;

#[derive(Clone)]
pub(crate) struct Numbered {
    client: HttpsClient<Body>,
    ledger: Arc<Ledger>,
    last: Arc<AtomicU64>,
}

impl Numbered {
    pub(crate) fn new(client: HttpsClient<Body>, ledger: Arc<Ledger>) -> Self {
        Self {
            client,
            ledger,
            last: Arc::default(),
        }
    }
}

impl Service<Request<Body>> for Numbered {
    type Response = <HttpsClient<Body> as Service<Request<Body>>>::Response;
    type Error = <HttpsClient<Body> as Service<Request<Body>>>::Error;
    type Future = <HttpsClient<Body> as Service<Request<Body>>>::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.client.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let number = self.last.fetch_add(1, SeqCst);
        self.ledger.sent(&request, number);
        request
            .headers_mut()
            .insert(SEND, HeaderValue::from(number));
        self.client.call(request)
    }
}
