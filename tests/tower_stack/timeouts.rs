//! What a timeout bounds: above the layers a call with its waits, below them each sending and no wait.

use clearance::SkewAuthLayer;
use http::Method;
use tokio::time::Instant;
use tower::{ServiceBuilder, ServiceExt, timeout::error::Elapsed};

use crate::{
    API, SECOND, agents, recommended, request,
    server::{Server, limits_once, reply},
    tokens,
};

#[tokio::test(start_paused = true)]
async fn a_timeout_above_bounds_the_call_with_its_waits() {
    let server = Server::new(limits_once);
    let stack = recommended(SkewAuthLayer::new(tokens()), server.service());
    let stack = ServiceBuilder::new().timeout(10 * SECOND).service(stack);
    let start = Instant::now();
    let error = stack.oneshot(agents()).await.unwrap_err();
    assert!(error.is::<Elapsed>(), "{error}");
    assert_eq!((start.elapsed(), server.sends()), (10 * SECOND, 1));
}

#[tokio::test(start_paused = true)]
async fn a_timeout_below_bounds_each_sending_and_no_wait() {
    let server = Server::new(|seen, before| match seen.url.as_str() {
        "https://api.example.com/never" => None,
        _ => limits_once(seen, before),
    });
    let limited = ServiceBuilder::new()
        .timeout(10 * SECOND)
        .service(server.service());
    let stack = recommended(SkewAuthLayer::new(tokens()), limited);
    let start = Instant::now();
    let answer = stack.clone().oneshot(agents()).await.unwrap();
    assert_eq!(
        (answer.status().as_u16(), start.elapsed().as_secs()),
        (200, 30)
    );
    assert_eq!(server.sends(), 2);

    let start = Instant::now();
    let never = request(Method::GET, &format!("{API}/never"));
    let error = stack.oneshot(never).await.unwrap_err();
    assert!(error.is::<Elapsed>(), "{error}");
    // And the turn of a call, of which there are fifteen a second at first.
    assert_eq!((start.elapsed().as_secs(), server.sends()), (10, 3));
}

/// What a call gives up waiting for is not lost: the next one finds the token.
#[tokio::test(start_paused = true)]
async fn a_timeout_above_does_not_cancel_a_refresh() {
    let server = Server::new(|_, _| Some(reply(200)));
    let source = tokens().with_delay(12 * SECOND);
    let stack = recommended(SkewAuthLayer::new(source.clone()), server.service());
    let stack = ServiceBuilder::new().timeout(10 * SECOND).service(stack);
    let error = stack.clone().oneshot(agents()).await.unwrap_err();
    assert!(error.is::<Elapsed>(), "{error}");
    assert_eq!(server.sends(), 0);
    assert_eq!(stack.oneshot(agents()).await.unwrap().status(), 200);
    assert_eq!((source.fetches(), server.sends()), (1, 1));
}
