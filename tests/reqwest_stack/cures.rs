//! A refusal and a limit in the way of calls and uploads: are they cured, and does an upload arrive whole or not at all?

use std::time::Duration;

use clearance::{Audience, TokenSource, Waited};
use clearance_oauth::ClientCredentials;
use clearance_test::sim::{Fault, Genesys, RetryAfter, Running};
use http::Request;
use rustls::RootCertStore;

use crate::{
    get, read, reqwest,
    reqwest_adapter::ReqwestService,
    send, stack,
    streamed::{Streamed, pattern},
};

/// Tokens of the simulated platform, fetched by the same client.
fn tokens(running: &Running, reqwest: &ReqwestService) -> impl TokenSource {
    ClientCredentials::new(
        &format!("{}/oauth/token", running.login_url()),
        Genesys::CLIENT_ID,
        Genesys::CLIENT_SECRET,
        Audience::origin(running.api_url()).unwrap(),
    )
    .unwrap()
    .with_client::<_, reqwest::Body>(reqwest.clone())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_401_is_cured_and_a_429_waited_out() {
    let platform = Genesys::builder().no_rate_limit().build();
    let running = platform.serve().await.unwrap();
    let client = reqwest(RootCertStore::empty());
    let stack = stack(tokens(&running, &client), client);
    let users = get(&format!("{}/api/v2/users", running.api_url()));
    let url = users.uri().to_string();

    assert_eq!(send(&stack, users).await.unwrap().status(), 200);
    platform.revoke_all();
    let reply = send(&stack, get(&url)).await.unwrap();
    assert_eq!(reply.status(), 200);
    assert!(read(reply).await.starts_with(b"{\"entities\""));
    let counters = platform.counters();
    assert_eq!((counters.token_requests, counters.unauthorized()), (2, 1));

    let wait = Duration::from_millis(50);
    platform.fault_next_api(Fault::Throttle(wait, RetryAfter::Fraction));
    let reply = send(&stack, get(&url)).await.unwrap();
    assert_eq!(reply.status(), 200);
    let waited = reply.extensions().get::<Waited>().copied().unwrap();
    assert_eq!(waited.attempts, 2);
    assert!(waited.total >= wait, "{waited:?}");
    let counters = platform.counters();
    assert_eq!((counters.throttled(), counters.sent_in_pause), (1, 0));
    assert_eq!((counters.api_requests, counters.token_requests), (5, 2));
}

/// With a 401 and then a 429 in the way, each after the server has read everything.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_arrives_whole_or_its_refusal_comes_back() {
    const KEPT: usize = 64 * 1024;
    let platform = Genesys::builder().no_rate_limit().recording().build();
    let running = platform.serve().await.unwrap();
    let client = reqwest(RootCertStore::empty());
    let users = format!("{}/api/v2/users", running.api_url());
    let echo = format!("{}{}", running.api_url(), Genesys::ECHO);

    for length in [0, 1, KEPT - 1, KEPT, KEPT + 1, 2 * 1024 * 1024] {
        for is_told in [true, false] {
            let bytes = pattern(length);
            let post = || {
                let body = match is_told {
                    true => Streamed::with_length(bytes.clone(), 8_000),
                    false => Streamed::chunked(bytes.clone(), 8_000),
                };
                Request::post(&echo).body(body).unwrap()
            };
            let case = format!("{length} bytes, told: {is_told}");
            let is_kept = length <= KEPT;
            // A layer of its own, which has not seen more revocations than it believes in.
            let stack = stack(tokens(&running, &client), client.clone());
            assert_eq!(send(&stack, get(&users)).await.unwrap().status(), 200);
            let before = platform.recorded().len();

            platform.revoke_all();
            let reply = send(&stack, post()).await.unwrap();
            assert_eq!(reply.status(), if is_kept { 200 } else { 401 }, "{case}");
            assert_eq!(read(reply).await == bytes, is_kept, "{case}");

            let wait = Duration::from_millis(50);
            platform.fault_next_api(Fault::Throttle(wait, RetryAfter::Fraction));
            let reply = send(&stack, post()).await.unwrap();
            assert_eq!(reply.status(), if is_kept { 200 } else { 429 }, "{case}");
            assert_eq!(read(reply).await == bytes, is_kept, "{case}");

            // Whatever became of it, the server has never seen a part of it.
            let seen = platform.recorded();
            let uploads = seen[before..]
                .iter()
                .filter(|seen| seen.uri.path() == Genesys::ECHO);
            let uploads: Vec<_> = uploads.collect();
            assert_eq!(uploads.len(), if is_kept { 4 } else { 2 }, "{case}");
            assert!(uploads.iter().all(|seen| seen.body == bytes), "{case}");
        }
    }
}
