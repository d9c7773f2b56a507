//! Servers with bad certificates: do they ever see a token or a secret, and what is the caller told?

use clearance::{TokenError, TokenErrorKind, TokenSource};
use clearance_test::ScriptedSource;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use tokio::task::JoinSet;
use tower::ServiceExt;

use crate::{
    Body, bounded, credentials,
    platform::Platform,
    post, stack,
    tls::{Authority, HOST, Identity, Protocol, Server, in_full},
};

/// A server that must not hear of any request, since its certificate is bad.
struct Impostor {
    identity: Identity,
    /// What is said about it.
    complaint: &'static str,
}

/// Bad certificates, and an authority that the clients do trust.
fn impostors() -> (Authority, [Impostor; 5]) {
    let authority = Authority::new();
    let impostors = [
        (
            Authority::named("Another").issue(HOST),
            "invalid peer certificate: UnknownIssuer",
        ),
        // It takes the name of the one that is trusted.
        (
            Authority::new().issue(HOST),
            "invalid peer certificate: BadSignature",
        ),
        (
            authority.issue_for_years(HOST, 2010..2011),
            "invalid peer certificate: certificate expired: verification time ",
        ),
        (
            authority.issue_for_years(HOST, 3000..3001),
            "invalid peer certificate: certificate not valid yet: verification time ",
        ),
        (
            authority.issue("api.example.com"),
            r#"invalid peer certificate: certificate not valid for name "localhost"; certificate is only valid for DnsName("api.example.com")"#,
        ),
    ];
    let impostors = impostors.map(|(identity, complaint)| Impostor {
        identity,
        complaint,
    });
    (authority, impostors)
}

async fn unheard(_: Request<Incoming>) -> Response<Body> {
    Response::new(Full::from("this is not to be had"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_api_with_a_bad_certificate_never_sees_a_token() {
    let (authority, impostors) = impostors();
    for (impostor, protocol) in all(&impostors) {
        let api = Server::start(&impostor.identity, unheard).await;
        let source = ScriptedSource::new(["t0k3n"]);
        let (_, stack) = stack(source.clone(), authority.client(protocol));

        let error = bounded(stack.oneshot(post(&api))).await.unwrap_err();
        let said = in_full(error.as_ref());
        assert!(said.contains(impostor.complaint), "{protocol:?}: {said}");
        assert!(!said.contains("t0k3n"), "{said}");
        assert_eq!(
            (api.connections(), api.handshakes(), api.requests()),
            (1, 0, 0)
        );
        assert_eq!(source.fetches(), 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_issuer_with_a_bad_certificate_is_asked_once_and_never_sees_a_secret() {
    let (authority, impostors) = impostors();
    let good = authority.issue(HOST);
    for (impostor, protocol) in all(&impostors) {
        let issuer = Server::start(&impostor.identity, unheard).await;
        let api = Server::start(&good, unheard).await;
        let client = authority.client(protocol);
        let (auth, stack) = stack(credentials(&issuer, &api, client.clone()), client);

        let mut calls = JoinSet::new();
        for _ in 0..64 {
            calls.spawn(stack.clone().oneshot(post(&api)));
        }
        for outcome in bounded(calls.join_all()).await {
            let error = outcome.unwrap_err().downcast::<TokenError>().unwrap();
            assert_untrusted(&error, &issuer, impostor.complaint);
        }
        // One refresh for all, or another for who comes a second later. Had it been worth trying again, each would
        // have made three attempts.
        let failures = auth.status().failures as usize;
        assert!((1..=2).contains(&failures), "{failures} refreshes");
        assert_eq!(issuer.connections(), failures);
        assert_eq!((issuer.handshakes(), issuer.requests()), (0, 0));
        assert_eq!(api.connections(), 0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_client_that_a_source_comes_with_trusts_no_private_authority() {
    let (authority, good) = (Authority::new(), Platform::default());
    let identity = authority.issue(HOST);
    let issuer = Server::start(&identity, move |request| good.clone().token(request)).await;
    let source = credentials(&issuer, &issuer, clearance_oauth::https::<Body>());
    let error = bounded(source.fetch()).await.unwrap_err();
    assert_untrusted(&error, &issuer, "invalid peer certificate: UnknownIssuer");
    assert_eq!((issuer.connections(), issuer.handshakes()), (1, 0));
}

fn assert_untrusted(error: &TokenError, issuer: &Server, complaint: &str) {
    assert_eq!(error.kind(), TokenErrorKind::Unavailable);
    assert!(!error.is_retryable(), "{error}");
    let said = in_full(error);
    let expected = format!(
        "no token to be had from {}/oauth/token: its certificate is not accepted ({complaint}",
        issuer.url()
    );
    assert!(said.starts_with(&expected), "{said}");
    let advice = "check the address, the trusted roots and this machine's clock";
    assert!(said.contains(advice) && !said.contains("s3cr3t"), "{said}");
}

fn all(impostors: &[Impostor]) -> impl Iterator<Item = (&Impostor, Protocol)> {
    let over_both = |impostor| Protocol::BOTH.map(|protocol| (impostor, protocol));
    impostors.iter().flat_map(over_both)
}
