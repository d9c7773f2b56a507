//! Where the token goes: not where a redirect points, and over TLS to no server that is not trusted.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use bytes::Bytes;
use clearance::{Audience, RateLimitBackoffLayer, ReplayBodyLayer, Retry401Layer, SkewAuthLayer};
use clearance_test::ScriptedSource;
use http::{
    Response, StatusCode,
    header::{AUTHORIZATION, LOCATION},
};
use rustls::RootCertStore;
use tokio::task::JoinSet;
use tower::ServiceBuilder;
use tower_http::follow_redirect::{FollowRedirectLayer, policy::Limited};

use crate::{
    get, read, reqwest, send, stack,
    tls::{Authority, HOST, Server, in_full},
    visited::{Visits, server},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redirect_to_another_origin_carries_no_token() {
    let visits = Visits::default();
    let mut tasks = JoinSet::new();
    let storage = server(&mut tasks, "storage", &visits, || "the export").await;
    let to = format!("{storage}/export");
    let api = server(&mut tasks, "api", &visits, move || {
        (StatusCode::TEMPORARY_REDIRECT, [(LOCATION, to.clone())])
    })
    .await;
    let source = ScriptedSource::new(["t0k3n"]).with_audience(Audience::origin(&api).unwrap());
    let url = format!("{api}/export");
    let with_token = || ("api", Some("Bearer t0k3n".to_owned()));
    let seen = || std::mem::take(&mut *visits.lock().unwrap());

    // reqwest follows nothing by itself.
    let client = reqwest(RootCertStore::empty());
    let reply = send(&stack(source.clone(), client.clone()), get(&url))
        .await
        .unwrap();
    assert_eq!(reply.status(), 307);
    assert_eq!(seen(), [with_token()]);

    // Above the layer that attaches the token each hop is judged, whatever the policy does about credentials.
    macro_rules! following {
        ($layer:expr) => {
            ServiceBuilder::new()
                .layer(ReplayBodyLayer::new())
                .layer($layer)
                .layer(Retry401Layer::new())
                .layer(RateLimitBackoffLayer::new())
                .layer(SkewAuthLayer::new(source.clone()))
                .service(client.clone())
        };
    }
    let standard = send(&following!(FollowRedirectLayer::new()), get(&url)).await;
    let lenient = FollowRedirectLayer::with_policy(Limited::new(10));
    let lenient = send(&following!(lenient), get(&url)).await;
    for reply in [standard, lenient] {
        assert_eq!(read(reply.unwrap()).await, "the export");
    }
    let hops = [with_token(), ("storage", None)];
    assert_eq!(seen(), [hops.clone(), hops].concat());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_token_goes_out_over_tls_to_a_server_that_is_trusted_and_to_no_other() {
    let tokens = Arc::new(AtomicUsize::new(0));
    let counted = tokens.clone();
    let authority = Authority::new();
    let server = Server::start(&authority.issue(HOST), move |request| {
        let has_token = request.headers().contains_key(AUTHORIZATION);
        counted.fetch_add(usize::from(has_token), Ordering::SeqCst);
        async { Response::new(http_body_util::Full::<Bytes>::from("over TLS")) }
    })
    .await;
    let source = || {
        let audience = Audience::origin(&server.url()).unwrap();
        ScriptedSource::new(["t0k3n"]).with_audience(audience)
    };

    let trusting = stack(source(), reqwest(authority.roots()));
    let reply = send(&trusting, get(&server.url())).await.unwrap();
    assert_eq!(read(reply).await, "over TLS");
    assert_eq!((server.requests(), tokens.load(Ordering::SeqCst)), (1, 1));

    let distrusting = stack(source(), reqwest(Authority::named("Another one").roots()));
    let error = send(&distrusting, get(&format!("{}/?key=s3cr3t", server.url())))
        .await
        .unwrap_err();
    let told = in_full(&*error);
    assert!(told.contains("UnknownIssuer"), "{told}");
    assert!(!told.contains("s3cr3t"), "{told}");
    assert_eq!((server.requests(), tokens.load(Ordering::SeqCst)), (1, 1));
}
