//! An API that refuses the first request, before or after it has read the body, and tells what became of each body.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering::SeqCst},
};

use bytes::Bytes;
use http::{
    Request, Response,
    header::{AUTHORIZATION, RETRY_AFTER},
};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use sha2::{Digest, Sha256};
use tokio::sync::{mpsc, watch};

use crate::{
    Hash, bounded,
    tls::{Identity, Server},
};

/// When the server refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum When {
    /// After it has read the body.
    Late,
    /// At once; it reads the body all the same.
    Early,
    /// At once, and it reads no more.
    Deaf,
}

/// An API that refuses the first request.
#[derive(Clone)]
pub(crate) struct Api {
    status: u16,
    when: When,
    limits_next: Arc<AtomicBool>,
    /// How many requests have arrived.
    pub(crate) arrived: watch::Sender<usize>,
    records: mpsc::UnboundedSender<Record>,
}

/// What became of a request's body.
#[derive(Debug)]
pub(crate) struct Record {
    pub(crate) is_accepted: bool,
    /// `None`: it was not read to its end.
    pub(crate) hash: Option<Hash>,
}

/// What the server has seen.
pub(crate) struct Seen {
    pub(crate) server: Server,
    pub(crate) arrived: watch::Receiver<usize>,
    records: mpsc::UnboundedReceiver<Record>,
}

impl Api {
    pub(crate) async fn start(identity: &Identity, status: u16, when: When) -> Seen {
        let (arrived, arrivals) = watch::channel(0);
        let (records, recorded) = mpsc::unbounded_channel();
        let api = Self {
            status,
            when,
            limits_next: Arc::new(AtomicBool::new(status == 429)),
            arrived,
            records,
        };
        let server = Server::start(identity, move |request| api.clone().answer(request)).await;
        Seen {
            server,
            arrived: arrivals,
            records: recorded,
        }
    }

    async fn answer(self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        self.arrived.send_modify(|arrived| *arrived += 1);
        let (head, body) = request.into_parts();
        let is_stale = self.status == 401 && head.headers[AUTHORIZATION] != "Bearer fresh";
        let is_refused = is_stale || self.limits_next.swap(false, SeqCst);
        let record = move |hash: Option<Hash>| Record {
            is_accepted: hash.is_some() && !is_refused,
            hash,
        };
        match self.when {
            When::Early if is_refused => {
                let records = self.records.clone();
                tokio::spawn(async move { records.send(record(read(body).await)) });
            }
            When::Deaf if is_refused => self.records.send(record(None)).unwrap(),
            _ => {
                let read = read(body).await;
                self.records.send(record(read)).unwrap();
            }
        }
        let response = Response::builder().status(if is_refused { self.status } else { 200 });
        let response = match self.status {
            429 if is_refused => response.header(RETRY_AFTER, "0.01"),
            _ => response,
        };
        response.body(Full::from("done")).unwrap()
    }
}

/// The hash of a body that arrives whole.
async fn read(mut body: Incoming) -> Option<Hash> {
    let mut hash = Sha256::new();
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame.ok()?.into_data() {
            hash.update(&data);
        }
    }
    Some(hash.finalize().into())
}

impl Seen {
    /// What became of the bodies of all requests so far.
    pub(crate) async fn records(&mut self) -> Vec<Record> {
        let mut records = Vec::new();
        while records.len() < self.server.requests() {
            records.push(bounded(self.records.recv()).await.unwrap());
        }
        records
    }
}
