//! What is left of the throughput when 1, 8, 64 or 512 tasks send over 2 workers?
//!
//! Each task has a clone of the service, builds its requests itself and gives way after every 32nd. The sides take turns
//! in slices of a tenth of a second, and what is told is the median of the ratios within a turn: others on the machine
//! take from all sides alike. The absolute rates are for information.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use benches::{
    bare::Body,
    figures::{median, tell},
    limits::Wanted,
    load::Case,
    sides::{self, Side, Visit},
};
use http::{Request, Response};
use tokio::{runtime::Runtime, task::JoinSet, time::Instant};
use tower::{Service, ServiceExt};

const SIDES: [Side; 6] = [
    Side::Static,
    Side::Auth,
    Side::Stack,
    Side::ReplayStack,
    Side::RetryStatic,
    Side::Textbook,
];
const TASKS: [usize; 4] = [1, 8, 64, 512];

/// Starts so many tasks, lets them send for so long, and says how many requests a second that was.
type Slice<'a> = Box<dyn FnMut(usize, Duration) -> f64 + 'a>;

fn main() {
    let (turns, long) = match Wanted::from_args() {
        Wanted::Test => (1, Duration::from_millis(10)),
        _ => (31, Duration::from_millis(100)),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_time()
        .build()
        .expect("a runtime");
    let mut slices = SIDES.map(|side| sides::over_bare(side, &Case::COMMON, Slices(&runtime)));
    let mut rates = vec![[const { Vec::new() }; TASKS.len()]; SIDES.len()];
    for _ in 0..turns {
        for (nth, tasks) in TASKS.into_iter().enumerate() {
            for (slice, rates) in slices.iter_mut().zip(&mut rates) {
                rates[nth].push(slice(tasks, long));
            }
        }
    }
    for (side, of_side) in SIDES.into_iter().zip(&rates) {
        for (nth, tasks) in TASKS.into_iter().enumerate() {
            let ratio = |to: &[f64]| {
                let pairs = of_side[nth].iter().zip(to);
                median(pairs.map(|(one, other)| one / other).collect())
            };
            let case = if tasks == 1 {
                "1 task".to_owned()
            } else {
                format!("{tasks} tasks")
            };
            tell(
                "contention",
                side,
                &case,
                "requests/s / static header",
                ratio(&rates[0][nth]),
            );
            tell(
                "contention",
                side,
                &case,
                "requests/s over 1 task",
                ratio(&of_side[0]),
            );
            tell(
                "contention",
                side,
                &case,
                "requests/s",
                median(of_side[nth].clone()),
            );
        }
    }
}

struct Slices<'a>(&'a Runtime);

impl<'a> Visit for Slices<'a> {
    type ResBody = Body;
    type Out = Slice<'a>;

    fn visit<S>(self, service: S) -> Slice<'a>
    where
        S: Service<Request<Body>, Response = Response<Body>> + Clone + Send + 'static,
        S::Error: fmt::Debug,
        S::Future: Send,
    {
        let Self(runtime) = self;
        let first = service.clone().oneshot(Case::COMMON.request());
        runtime.block_on(first).expect("a reply");
        Box::new(move |tasks, long| {
            let stop = Arc::new(AtomicBool::new(false));
            let sent = runtime.block_on(async {
                let mut set = JoinSet::new();
                for _ in 0..tasks {
                    set.spawn(send(service.clone(), stop.clone()));
                }
                tokio::time::sleep(long).await;
                stop.store(true, Ordering::Relaxed);
                set.join_all().await
            });
            // Each from its own first request to its last: with 512 tasks, starting them is not what is measured.
            sent.into_iter().sum()
        })
    }
}

/// Requests per second.
async fn send<S>(mut service: S, stop: Arc<AtomicBool>) -> f64
where
    S: Service<Request<Body>, Response = Response<Body>>,
    S::Error: fmt::Debug,
{
    let begun = Instant::now();
    let mut sent = 0_u64;
    while !stop.load(Ordering::Relaxed) {
        for _ in 0..32 {
            let ready = service.ready().await.expect("ready");
            let response = ready.call(Case::COMMON.request()).await;
            drop(std::hint::black_box(response.expect("a reply")));
        }
        sent += 32;
        tokio::task::yield_now().await;
    }
    sent as f64 / begun.elapsed().as_secs_f64()
}
