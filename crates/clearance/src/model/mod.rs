//! Models of what goes on at once: short scenes of the token cache and of the shared pause, each played again and again,
//! every time in another order.
//!
//! What is played is the library's own code. Where a model is built ([`sync`](crate::sync)), its locks, atomics and tasks
//! are those of [shuttle](https://docs.rs/shuttle), which stops before and after each of their operations and lets
//! another task go on: one by chance, or by priorities that change a few times at random (PCT). Tokio's `watch` and
//! arc-swap are left as they are, so that each of their operations is one step. [`World::pass`] moves tokio's clock; in
//! the scenes that never call it a lost wake-up is a deadlock, since no timer comes to help, and shuttle reports it.
//!
//! ```text
//! RUSTFLAGS="--cfg clearance_model" cargo test -p clearance --lib --profile model model:: -- --nocapture
//! ```
//!
//! Each scene is played for as long as `CLEARANCE_MODEL_SECONDS` says (2) and tells how often that was. Where one fails
//! the schedule is printed: with it in `CLEARANCE_MODEL_REPLAY` the same test plays that schedule alone.

mod tasks;

use std::{
    collections::BTreeMap,
    env,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use shuttle::{
    Config, MaxSteps, Runner,
    scheduler::{DfsScheduler, PctScheduler, RandomScheduler, ReplayScheduler, Scheduler},
};
use tokio::runtime::{Builder, Runtime};

pub(crate) use self::tasks::{Handle, Planned, began, revive, shut_down, vanish};

/// Over a pass of a scene: its time, and what happened in it.
#[derive(Clone)]
pub(crate) struct World {
    runtime: Arc<Runtime>,
    seen: Seen,
}

/// What happened how often, over all passes of a scene.
#[derive(Clone, Default)]
pub(crate) struct Seen(Arc<Mutex<BTreeMap<&'static str, usize>>>);

/// Plays a scene in as many random orders as there is time for.
pub(crate) fn explore(scene: impl Fn(&World) + Clone + Send + Sync + 'static) -> Seen {
    let seen = Seen::default();
    if let Ok(schedule) = env::var("CLEARANCE_MODEL_REPLAY") {
        let replay = ReplayScheduler::new_from_encoded(&schedule);
        play(replay, None, &seen, scene);
        return seen;
    }
    let half = seconds() / 2.0;
    let random = RandomScheduler::new(usize::MAX);
    let random = play(random, Some(half), &seen, scene.clone());
    let pct = play(PctScheduler::new(3, usize::MAX), Some(half), &seen, scene);
    tell(&format!(
        "{random} random schedules, {pct} by PCT; {seen:?}"
    ));
    seen
}

/// Plays a scene in every order that there is, one after the other, or in the first `most` of them.
pub(crate) fn exhaust(most: usize, scene: impl Fn(&World) + Send + Sync + 'static) -> Seen {
    let seen = Seen::default();
    let played = play(DfsScheduler::new(Some(most), false), None, &seen, scene);
    let all = if played < most { "all" } else { "the first" };
    tell(&format!("{all} {played} schedules; {seen:?}"));
    seen
}

fn seconds() -> f64 {
    let said = env::var("CLEARANCE_MODEL_SECONDS").ok();
    said.map_or(2.0, |said| said.parse().expect("a number of seconds"))
}

fn tell(what: &str) {
    println!("{}: {what}", std::thread::current().name().unwrap_or("?"));
}

fn play<S: Scheduler + 'static>(
    scheduler: S,
    seconds: Option<f64>,
    seen: &Seen,
    scene: impl Fn(&World) + Send + Sync + 'static,
) -> usize {
    let mut config = Config::new();
    config.stack_size = 256 * 1024;
    config.max_steps = MaxSteps::FailAfter(100_000);
    config.max_time = seconds.map(Duration::from_secs_f64);
    config.silence_warnings = true;
    let runtime = Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime");
    let world = World {
        runtime: Arc::new(runtime),
        seen: seen.clone(),
    };
    // There is a clock for as long as any task is under way: one may be in the middle of a poll when its scene ends.
    let runtime = world.runtime.clone();
    let _time = runtime.enter();
    Runner::new(scheduler, config).run(move || {
        // The same schedule has to do the same each time.
        fastrand::seed(0);
        tasks::begin();
        scene(&world);
        shut_down();
    })
}

impl World {
    /// Lets time pass for all, and wakes those whose timers are due.
    pub(crate) fn pass(&self, time: Duration) {
        self.runtime.block_on(tokio::time::advance(time));
    }

    pub(crate) fn note(&self, what: &'static str) {
        self.seen.note(what);
    }
}

impl Seen {
    pub(crate) fn note(&self, what: &'static str) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.entry(what).or_default() += 1;
    }

    /// A scene in which the matter at hand never came up has shown nothing.
    pub(crate) fn must_include<const N: usize>(&self, all: [&str; N]) {
        if env::var_os("CLEARANCE_MODEL_REPLAY").is_some() {
            return;
        }
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for what in all {
            assert!(counts.contains_key(what), "never happened: {what}");
        }
    }
}

impl std::fmt::Debug for Seen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).fmt(f)
    }
}
