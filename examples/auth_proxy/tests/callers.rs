//! What callers get out of it.

use super::*;
use crate::hops::{ADVICE, WAITED};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixty_four_callers_share_a_token_and_the_cure_of_a_revocation() {
    let (genesys, platform) = simulated(Genesys::builder().no_rate_limit()).await;
    let proxy = Served::over(&platform).await;
    for wave in 1..=2 {
        let mut calls = JoinSet::new();
        for _ in 0..64 {
            let request = proxy.request("GET", "/api/v2/users", Body::empty());
            calls.spawn(proxy.client.request(request));
        }
        let replies = timeout(LONG, calls.join_all()).await.expect("a call hangs");
        assert!(
            replies
                .into_iter()
                .all(|reply| reply.unwrap().status() == 200)
        );
        let counters = genesys.counters();
        assert_eq!(
            (counters.token_requests, counters.api_answers(200)),
            (wave, 64 * wave)
        );
        assert_eq!(counters.unauthorized() > 0, wave == 2);
        genesys.revoke_all();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_is_told_that_it_waited() {
    let platform = Genesys::builder().rate_limit(1, Duration::from_secs(1));
    let (genesys, platform) = simulated(platform).await;
    let proxy = Served::over(&platform).await;
    let at_once = proxy.get("/api/v2/users").await;
    assert_eq!(
        (at_once.status().as_u16(), field(at_once.headers(), WAITED)),
        (200, None)
    );
    let later = proxy.get("/api/v2/users").await;
    assert_eq!(later.status(), 200);
    let waited: f64 = field(later.headers(), WAITED).unwrap().parse().unwrap();
    assert!((1.0..20.0).contains(&waited), "{waited}");
    assert_eq!(genesys.counters().throttled(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_401_that_is_not_cured_says_why() {
    let (_genesys, platform) = simulated(Genesys::builder()).await;
    let proxy = Served::over(&platform).await;
    assert_eq!(proxy.get("/api/v2/users").await.status(), 200);
    // This one is replayed with a new token; after that it is known to be of no use.
    assert_eq!(proxy.get(Genesys::UNAUTHORIZED).await.status(), 401);
    let refused = proxy.get(Genesys::UNAUTHORIZED).await;
    assert_eq!(refused.status(), 401);
    let advice = field(refused.headers(), ADVICE).unwrap();
    assert!(
        advice.contains("refused") && advice.contains("check the client's roles"),
        "{advice}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_is_sent_again_in_whole_or_its_refusal_is_returned() {
    let (genesys, platform) = simulated(Genesys::builder().no_rate_limit()).await;
    let proxy = Served::over(&platform).await;
    for (length, status) in [(0, 200), (1, 200), (64 * 1024, 200), (64 * 1024 + 1, 401)] {
        assert_eq!(proxy.get("/api/v2/users").await.status(), 200);
        genesys.revoke_all();
        let upload = Bytes::from(vec![7; length]);
        let request = proxy.request("POST", Genesys::ECHO, upload.clone().into());
        let reply = whole(proxy.send(request).await.unwrap()).await;
        assert_eq!(reply.status(), status, "{length} bytes");
        assert!(status != 200 || *reply.body() == upload, "{length} bytes");
    }
}
