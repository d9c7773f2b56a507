//! The API of the herds: its refusals come all at once, so that all tasks need another token at once.

use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll},
    time::Duration,
};

use benches::{bare::Body, sides::BoxError};
use http::{Request, Response, StatusCode, header::AUTHORIZATION};
use tokio::{sync::Barrier, time::Instant};
use tower::Service;

/// An API that revokes the first token while requests with it are under way, and refuses all of them at once.
#[derive(Clone, Default)]
pub(crate) struct Revoking(Arc<Mutex<Option<Revoked>>>);

struct Revoked {
    all_sent: Arc<Barrier>,
    refused: Option<Instant>,
}

impl Revoking {
    pub(crate) fn revoke(&self, tasks: usize) {
        *self.0.lock().expect("not poisoned") = Some(Revoked {
            all_sent: Arc::new(Barrier::new(tasks)),
            refused: None,
        });
    }

    pub(crate) fn since_refused(&self) -> Duration {
        let state = self.0.lock().expect("not poisoned");
        let begun = state.as_ref().and_then(|revoked| revoked.refused);
        begun.expect("all were refused").elapsed()
    }
}

impl<B: Send + 'static> Service<Request<B>> for Revoking {
    type Response = Response<Body>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let this = self.clone();
        let first = request.headers()[AUTHORIZATION] == "Bearer token-0";
        Box::pin(async move {
            let barrier = {
                let state = this.0.lock().expect("not poisoned");
                state.as_ref().map(|revoked| revoked.all_sent.clone())
            };
            let mut response = Response::new(Body::default());
            if let (true, Some(barrier)) = (first, barrier) {
                if barrier.wait().await.is_leader() {
                    let mut state = this.0.lock().expect("not poisoned");
                    state.as_mut().expect("revoked").refused = Some(Instant::now());
                }
                *response.status_mut() = StatusCode::UNAUTHORIZED;
            }
            Ok(response)
        })
    }
}
