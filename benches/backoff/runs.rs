//! What is run, and what is kept of it.

use std::time::Duration;

use tokio::{
    task::JoinSet,
    time::{Instant, sleep, timeout},
};

use crate::{
    limiter::Limiter,
    rivals::Rival,
    server::{Seen, Told, serve},
};

/// One rival against one limiter.
#[derive(Clone, Debug)]
pub struct Run {
    pub rival: Rival,
    pub row: &'static str,
    /// One of the five that the headline is the median of.
    pub main: bool,
    pub seconds: f64,
    told: Told,
    round_trip: Duration,
    demand: f64,
    limiter: Limiter,
}

/// What came of a run.
#[derive(Clone, Debug)]
pub struct Outcome {
    pub seen: Seen,
    pub calls: Vec<Ended>,
}

/// A call, in seconds.
#[derive(Clone, Copy, Debug)]
pub struct Ended {
    pub began: f64,
    /// Beyond the round trip.
    pub waited: f64,
    pub succeeded: bool,
}

pub const BUCKET: &str = "bucket 40/s, burst 10";
pub const BURST_1: &str = "bucket 40/s, burst 1";
pub const BURST_40: &str = "bucket 40/s, burst 40";
pub const FIXED: &str = "fixed window 40/1 s";
pub const SLIDING: &str = "sliding window 40/1 s";
pub const TEN_SECONDS: &str = "window 400/10 s";
pub const MINUTE: &str = "window 300/60 s";
pub const FALLS: &str = "40/s, 10/s from 30 to 50 s";
pub const OPEN: &str = "open loop";

const CALLERS: u32 = 64;
/// The open loop: calls a second, for how long, and how long each may take.
const OPEN_DEMAND: f64 = 200.0;
const OPEN_SECONDS: f64 = 20.0;
const DEADLINE: Duration = Duration::from_secs(30);

pub fn all() -> Vec<Run> {
    let mut all = vec![];
    for rival in Rival::ALL {
        let mut add = |row, limiter: &Limiter, seconds, told, demand, millis, main| {
            all.push(Run {
                rival: *rival,
                row,
                main,
                seconds,
                told,
                round_trip: Duration::from_millis(millis),
                demand,
                limiter: limiter.clone(),
            });
        };
        let five = [(64.0, 50), (200.0, 5), (64.0, 5), (200.0, 50), (64.0, 50)];
        let bucket = Limiter::bucket(40.0, 10.0);
        for _ in 0..5 {
            add(BUCKET, &bucket, 60.0, Told::Seconds, 64.0, 50, true);
        }
        for told in [Told::Seconds, Told::Date, Told::Nothing] {
            for (demand, millis) in [(64.0, 5), (64.0, 50), (200.0, 5), (200.0, 50)] {
                add(BUCKET, &bucket, 60.0, told, demand, millis, false);
            }
        }
        for (row, limiter, seconds) in [
            (BURST_1, Limiter::bucket(40.0, 1.0), 60.0),
            (BURST_40, Limiter::bucket(40.0, 40.0), 60.0),
            (FIXED, Limiter::fixed(40, 1.0), 60.0),
            (SLIDING, Limiter::sliding(40, 1.0), 60.0),
            (TEN_SECONDS, Limiter::fixed(400, 10.0), 60.0),
            (MINUTE, Limiter::fixed(300, 60.0), 180.0),
            (FALLS, Limiter::falling(40.0, 10.0, 10.0, 30.0, 50.0), 100.0),
        ] {
            for (demand, millis) in five {
                add(row, &limiter, seconds, Told::Seconds, demand, millis, false);
            }
        }
        for _ in 0..5 {
            let (seconds, demand) = (OPEN_SECONDS, OPEN_DEMAND);
            add(OPEN, &bucket, seconds, Told::Seconds, demand, 50, false);
        }
    }
    for number in 0..5 {
        let (demand, millis) = [(64.0, 50), (200.0, 5)][number % 2];
        all.push(Run {
            rival: Rival::Quota,
            row: BUCKET,
            main: true,
            seconds: 60.0,
            told: Told::Seconds,
            round_trip: Duration::from_millis(millis),
            demand,
            limiter: Limiter::bucket(40.0, 10.0),
        });
    }
    all
}

impl Run {
    pub async fn perform(&self) -> Outcome {
        let start = Instant::now();
        let limiter = self.limiter.clone();
        let (address, seen, _serving) = serve(limiter, self.told, self.round_trip, start).await;
        let call = self.rival.client(address);
        let round_trip = self.round_trip.as_secs_f64();
        let mut calls = JoinSet::new();
        if self.row == OPEN {
            let patience = DEADLINE - 2 * self.round_trip;
            let many = (OPEN_DEMAND * self.seconds) as u32;
            for number in 0..many {
                let call = call.clone();
                calls.spawn(async move {
                    sleep(Duration::from_secs_f64(f64::from(number) / OPEN_DEMAND)).await;
                    let began = start.elapsed().as_secs_f64();
                    let succeeded = timeout(DEADLINE, call(Some(patience)))
                        .await
                        .unwrap_or(false);
                    let waited = start.elapsed().as_secs_f64() - began - round_trip;
                    vec![Ended {
                        began,
                        waited,
                        succeeded,
                    }]
                });
            }
        } else {
            let period = f64::from(CALLERS) / self.demand;
            let end = self.seconds;
            for _ in 0..CALLERS {
                let call = call.clone();
                let mut due = period * fastrand::f64();
                calls.spawn(async move {
                    let mut calls = vec![];
                    while due < end {
                        let now = start.elapsed().as_secs_f64();
                        sleep(Duration::from_secs_f64((due - now).max(0.0))).await;
                        let began = start.elapsed().as_secs_f64();
                        let succeeded = call(None).await;
                        let now = start.elapsed().as_secs_f64();
                        let waited = now - began - round_trip;
                        calls.push(Ended {
                            began,
                            waited,
                            succeeded,
                        });
                        due = (due + period).max(now);
                    }
                    calls
                });
            }
        }
        let calls = calls.join_all().await.concat();
        let seen = seen.lock().expect("no panic").clone();
        Outcome { seen, calls }
    }
}

impl Outcome {
    /// Requests let through a second.
    pub fn rate(&self, from: f64, to: f64) -> f64 {
        let within = |at: &&f64| (from..to).contains(*at);
        self.seen.passed.iter().filter(within).count() as f64 / (to - from)
    }

    pub fn refusals(&self, from: f64, to: f64) -> usize {
        let within = |at: &&f64| (from..to).contains(*at);
        self.seen.refused.iter().filter(within).count()
    }

    /// Refusals per hundred that were let through.
    pub fn refused_percent(&self, from: f64) -> f64 {
        let passed = self.seen.passed.iter().filter(|at| **at >= from).count();
        100.0 * self.refusals(from, f64::MAX) as f64 / passed.max(1) as f64
    }

    pub fn longest(&self) -> f64 {
        self.calls
            .iter()
            .map(|call| call.waited)
            .fold(0.0, f64::max)
    }

    /// The longest wait over the median, of the calls that had to wait.
    pub fn unfairness(&self, from: f64) -> f64 {
        let late = self.calls.iter().filter(|call| call.began >= from);
        // Below that it is the machine's noise.
        let held = late.filter(|call| call.waited > 0.05);
        let mut waits: Vec<_> = held.map(|call| call.waited).collect();
        waits.sort_by(f64::total_cmp);
        let median = waits.get(waits.len() / 2).copied().unwrap_or(1.0);
        waits.last().copied().unwrap_or(1.0) / median
    }

    pub fn succeeded(&self) -> f64 {
        let succeeded = self.calls.iter().filter(|call| call.succeeded).count();
        100.0 * succeeded as f64 / self.calls.len().max(1) as f64
    }

    /// For how long at most a call of the open loop was kept waiting in vain: after it was clear that it had to fail,
    /// since those before it that got through took, at `allowed` a second, more than the time it had left.
    pub fn in_vain(&self, allowed: f64) -> f64 {
        let end = |call: &Ended| call.began + call.waited;
        let failed = self.calls.iter().filter(|call| !call.succeeded);
        let in_vain = failed.map(|call| {
            let before = |other: &&Ended| other.succeeded && other.began < call.began;
            let mut turns: Vec<_> = self.calls.iter().filter(before).map(end).collect();
            turns.retain(|turn| *turn > call.began);
            turns.sort_by(f64::total_cmp);
            let mut ahead = turns.len() as f64;
            let deadline = call.began + DEADLINE.as_secs_f64();
            let mut moments = std::iter::once(call.began).chain(turns);
            let clear = moments.find(|moment| {
                let is_clear = moment + ahead / allowed > deadline;
                ahead -= 1.0;
                is_clear
            });
            clear.map_or(0.0, |clear| end(call) - clear)
        });
        in_vain.fold(0.0, f64::max)
    }
}
