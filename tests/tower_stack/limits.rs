//! Limits on concurrency and on rate, load that is shed, and buffers: does a call that waits take a place from others?

use std::future::Future;

use bytes::Bytes;
use clearance::{Audience, SkewAuthLayer};
use clearance_oauth::ClientCredentials;
use clearance_test::sim::Genesys;
use http::{Method, Request, Response};
use http_body_util::Full;
use tokio::time::{Instant, sleep, timeout};
use tower::{
    Layer, Service, ServiceBuilder, ServiceExt,
    buffer::BufferLayer,
    limit::{GlobalConcurrencyLimitLayer, RateLimitLayer},
    load_shed::{LoadShedLayer, error::Overloaded},
};

use crate::{
    SECOND, agents, recommended, request,
    server::{LATENCY, Server, limits_once, reply},
    streamed::Streamed,
    tokens,
};

#[tokio::test(start_paused = true)]
async fn a_concurrency_limit_of_one_below_is_shared_with_the_token_source() {
    let platform = Genesys::builder()
        .rate_limit(10, 5 * SECOND)
        .latency(LATENCY)
        .build();
    let limit = GlobalConcurrencyLimitLayer::new(1);
    let source = ClientCredentials::new(
        &format!("{}/oauth/token", platform.login_url()),
        Genesys::CLIENT_ID,
        Genesys::CLIENT_SECRET,
        Audience::any().insecure_plain_http(),
    )
    .unwrap()
    .with_client::<_, Full<Bytes>>(limit.layer(platform.clone()));
    let stack = recommended(SkewAuthLayer::new(source), limit.layer(platform.clone()));

    let url = format!("{}/api/v2/users", platform.api_url());
    let mut calls = Vec::new();
    for caller in 0..16 {
        let (stack, url, platform) = (stack.clone(), url.clone(), platform.clone());
        calls.push(tokio::spawn(async move {
            for nth in 0..2 {
                if (caller, nth) == (7, 1) {
                    platform.revoke_all();
                }
                let answer = stack.clone().oneshot(request(Method::GET, &url)).await;
                assert_eq!(answer.unwrap().status(), 200);
            }
        }));
    }
    for call in calls {
        within_reason(call).await.unwrap();
    }
    let counters = platform.counters();
    assert_eq!(
        (counters.token_requests, counters.api_answers(200)),
        (2, 32)
    );
    assert!(
        counters.throttled() > 0 && counters.unauthorized() > 0,
        "{counters:?}"
    );
}

/// Paused time passes at once, and a call that waits for nothing would wait for ever.
async fn within_reason<F: Future>(call: F) -> F::Output {
    timeout(600 * SECOND, call).await.expect("a deadlock")
}

/// One call waits out a pause of 30 s, in which another one goes to another host and a third to the same.
async fn during_a_wait<S, R, E>(server: &Server, stack: S) -> (Result<u16, E>, Result<u16, E>)
where
    S: Service<Request<Streamed>, Response = Response<R>, Error = E> + Clone + Send + 'static,
    S::Future: Send,
    E: std::fmt::Debug + Send + 'static,
    R: Send + 'static,
{
    let start = Instant::now();
    let call = |url: &str| {
        let call = stack.clone().oneshot(request(Method::GET, url));
        tokio::spawn(async { call.await.map(|answer| answer.status().as_u16()) })
    };
    let waits = call("https://api.example.com/agents");
    sleep(SECOND).await;
    assert_eq!(server.sends(), 1);
    let other = call("https://other.example.com/agents").await.unwrap();
    assert_eq!(start.elapsed().as_secs(), 1);
    let held = call("https://api.example.com/agents").await.unwrap();
    assert_eq!(waits.await.unwrap().unwrap(), 200);
    assert_eq!(start.elapsed().as_secs(), 30);
    (other, held)
}

#[tokio::test(start_paused = true)]
async fn load_is_not_shed_for_a_wait_where_the_limit_is_below() {
    let server = Server::new(limits_once);
    let limit = GlobalConcurrencyLimitLayer::new(1);
    let stack = recommended(SkewAuthLayer::new(tokens()), limit.layer(server.service()));
    let stack = LoadShedLayer::new().layer(stack);
    let (other, held) = within_reason(during_a_wait(&server, stack.clone())).await;
    assert_eq!(
        (other.unwrap(), held.unwrap(), server.sends()),
        (200, 200, 4)
    );

    // What it is for: a call that finds the only place taken by a sending. Where a limit was met, calls leave apart.
    let elsewhere = || request(Method::GET, "https://other.example.com/agents");
    let (one, other) = tokio::join!(
        stack.clone().oneshot(elsewhere()),
        stack.oneshot(elsewhere())
    );
    assert_eq!(one.unwrap().status(), 200);
    assert!(other.unwrap_err().is::<Overloaded>());
    assert_eq!(server.sends(), 5);
}

#[tokio::test(start_paused = true)]
async fn load_is_shed_for_a_wait_where_the_limit_is_above() {
    let server = Server::new(limits_once);
    let stack = recommended(SkewAuthLayer::new(tokens()), server.service());
    let stack = GlobalConcurrencyLimitLayer::new(1).layer(stack);
    let (other, held) =
        within_reason(during_a_wait(&server, LoadShedLayer::new().layer(stack))).await;
    assert!(other.unwrap_err().is::<Overloaded>());
    assert!(held.unwrap_err().is::<Overloaded>());
    assert_eq!(server.sends(), 2);
}

/// tower's `RateLimit` is not `Clone`, since its clones would each have a limit of their own.
#[tokio::test(start_paused = true)]
async fn a_buffer_makes_a_service_usable_that_is_not_clone() {
    let server = Server::new(|seen, _| match seen.token.as_str() {
        "stale" => Some(reply(401)),
        _ => Some(reply(200)),
    });
    let paced = ServiceBuilder::new()
        .layer(BufferLayer::new(16))
        .layer(RateLimitLayer::new(2, SECOND))
        .service(server.service());
    let stack = recommended(SkewAuthLayer::new(tokens()), paced);
    for _ in 0..6 {
        let answer = stack.clone().oneshot(agents()).await.unwrap();
        assert_eq!(answer.status(), 200);
    }
    // The replay counts as well.
    let seen = server.seen();
    assert_eq!(seen.len(), 7);
    for three in seen.windows(3) {
        assert!(three[2].at - three[0].at >= SECOND, "{three:?}");
    }
}
