//! How often the issuer is asked, and for how long, when all tasks need another token at once.

use std::{fmt::Debug, time::Duration};

use benches::{
    bare::{Bare, Body},
    figures::{median, tell},
    load::Case,
};
use clearance::{RateLimitBackoffLayer, ReplayBodyLayer, Retry401Layer, SkewAuthLayer};
use http::{Request, Response, StatusCode};
use tokio::{
    task::JoinSet,
    time::{Instant, sleep},
};
use tower::{Layer, Service, ServiceBuilder, ServiceExt};

use crate::{FETCH, issuer::Issuer, revoking::Revoking};

#[derive(Clone, Copy)]
pub(crate) enum Herd {
    /// The token is past its end, so all must wait for the next one.
    Expired,
    /// The token is refused, to all of them.
    Refused,
}

pub(crate) async fn several(herd: Herd, tasks: usize, rounds: usize) {
    let name = match herd {
        Herd::Expired => "expired token",
        Herd::Refused => "refused token",
    };
    let case = format!("{tasks} tasks");
    let mut times = Vec::new();
    let mut most = 0;
    for _ in 0..rounds {
        let (fetches, taken) = match herd {
            Herd::Expired => expired(tasks).await,
            Herd::Refused => refused(tasks).await,
        };
        most = most.max(fetches);
        times.push(taken.as_secs_f64() / FETCH.as_secs_f64());
    }
    tell(
        "refresh",
        name,
        &case,
        "fetches, most of the rounds",
        most as f64,
    );
    tell("refresh", name, &case, "time / one fetch", median(times));
}

async fn expired(tasks: usize) -> (usize, Duration) {
    let issuer = Issuer::default();
    let lifetime = Duration::from_secs(1);
    let auth = SkewAuthLayer::new(issuer.source(lifetime));
    let service = auth.layer(Bare::default());
    service
        .clone()
        .oneshot(Case::COMMON.request())
        .await
        .expect("a token");
    sleep(lifetime).await;
    let before = issuer.fetches();
    let begun = Instant::now();
    all_at_once(tasks, &service).await;
    (issuer.fetches() - before, begun.elapsed())
}

async fn refused(tasks: usize) -> (usize, Duration) {
    let issuer = Issuer::default();
    let auth = SkewAuthLayer::new(issuer.source(Duration::from_secs(3_600)));
    let api = Revoking::default();
    let service = ServiceBuilder::new()
        .layer(ReplayBodyLayer::new())
        .layer(Retry401Layer::new())
        .layer(RateLimitBackoffLayer::new())
        .layer(auth)
        .service(api.clone());
    let accepted = service.clone().oneshot(Case::COMMON.request()).await;
    assert_eq!(accepted.expect("a reply").status(), StatusCode::OK);
    let before = issuer.fetches();
    api.revoke(tasks);
    all_at_once(tasks, &service).await;
    (issuer.fetches() - before, api.since_refused())
}

/// A request from each of so many tasks, all of which succeed.
async fn all_at_once<S>(tasks: usize, service: &S)
where
    S: Service<Request<Body>, Response = Response<Body>, Error: Debug + Send, Future: Send>
        + Clone
        + Send
        + 'static,
{
    let mut set = JoinSet::new();
    for _ in 0..tasks {
        set.spawn(service.clone().oneshot(Case::COMMON.request()));
    }
    for reply in set.join_all().await {
        assert_eq!(reply.expect("a reply").status(), StatusCode::OK);
    }
}
