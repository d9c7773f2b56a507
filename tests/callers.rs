//! Callers who call through one stack of layers, give up now and then, and stand still to be counted.
#![allow(clippy::unwrap_used, reason = "test code")]

use std::{
    net::SocketAddr,
    pin::pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
    time::Duration,
};

use bytes::Bytes;
use clearance::{
    RateLimitBackoff, RateLimitBackoffLayer, Retry401, Retry401Layer, SkewAuth, SkewAuthLayer,
    TokenError, rate_limit_backoff::RateLimited,
};
use clearance_oauth::https;
use fastrand::Rng;
use http::Request;
use http_body_util::{BodyExt, Full};
use tokio::{
    runtime::Handle,
    sync::RwLock,
    time::{Instant, sleep, timeout},
};
use tower::{ServiceBuilder, ServiceExt};

use crate::{
    CALLERS, MEMORY, SECOND,
    ledger::{CALL, Ledger, Told},
    numbered::Numbered,
    rough_server::Rough,
};

type Body = Full<Bytes>;
type Stack = Retry401<RateLimitBackoff<SkewAuth<Numbered>>>;

/// What the callers share.
pub(crate) struct Run {
    stack: Stack,
    auth: SkewAuthLayer,
    rate: RateLimitBackoffLayer,
    url: String,
    ledger: Arc<Ledger>,
    pub(crate) calls: AtomicU64,
    /// Taken alone by who inspects.
    floor: RwLock<()>,
    /// Calls that were given up and may still be under way at the server.
    given_up: Mutex<Vec<u64>>,
}

impl Run {
    pub(crate) fn new(
        auth: &SkewAuthLayer,
        rate: &RateLimitBackoffLayer,
        ledger: &Arc<Ledger>,
        address: SocketAddr,
    ) -> Arc<Self> {
        let stack = ServiceBuilder::new()
            .layer(Retry401Layer::new())
            .layer(rate.clone())
            .layer(auth.clone())
            .service(Numbered::new(https(), ledger.clone()));
        Arc::new(Self {
            stack,
            auth: auth.clone(),
            rate: rate.clone(),
            url: format!("http://{address}/api"),
            ledger: ledger.clone(),
            calls: AtomicU64::new(0),
            floor: RwLock::default(),
            given_up: Mutex::default(),
        })
    }

    pub(crate) async fn caller(self: Arc<Self>, mut dice: Rng, end: Instant) {
        while Instant::now() < end {
            let floor = self.floor.read().await;
            let call = self.calls.fetch_add(1, SeqCst);
            self.ledger.begun(call);
            let gives_up = (dice.u8(..100) == 0).then(|| Duration::from_millis(dice.u64(..40)));
            let reads = dice.u8(..20) > 0;
            let request = self.request(call, &mut dice);
            let ends = self.clone().call(request, reads);
            let told = match gives_up {
                Some(patience) => timeout(patience, ends).await.ok(),
                None => Some(self.patiently(call, ends).await),
            };
            match told {
                Some(told) => self.ledger.settle(call, &told),
                None => self.given_up.lock().unwrap().push(call),
            }
            drop(floor);
            sleep(Duration::from_millis(dice.u64(..10))).await;
        }
    }

    /// Waits for a minute, second by second: where the whole machine stands still for long, that is one of them.
    async fn patiently(&self, call: u64, ends: impl Future<Output = Told>) -> Told {
        let mut ends = pin!(ends);
        for _ in 0..60 {
            if let Ok(told) = timeout(SECOND, ends.as_mut()).await {
                return told;
            }
        }
        let (auth, rate) = (self.auth.status(), self.rate.status());
        panic!("call {call} hangs: {auth}; {rate}");
    }

    fn request(&self, call: u64, dice: &mut Rng) -> Request<Body> {
        let (request, length) = match dice.bool() {
            true => (Request::get(&self.url), 0),
            false => (Request::post(&self.url), dice.usize(..32_768)),
        };
        let body = Full::from(vec![b'u'; length]);
        request.header(CALL, call).body(body).unwrap()
    }

    async fn call(self: Arc<Self>, request: Request<Body>, reads: bool) -> Told {
        let error = match self.stack.clone().oneshot(request).await {
            Ok(response) => {
                let status = response.status().as_u16();
                if !reads {
                    return Told::Reply {
                        status,
                        whole: true,
                        of: None,
                    };
                }
                let body = response.into_body().collect().await.ok();
                let text = body.map(|body| body.to_bytes());
                let number = text.as_ref().and_then(|text| {
                    let text = std::str::from_utf8(text).ok()?;
                    text.split(' ').next()?.parse().ok()
                });
                return Told::Reply {
                    status,
                    whole: text.is_some(),
                    of: number.filter(|_| status == 200),
                };
            }
            Err(error) => error,
        };
        let text = error.to_string();
        if error.is::<TokenError>() {
            Told::NoToken(text)
        } else if error.is::<RateLimited>() {
            Told::Limited(text)
        } else {
            Told::Broken(text)
        }
    }

    /// Stops everyone, hangs up, and counts what is there then: with no connection there are no buffers of connections,
    /// which are as large as what came through them lately. In bytes.
    pub(crate) async fn inspect(&self, server: &Rough) -> usize {
        let _floor = timeout(90 * SECOND, self.floor.write())
            .await
            .expect("a call hangs");
        // What was given up may still be executed.
        sleep(SECOND / 2).await;
        for call in self.given_up.lock().unwrap().drain(..) {
            self.ledger.settle(call, &Told::GaveUp);
        }
        assert_eq!(self.ledger.open(), 0, "calls are unaccounted for");
        server.hang_up();
        let alone = async {
            // The callers', the watch, one for each client's pool, and perhaps a refresh.
            while server.counts.connections.load(SeqCst) > 0 || tasks() > CALLERS + 4 {
                sleep(SECOND / 100).await;
            }
        };
        timeout(16 * SECOND, alone).await.unwrap_or_else(|_| {
            let connections = server.counts.connections.load(SeqCst);
            panic!(
                "{} tasks, {connections} connections, and nothing is under way",
                tasks()
            )
        });
        MEMORY.current_usage()
    }
}

pub(crate) fn tasks() -> usize {
    Handle::current().metrics().num_alive_tasks()
}
