//! An issuer and an API behind one socket that do their worst, by dice that can be cast again.
#![allow(clippy::unwrap_used, reason = "test code")]

mod api;
mod issuer;

use std::{
    collections::VecDeque,
    io,
    net::{Ipv4Addr, SocketAddr},
    pin::pin,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use fastrand::Rng;
use http::{Request, Response};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    time::{Instant, sleep},
};

use crate::{ending::Ending, ledger::Ledger};

pub(crate) struct Rough {
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) counts: Counts,
    dice: Mutex<Rng>,
    tokens: Mutex<VecDeque<String>>,
    window: Mutex<(Option<Instant>, u32)>,
    /// The next request is executed, and its token revoked before the answer.
    revokes_late: AtomicBool,
    /// The next request is executed, and found to be over the limit.
    limits_late: AtomicBool,
    /// Tells all connections to end.
    hang_up: watch::Sender<()>,
}

#[derive(Default)]
pub(crate) struct Counts {
    pub(crate) connections: AtomicUsize,
    pub(crate) most_connections: AtomicUsize,
    pub(crate) accepted: AtomicU64,
    pub(crate) token_requests: AtomicU64,
    pub(crate) revocations: AtomicU64,
    pub(crate) unauthorised: AtomicU64,
    pub(crate) limited: AtomicU64,
    pub(crate) busy: AtomicU64,
    pub(crate) resets: AtomicU64,
}

impl Rough {
    pub(crate) fn new(seed: u64, ledger: Arc<Ledger>) -> Arc<Self> {
        Arc::new(Self {
            ledger,
            counts: Counts::default(),
            dice: Mutex::new(Rng::with_seed(seed)),
            tokens: Mutex::default(),
            window: Mutex::default(),
            revokes_late: AtomicBool::new(false),
            limits_late: AtomicBool::new(false),
            hang_up: watch::Sender::new(()),
        })
    }

    pub(crate) async fn listen(self: Arc<Self>) -> SocketAddr {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(self.clone().turn_now_and_then());
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                stream.set_nodelay(true).unwrap();
                self.counts.accepted.fetch_add(1, SeqCst);
                let now = self.counts.connections.fetch_add(1, SeqCst) + 1;
                self.counts.most_connections.fetch_max(now, SeqCst);
                tokio::spawn(self.clone().serve(stream));
            }
        });
        address
    }

    async fn serve(self: Arc<Self>, stream: TcpStream) {
        let answer = |request| self.answer(request);
        let mut hang_up = self.hang_up.subscribe();
        let serving =
            http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(answer));
        let mut serving = pin!(serving);
        tokio::select! {
            // It ends in an error where that was the plan.
            _ = serving.as_mut() => {}
            _ = hang_up.changed() => {
                serving.as_mut().graceful_shutdown();
                let _ = serving.await;
            }
        }
        self.counts.connections.fetch_sub(1, SeqCst);
    }

    /// Ends all connections that are idle.
    pub(crate) fn hang_up(&self) {
        self.hang_up.send_replace(());
    }

    async fn turn_now_and_then(self: Arc<Self>) {
        // Soon at first, so that a short run has some of it.
        for most in [4_000].into_iter().chain(std::iter::repeat(16_000)) {
            let (pause, late) = {
                let mut dice = self.dice();
                (dice.u64(most / 2..most), dice.bool())
            };
            sleep(Duration::from_millis(pause)).await;
            self.limits_late.store(true, SeqCst);
            sleep(Duration::from_millis(pause)).await;
            self.counts.revocations.fetch_add(1, SeqCst);
            if late {
                self.revokes_late.store(true, SeqCst);
            } else {
                self.tokens.lock().unwrap().clear();
            }
        }
    }

    async fn answer(&self, request: Request<Incoming>) -> io::Result<Response<Ending>> {
        match request.uri().path() {
            "/token" => self.token().await,
            _ => self.api(request).await,
        }
    }

    fn dice(&self) -> MutexGuard<'_, Rng> {
        self.dice.lock().unwrap()
    }
}
