//! A server that answers each call by its number, at once, and remembers when each came.

use http::response::Builder;
use tokio::task::JoinSet;
use tower::Layer;

use super::*;

#[derive(Clone)]
pub(super) struct Answering {
    answer: Arc<dyn Fn(usize) -> Builder + Send + Sync>,
    start: Instant,
    arrived: Arc<Mutex<Vec<Duration>>>,
}

impl Answering {
    /// The first call is number 1.
    pub(super) fn by(answer: impl Fn(usize) -> Builder + Send + Sync + 'static) -> Self {
        Self {
            answer: Arc::new(answer),
            start: Instant::now(),
            arrived: Arc::default(),
        }
    }

    pub(super) fn arrived(&self) -> Vec<Duration> {
        self.arrived.lock().unwrap().clone()
    }

    /// How many calls came in any time as long as this.
    pub(super) fn most_in(&self, time: Duration) -> usize {
        let arrived = self.arrived();
        let from = |first: &Duration| {
            let later = arrived.iter().filter(|at| *at >= first);
            later.filter(|at| **at - *first < time).count()
        };
        arrived.iter().map(from).max().unwrap_or_default()
    }

    /// So many calls, so far apart, all of which get through in the end: how long each took.
    pub(super) async fn sends(&self, calls: usize, apart: Duration) -> Vec<Duration> {
        self.sends_by(layer(), calls, apart).await
    }

    pub(super) async fn sends_by(
        &self,
        layer: RateLimitBackoffLayer,
        calls: usize,
        apart: Duration,
    ) -> Vec<Duration> {
        let service = layer.layer(self.clone());
        let mut tasks = JoinSet::new();
        for nth in 0..calls {
            let call = service.clone().oneshot(get("/"));
            tasks.spawn(async move {
                let begun = Instant::now();
                assert_eq!(call.await.unwrap().status(), 200);
                (nth, begun.elapsed())
            });
            sleep(apart).await;
        }
        let mut took = tasks.join_all().await;
        took.sort_unstable();
        took.into_iter().map(|(_, took)| took).collect()
    }
}

impl Service<Request<Body>> for Answering {
    type Response = Reply;
    type Error = Infallible;
    type Future = std::future::Ready<Result<Reply, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<Body>) -> Self::Future {
        let mut arrived = self.arrived.lock().unwrap();
        arrived.push(self.start.elapsed());
        let reply = (self.answer)(arrived.len());
        std::future::ready(Ok(reply.body(Full::default()).unwrap()))
    }
}
