//! A source that panics or blocks its thread: who learns of it, and who is held up?

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
        mpsc,
    },
    time::Duration,
};

use clearance::{Audience, SkewAuthLayer, Token, TokenError, TokenSource, token_source_fn};
use http::Request;
use tokio::{
    runtime::Builder,
    sync::Notify,
    time::{sleep, timeout},
};
use tower::{Layer, ServiceExt};

use crate::{
    paused,
    support::{Api, Body, SECOND, get, stack},
    tasks,
};

/// Panics where it is told to, the first few times.
struct Panics {
    place: Place,
    left: AtomicUsize,
    fetches: Arc<AtomicUsize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Before there is a future.
    Closure,
    Fetch,
    Audience,
}

impl Panics {
    fn at(&self, place: Place) {
        let left = |left: usize| left.checked_sub(1);
        if self.place == place && self.left.fetch_update(SeqCst, SeqCst, left).is_ok() {
            panic!("a source that panics in {place:?}");
        }
    }
}

impl TokenSource for Panics {
    fn fetch(&self) -> impl Future<Output = Result<Token, TokenError>> + Send {
        self.fetches.fetch_add(1, SeqCst);
        self.at(Place::Closure);
        async {
            sleep(SECOND).await;
            self.at(Place::Fetch);
            Ok(Token::bearer("t0k3n")?.with_lifetime(300 * SECOND))
        }
    }

    fn audience(&self) -> Option<Audience> {
        self.at(Place::Audience);
        Some(Audience::any())
    }
}

#[test]
fn wherever_a_source_panics_its_waiters_learn_and_the_next_call_works() {
    for place in [Place::Closure, Place::Fetch, Place::Audience] {
        for times in 1..4 {
            let fetches = Arc::new(AtomicUsize::new(0));
            let source = Panics {
                place,
                left: AtomicUsize::new(times),
                fetches: fetches.clone(),
            };
            let (auth, stack) = stack(source, Api::new(|_, _| 200).service());
            paused().block_on(async {
                let calls: Vec<_> = (0..10)
                    .map(|_| tokio::spawn(stack.clone().oneshot(get())))
                    .collect();
                for call in calls {
                    // `audience` is asked by the callers themselves, too, who panic with it then.
                    match timeout(60 * SECOND, call).await.expect("a call hangs") {
                        Ok(Err(error)) => {
                            assert!(error.to_string().contains("panicked"), "{error}");
                        }
                        Ok(Ok(reply)) => assert_eq!(reply.status(), 200),
                        Err(ended) => assert!(ended.is_panic() && place == Place::Audience),
                    }
                }
                // Once is a slip; after that the source is held off as after any failure.
                sleep(30 * SECOND).await;
                while stack.clone().oneshot(get()).await.is_err() {
                    assert!(fetches.load(SeqCst) <= times, "{}", auth.status());
                    sleep(30 * SECOND).await;
                }
                assert_eq!(tasks(), 0);
            });
        }
    }
}

/// In real time: paused time stands still with the thread.
#[test]
fn a_source_that_blocks_its_thread_blocks_nobody_else() {
    let runtime = Builder::new_multi_thread()
        .worker_threads(2)
        .enable_time()
        .build()
        .unwrap();
    let (release, released) = mpsc::channel();
    let released = Arc::new(Mutex::new(released));
    let blocked = Arc::new(Notify::new());
    let blocks = blocked.clone();
    let audience = Audience::origin("https://api.example.com").unwrap();
    let source = token_source_fn(audience, move || {
        let (released, blocks) = (released.clone(), blocks.clone());
        async move {
            blocks.notify_one();
            let waited = released
                .lock()
                .unwrap()
                .recv_timeout(Duration::from_secs(20));
            waited.map_err(|_| TokenError::unavailable("nobody released it"))?;
            Token::bearer("t0k3n")
        }
    });
    let auth = SkewAuthLayer::new(source);
    let stack = auth.layer(Api::new(|_, _| 200).service());
    runtime.block_on(async {
        let limit = Duration::from_secs(30);
        let waits = tokio::spawn(stack.clone().oneshot(get()));
        timeout(limit, blocked.notified()).await.unwrap();
        assert!(auth.status().refreshing);
        // A call that needs no token is served, one that gives up ends at once, and `status` does not wait.
        let other = Request::get("https://files.example.com/").body(Body::default());
        let reply = timeout(limit, stack.clone().oneshot(other.unwrap()))
            .await
            .unwrap();
        assert_eq!(reply.unwrap().status(), 200);
        let gives_up = tokio::spawn(stack.clone().oneshot(get()));
        gives_up.abort();
        assert!(
            timeout(limit, gives_up)
                .await
                .unwrap()
                .unwrap_err()
                .is_cancelled()
        );
        release.send(()).unwrap();
        let reply = timeout(limit, waits).await.unwrap().unwrap().unwrap();
        assert_eq!(reply.status(), 200);
        assert_eq!(auth.status().refreshes.total(), 1);
    });
}
