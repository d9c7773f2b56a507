//! A server behind a limiter, callers in a closed loop, and what came of it.

use http::header::DATE;
use tokio::task::JoinSet;
use tower::{Layer, service_fn};

use super::{limiter::Limiter, *};

/// How a server says when to come back.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Told {
    Seconds,
    Date,
    Nothing,
}

/// One run.
#[derive(Clone)]
pub(super) struct Field {
    pub(super) limiter: Limiter,
    pub(super) told: Told,
    pub(super) round_trip: Duration,
    /// Calls a second that 64 callers make together, as far as they are not kept waiting.
    pub(super) demand: f64,
    pub(super) seconds: u64,
    pub(super) layer: RateLimitBackoffLayer,
}

/// What a run left behind. All times are from its start, in seconds.
#[derive(Debug, Default)]
pub(super) struct Record {
    /// When a request was let through, and when one was refused.
    pub(super) passed: Vec<f64>,
    pub(super) refused: Vec<f64>,
    /// When a call began, how long it was held, and its status in the end.
    pub(super) calls: Vec<(f64, f64, u16)>,
}

impl Field {
    pub(super) fn new(limiter: Limiter) -> Self {
        Self {
            limiter,
            told: Told::Seconds,
            round_trip: Duration::from_millis(50),
            demand: 64.0,
            seconds: 60,
            layer: layer(),
        }
    }

    /// 64 callers, each with its own schedule; one that is late does not catch up.
    pub(super) fn run(&self, seed: u64) -> Record {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        fastrand::seed(seed);
        let record = Arc::new(Mutex::new(Record::default()));
        runtime.block_on(self.callers(seed, Arc::clone(&record)));
        drop(runtime);
        std::mem::take(&mut *record.lock().unwrap())
    }

    async fn callers(&self, seed: u64, record: Arc<Mutex<Record>>) {
        let start = Instant::now();
        let service = self
            .layer
            .layer(self.server(seed, start, Arc::clone(&record)));
        let end = start + Duration::from_secs(self.seconds);
        let period = Duration::from_secs_f64(64.0 / self.demand);
        let mut dice = fastrand::Rng::with_seed(seed ^ 0xca11);
        let mut callers = JoinSet::new();
        for _ in 0..64 {
            let mut due = start + period.mul_f64(dice.f64());
            let (service, record) = (service.clone(), Arc::clone(&record));
            callers.spawn(async move {
                while due < end {
                    tokio::time::sleep_until(due).await;
                    let began = start.elapsed().as_secs_f64();
                    let reply = send(&service, get("/")).await;
                    let waited = reply.extensions().get::<crate::Waited>();
                    let waited = waited.map_or(0.0, |waited| waited.total.as_secs_f64());
                    let call = (began, waited, reply.status().as_u16());
                    record.lock().unwrap().calls.push(call);
                    due = (due + period).max(Instant::now());
                }
            });
        }
        callers.join_all().await;
    }

    /// Calls that do not wait for each other, each of use for `budget`: how many succeeded, how many were refused early,
    /// and the longest that one of these waited.
    pub(super) fn open_loop(
        &self,
        seed: u64,
        demand: f64,
        seconds: u32,
        budget: Duration,
    ) -> (usize, usize, f64) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        fastrand::seed(seed);
        runtime.block_on(async {
            let start = Instant::now();
            let record = Arc::new(Mutex::new(Record::default()));
            let service = self
                .layer
                .layer(self.server(seed, start, Arc::clone(&record)));
            let mut calls = JoinSet::new();
            for nth in 0..(demand * f64::from(seconds)) as u32 {
                let at = start + Duration::from_secs_f64(f64::from(nth) / demand);
                tokio::time::sleep_until(at).await;
                let mut request = get("/");
                request.extensions_mut().insert(MaxWait(budget));
                let call = service.clone().oneshot(request);
                calls.spawn(async move {
                    let good = call.await.is_ok_and(|reply| reply.status() == 200);
                    (good, at.elapsed().as_secs_f64())
                });
            }
            let (mut done, mut refused, mut latest) = (0, 0, 0.0_f64);
            for (good, took) in calls.join_all().await {
                match good {
                    true => done += 1,
                    false => (refused, latest) = (refused + 1, latest.max(took)),
                }
            }
            (done, refused, latest)
        })
    }

    fn server(
        &self,
        seed: u64,
        start: Instant,
        record: Arc<Mutex<Record>>,
    ) -> impl Service<Request<Body>, Response = Reply, Error = Infallible, Future: Send>
    + Clone
    + Send
    + 'static {
        let dice = fastrand::Rng::with_seed(seed);
        let limiter = Arc::new(Mutex::new((self.limiter.clone(), dice)));
        let (told, half) = (self.told, self.round_trip / 2);
        service_fn(move |_: Request<Body>| {
            let (limiter, record) = (Arc::clone(&limiter), Arc::clone(&record));
            async move {
                // Networks and schedulers are not exact either.
                let jitter = Duration::from_secs_f64(limiter.lock().unwrap().1.f64() * 0.002);
                sleep(half + jitter).await;
                let at = start.elapsed();
                let admitted = limiter.lock().unwrap().0.admit(at);
                {
                    let mut record = record.lock().unwrap();
                    match admitted {
                        Ok(()) => record.passed.push(at.as_secs_f64()),
                        Err(_) => record.refused.push(at.as_secs_f64()),
                    }
                }
                let mut answer = reply((if admitted.is_ok() { 200 } else { 429 }, None));
                if let Err(wait) = admitted {
                    tell(&mut answer, told, at, wait);
                }
                sleep(half).await;
                Ok(answer)
            }
        })
    }
}

fn tell(answer: &mut Reply, told: Told, at: Duration, wait: Duration) {
    let date = |seconds: u64| {
        let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
        let text = format!(
            "Sun, 06 Nov 1994 {hours:02}:{minutes:02}:{:02} GMT",
            seconds % 60
        );
        http::HeaderValue::from_str(&text).unwrap()
    };
    let headers = answer.headers_mut();
    let up = |duration: Duration| duration.as_secs_f64().ceil() as u64;
    match told {
        Told::Seconds => {
            headers.insert(RETRY_AFTER, up(wait).max(1).into());
        }
        Told::Date => {
            headers.insert(DATE, date(at.as_secs()));
            headers.insert(RETRY_AFTER, date(up(at + wait)));
        }
        Told::Nothing => {}
    }
}

impl Record {
    /// Requests let through a second, from second `from` to second `to`.
    pub(super) fn rate(&self, from: f64, to: f64) -> f64 {
        let within = |at: &&f64| (from..to).contains(*at);
        self.passed.iter().filter(within).count() as f64 / (to - from)
    }

    pub(super) fn refusals(&self, from: f64, to: f64) -> usize {
        self.refused
            .iter()
            .filter(|at| (from..to).contains(*at))
            .count()
    }

    /// Refusals per hundred that were let through, from second `from` on.
    pub(super) fn refused_percent(&self, from: f64) -> f64 {
        let passed = self.passed.iter().filter(|at| **at >= from).count();
        100.0 * self.refusals(from, f64::MAX) as f64 / passed as f64
    }

    /// The longest wait of a call that began at second `from` or later, and the median of those that had to wait.
    pub(super) fn waits(&self, from: f64) -> (f64, f64) {
        let late = self
            .calls
            .iter()
            .filter(|(began, waited, _)| *began >= from && *waited > 0.0);
        let mut waits: Vec<_> = late.map(|(_, waited, _)| *waited).collect();
        waits.sort_by(f64::total_cmp);
        match waits.last() {
            Some(longest) => (*longest, waits[waits.len() / 2]),
            None => (0.0, 0.0),
        }
    }

    pub(super) fn longest(&self) -> f64 {
        self.calls
            .iter()
            .map(|(_, waited, _)| *waited)
            .fold(0.0, f64::max)
    }

    pub(super) fn lost(&self) -> usize {
        self.calls
            .iter()
            .filter(|(_, _, status)| *status != 200)
            .count()
    }
}
