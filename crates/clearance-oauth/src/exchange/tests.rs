use std::{
    cell::Cell,
    convert::Infallible,
    future::pending,
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};

use clearance_core::{AnyTokenSource, Audience, TokenErrorKind, TokenSource};
use http::Response;
use http_body::{Body, Frame};
use http_body_util::Full;
use tokio::time::Instant;
use tower::{service_fn, util::BoxCloneSyncService};

use super::*;
use crate::{
    ClientCredentials,
    testing::{Canned, answer, assert_silent},
};

type BoxError = Box<dyn Error + Send + Sync>;

fn url() -> Uri {
    Uri::from_static("https://login.test/.well-known/it?key=k3y")
}

/// Gives its chunks, then what comes at the end: nothing, an error, or silence.
struct Chunks {
    left: usize,
    size: usize,
    end: End,
    given: Arc<AtomicUsize>,
}

#[derive(Clone, Copy)]
enum End {
    Regular,
    Cut,
    Never,
}

impl Body for Chunks {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if self.left > 0 {
            self.left -= 1;
            self.given.fetch_add(1, Ordering::Relaxed);
            return Poll::Ready(Some(Ok(Frame::data(Bytes::from(vec![b' '; self.size])))));
        }
        match self.end {
            End::Regular => Poll::Ready(None),
            End::Cut => Poll::Ready(Some(Err(io::ErrorKind::ConnectionReset.into()))),
            End::Never => Poll::Pending,
        }
    }
}

async fn read(left: usize, size: usize, end: End) -> (TokenError, usize) {
    let given = Arc::new(AtomicUsize::new(0));
    let counter = given.clone();
    let client = service_fn(move |_: Request<Full<Bytes>>| {
        let given = counter.clone();
        async move {
            let body = Chunks {
                left,
                size,
                end,
                given,
            };
            Ok::<_, Infallible>(Response::new(body))
        }
    });
    let error = Exchange::new(client).document(&url()).await.unwrap_err();
    (error, given.load(Ordering::Relaxed))
}

#[tokio::test(start_paused = true)]
async fn no_more_than_64_kib_are_read() {
    let (error, given) = read(1_000_000, 1024, End::Regular).await;
    assert_eq!(error.kind(), TokenErrorKind::Malformed);
    assert!(error.to_string().contains("longer than 64 KiB"), "{error}");
    assert_eq!(given, 65, "reading stops with the first byte too many");

    let (error, _) = read(64, 1024, End::Regular).await;
    assert!(error.to_string().contains("not a JSON object"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_cut_off_is_transient() {
    let (error, _) = read(1, 10, End::Cut).await;
    assert_eq!(error.kind(), TokenErrorKind::Unavailable);
    assert!(error.is_retryable());
    assert_eq!(
        error.to_string(),
        "no token to be had from https://login.test/.well-known/it: the exchange failed: connection reset"
    );
}

#[tokio::test(start_paused = true)]
async fn an_attempt_ends_after_seven_seconds_wherever_it_hangs() {
    let begun = Instant::now();
    let (error, _) = read(1, 10, End::Never).await;
    assert_eq!(begun.elapsed(), Duration::from_secs(7));
    assert_eq!(error.kind(), TokenErrorKind::Unavailable);
    assert!(error.to_string().contains("no answer within 7s"), "{error}");

    let hangs = service_fn(|_: Request<Full<Bytes>>| {
        pending::<Result<Response<Full<Bytes>>, Infallible>>()
    });
    let begun = Instant::now();
    assert!(Exchange::new(hangs).document(&url()).await.is_err());
    assert_eq!(begun.elapsed(), Duration::from_secs(7));

    #[derive(Clone)]
    struct NeverReady;
    impl tower_service::Service<Request<Full<Bytes>>> for NeverReady {
        type Response = Response<Full<Bytes>>;
        type Error = Infallible;
        type Future = std::future::Pending<Result<Self::Response, Infallible>>;
        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
            Poll::Pending
        }
        fn call(&mut self, _: Request<Full<Bytes>>) -> Self::Future {
            panic!("called unready")
        }
    }
    let begun = Instant::now();
    let exchange = Exchange::new(NeverReady).attempt_timeout(Duration::from_millis(250));
    assert!(exchange.clone().document(&url()).await.is_err());
    assert_eq!(begun.elapsed(), Duration::from_millis(250));
}

/// Found by the fault matrix: a throttle whose body hung or was cut was asked again at once.
#[tokio::test(start_paused = true)]
async fn a_throttle_is_known_by_its_head_whatever_becomes_of_its_body() {
    for (status, end) in [
        (429, End::Never),
        (429, End::Cut),
        (503, End::Never),
        (503, End::Cut),
    ] {
        let client = service_fn(move |_: Request<Full<Bytes>>| async move {
            let body = Chunks {
                left: 1,
                size: 10,
                end,
                given: Arc::default(),
            };
            let reply = Response::builder().status(status);
            Ok::<_, Infallible>(reply.header("retry-after", "30").body(body).unwrap())
        });
        let begun = Instant::now();
        let error = Exchange::new(client).document(&url()).await.unwrap_err();
        let retry_after = Some(Duration::from_secs(30));
        assert_eq!(error.kind(), TokenErrorKind::Throttled { retry_after });
        assert!(begun.elapsed() <= Duration::from_secs(1), "{error}");
    }
}

#[tokio::test]
async fn a_certificate_is_not_asked_for_twice() {
    for (text, retried) in [
        ("invalid peer certificate: UnknownIssuer", false),
        (
            "error:0A000086:SSL routines::certificate verify failed",
            false,
        ),
        ("The certificate was not trusted.", false),
        ("connection refused", true),
        ("received fatal alert: HandshakeFailure", true),
    ] {
        let client = service_fn(move |_: Request<Full<Bytes>>| async move {
            // As hyper-rustls has it: the reason within an I/O error, which shows it but does not name it as its source.
            let error = io::Error::other(io::Error::new(io::ErrorKind::InvalidData, text));
            Err::<Response<Full<Bytes>>, _>(error)
        });
        let error = Exchange::new(client).document(&url()).await.unwrap_err();
        assert_eq!(error.kind(), TokenErrorKind::Unavailable);
        assert_eq!(error.is_retryable(), retried, "{text}");
        assert!(error.to_string().contains(text), "{error}");
        assert_eq!(error.to_string().contains("clock"), !retried);
    }
}

#[tokio::test]
async fn what_a_client_says_is_cleaned() {
    #[derive(Debug)]
    struct Talkative;
    impl fmt::Display for Talkative {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("could not send `s3cr3t`")
        }
    }
    impl Error for Talkative {}
    let client = service_fn(|_: Request<Full<Bytes>>| async {
        Err::<Response<Full<Bytes>>, _>(io::Error::other(Talkative))
    });
    let request = crate::TokenRequest::form().secret("password", "s3cr3t");
    let endpoint = crate::TokenEndpoint::new("https://login.test/t", client).unwrap();
    let error = endpoint.ask(&request).await.unwrap_err();
    assert_silent(&error, &["s3cr3t"]);
    assert!(error.source().is_some());
}

#[tokio::test]
async fn documents_are_asked_for_without_credentials() {
    let client = Canned::new([answer(
        200,
        &[("content-type", "text/plain")],
        r#"{"a": "b"}"#,
    )]);
    let document = Exchange::new(client.clone())
        .document(&url())
        .await
        .unwrap();
    assert_eq!(document.text("a"), Some("b"));
    let request = &client.requests()[0];
    assert_eq!(
        (request.method(), request.uri()),
        (&http::Method::GET, &url())
    );
    assert_eq!(request.headers()[ACCEPT], "application/json");
    assert!(!request.headers().contains_key(http::header::AUTHORIZATION));
}

#[tokio::test]
async fn an_address_in_an_error_has_no_query() {
    let client = Canned::new([answer(404, &[], r#"{"error": "no /it?key=k3y"}"#)]);
    let error = Exchange::new(client).document(&url()).await.unwrap_err();
    assert_silent(&error, &["k3y"]);
    assert_eq!(
        error.to_string(),
        "unusable token answer from https://login.test/.well-known/it: no /it?[redacted] (status 404); check the address"
    );
}

#[tokio::test]
async fn a_client_need_not_be_sync_and_may_be_erased() {
    let counter = Cell::new(0);
    let unsync = service_fn(move |_: Request<Full<Bytes>>| {
        counter.set(counter.get() + 1);
        std::future::ready(Ok::<_, Infallible>(answer(200, &[], "{}")))
    });
    let exchange = Arc::new(Exchange::new(unsync));
    let spawned = tokio::spawn(async move { exchange.document(&url()).await.is_ok() });
    assert!(spawned.await.unwrap());

    let erased: BoxCloneSyncService<_, _, Infallible> =
        BoxCloneSyncService::new(Canned::new([answer(200, &[], "{}")]));
    let exchange = Exchange::new(erased);
    let spawned = tokio::spawn(async move { exchange.document(&url()).await.is_ok() });
    assert!(spawned.await.unwrap());

    // With a boxed error besides, the source has to be erased: see `Transport`.
    const TOKEN: &str = r#"{"access_token": "t", "token_type": "bearer"}"#;
    let boxed_error =
        tower::ServiceExt::map_err(Canned::new([answer(200, &[], TOKEN)]), BoxError::from);
    let erased: BoxCloneSyncService<_, _, BoxError> = BoxCloneSyncService::new(boxed_error);
    let audience = Audience::any();
    let source = ClientCredentials::new("https://login.test/t", "id", "s3cr3t", audience).unwrap();
    let source = AnyTokenSource::new(source.with_client(erased));
    let spawned = tokio::spawn(async move { source.fetch().await.is_ok() });
    assert!(spawned.await.unwrap());
}
