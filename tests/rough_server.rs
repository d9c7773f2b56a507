//! An issuer and an API behind one socket that do their worst, by dice that can be cast again.
#![allow(clippy::unwrap_used, reason = "test code")]

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
use http::{Request, Response, header::AUTHORIZATION};
use http_body_util::BodyExt;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    time::{Instant, sleep},
};

use crate::{
    ending::Ending,
    ledger::{Ledger, SEND, Verdict},
};

/// So many requests in so long.
const LIMIT: (u32, Duration) = (100, Duration::from_millis(250));

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

/// What goes wrong with a request.
#[derive(Clone, Copy)]
enum Trouble {
    None,
    ResetBefore,
    ResetAfter,
    CutBody,
    Busy,
    Error,
    Slow,
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

    async fn token(&self) -> io::Result<Response<Ending>> {
        let number = self.counts.token_requests.fetch_add(1, SeqCst);
        let (trouble, lifetime, latency) = {
            let mut dice = self.dice();
            (dice.u8(..100), dice.u8(4..20), dice.u64(..30))
        };
        sleep(Duration::from_millis(latency)).await;
        let status = |status| Response::builder().status(status);
        let response = match trouble {
            0..4 => return Err(io::Error::other("reset")),
            4..8 => status(500).body(Ending::whole("oops")),
            8..11 => status(200).body(Ending::whole("<html>Sign in</html>")),
            11..14 => status(429)
                .header("retry-after", "0.2")
                .body(Ending::whole("")),
            _ => {
                let token = format!("token-{number}");
                let answer = format!(
                    r#"{{"access_token": "{token}", "token_type": "bearer", "expires_in": {lifetime}}}"#
                );
                let mut tokens = self.tokens.lock().unwrap();
                tokens.push_back(token);
                if tokens.len() > 4 {
                    tokens.pop_front();
                }
                status(200).body(Ending::whole(answer))
            }
        };
        Ok(response.unwrap())
    }

    async fn api(&self, request: Request<Incoming>) -> io::Result<Response<Ending>> {
        let (head, body) = request.into_parts();
        let headers = &head.headers;
        self.ledger.arrived(headers);
        let body = body.collect().await;
        let ended = |verdict| self.ledger.ended(headers, verdict);
        let reset = || {
            self.counts.resets.fetch_add(1, SeqCst);
            ended(Verdict::Reset);
            Err(io::Error::other("reset"))
        };
        if body.is_err() {
            // Its caller gave up.
            return reset();
        }
        let (trouble, latency, padding) = self.cast();
        sleep(latency).await;
        let reply = |status: u16, text: String| {
            ended(Verdict::Answered(status));
            let reply = Response::builder().status(status);
            (reply, Ending::whole(text))
        };
        let refuse = |status, wait: Duration| {
            let (reply, body) = reply(status, "x".repeat(padding));
            let wait = format!("{:.3}", wait.as_secs_f64());
            Ok(reply.header("retry-after", wait).body(body).unwrap())
        };
        let unauthorised = || {
            self.counts.unauthorised.fetch_add(1, SeqCst);
            let (reply, body) = reply(401, "x".repeat(padding));
            Ok(reply.body(body).unwrap())
        };
        let sent = headers
            .get(AUTHORIZATION)
            .and_then(|it| it.to_str().ok()?.strip_prefix("Bearer "));
        let sent = sent.expect("every request has a token").to_owned();
        if !self.tokens.lock().unwrap().contains(&sent) {
            return unauthorised();
        }
        if let Err(wait) = self.admit() {
            self.counts.limited.fetch_add(1, SeqCst);
            return refuse(429, wait);
        }
        match trouble {
            Trouble::ResetBefore => return reset(),
            Trouble::Busy => {
                self.counts.busy.fetch_add(1, SeqCst);
                return refuse(503, Duration::from_millis(50));
            }
            Trouble::Slow => sleep(Duration::from_millis(300)).await,
            _ => {}
        }
        self.ledger.executed(headers);
        if self.revokes_late.swap(false, SeqCst) {
            self.tokens.lock().unwrap().clear();
            return unauthorised();
        }
        if self.limits_late.swap(false, SeqCst) {
            self.counts.limited.fetch_add(1, SeqCst);
            return refuse(429, Duration::from_millis(20));
        }
        let number = headers[&SEND].to_str().unwrap();
        let text = format!("{number} {}", "x".repeat(padding));
        match trouble {
            Trouble::ResetAfter => reset(),
            Trouble::CutBody => {
                ended(Verdict::CutShort(200));
                Ok(Response::new(Ending::cut(text)))
            }
            Trouble::Error => {
                let (reply, body) = reply(500, text);
                Ok(reply.body(body).unwrap())
            }
            _ => {
                let (reply, body) = reply(200, text);
                Ok(reply.body(body).unwrap())
            }
        }
    }

    fn cast(&self) -> (Trouble, Duration, usize) {
        let mut dice = self.dice();
        let trouble = match dice.u16(..1000) {
            0..4 => Trouble::ResetBefore,
            4..8 => Trouble::ResetAfter,
            8..12 => Trouble::CutBody,
            12..18 => Trouble::Busy,
            18..24 => Trouble::Error,
            24..28 => Trouble::Slow,
            _ => Trouble::None,
        };
        let latency = Duration::from_millis(dice.u64(..20));
        (trouble, latency, dice.usize(..4096))
    }

    /// Whether a request is within the limit, or for how long none is.
    fn admit(&self) -> Result<(), Duration> {
        let (most, length) = LIMIT;
        let (begun, used) = &mut *self.window.lock().unwrap();
        let now = Instant::now();
        if begun.is_none_or(|begun| now >= begun + length) {
            (*begun, *used) = (Some(now), 0);
        }
        *used += 1;
        let left = || begun.map_or(length, |begun| begun + length - now);
        if *used > most { Err(left()) } else { Ok(()) }
    }

    fn dice(&self) -> MutexGuard<'_, Rng> {
        self.dice.lock().unwrap()
    }
}
