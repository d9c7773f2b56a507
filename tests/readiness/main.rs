//! No layer calls what was not made ready, holds a readiness across a wait, or leaves anything behind when it is dropped.

#![allow(clippy::unwrap_used, reason = "test code")]

mod dropped_calls;
mod kept;
mod orders;
mod outlived;
mod shared_limit;
#[path = "../support.rs"]
mod support;

use clearance::{RateLimitBackoffLayer, Retry401Layer, SkewAuthLayer};
use clearance_test::ScriptedSource;
use http::{Request, Response};
use support::{Body, BoxError, Seen, Verdict};
use tower::{Service, ServiceBuilder, ServiceExt, util::BoxCloneService};

type Stack = BoxCloneService<Request<Body>, Response<Body>, BoxError>;

/// Every layer alone, and all three in every order, over the same service.
fn stacks<S>(source: &ScriptedSource, service: &S) -> Vec<(&'static str, Stack)>
where
    S: Service<Request<Body>, Response = Response<Body>> + Clone + Send + 'static,
    S::Error: Into<BoxError> + Send + Sync,
    S::Future: Send,
{
    let auth = || SkewAuthLayer::new(source.clone());
    let (retry, rate) = (Retry401Layer::new, RateLimitBackoffLayer::new);
    macro_rules! stack {
        ($($layer:expr),*) => {
            BoxCloneService::new(ServiceBuilder::new()$(.layer($layer))*.service(service.clone().map_err(Into::into)))
        };
    }
    vec![
        ("auth", stack!(auth())),
        ("retry", stack!(retry())),
        ("rate", stack!(rate())),
        ("retry, rate, auth", stack!(retry(), rate(), auth())),
        ("retry, auth, rate", stack!(retry(), auth(), rate())),
        ("rate, retry, auth", stack!(rate(), retry(), auth())),
        ("rate, auth, retry", stack!(rate(), auth(), retry())),
        ("auth, retry, rate", stack!(auth(), retry(), rate())),
        ("auth, rate, retry", stack!(auth(), rate(), retry())),
    ]
}

/// Refuses the first token, and every third request for its rate.
fn rough(seen: &Seen, before: usize) -> Verdict {
    match (seen.token.as_str(), before % 3) {
        ("token-1", _) => 401.into(),
        (_, 2) => Verdict::from(429).with("retry-after", 1),
        _ => 200.into(),
    }
}
