//! All the layers in one stack: does each still do what it is for, and which of two timeouts bounds what?

use clearance::{
    RateLimitBackoff, RateLimitBackoffLayer, ReplayBodyLayer, Retry401, Retry401Layer, SkewAuth,
    SkewAuthLayer, replay::ReplayBodyService,
};
use clearance_test::{ProbeHandle, ReadyProbe};
use http::{Method, Request, header::COOKIE};
use tokio::time::Instant;
use tower::{
    Service, ServiceBuilder, ServiceExt,
    buffer::{Buffer, BufferLayer},
    limit::{ConcurrencyLimit, ConcurrencyLimitLayer, RateLimit, RateLimitLayer},
    load_shed::{LoadShed, LoadShedLayer},
    retry::{Retry, RetryLayer},
    timeout::{Timeout, TimeoutLayer, error::Elapsed},
};
use tower_http::{
    classify::{ServerErrorsAsFailures, SharedClassifier},
    decompression::{Decompression, DecompressionLayer},
    follow_redirect::{FollowRedirect, FollowRedirectLayer},
    sensitive_headers::{
        SetSensitiveHeadersLayer, SetSensitiveRequestHeaders, SetSensitiveResponseHeaders,
    },
    trace::{DefaultMakeSpan, Trace, TraceLayer},
};

use crate::{
    API, SECOND, Upload, request,
    retry::OnceMore,
    server::{AGENTS, Reply, Seen, Server, gzipped, limited, redirect, reply},
    streamed::{Streamed, pattern},
    text, tokens,
};

type Traced<S> = Trace<S, SharedClassifier<ServerErrorsAsFailures>>;
type Sensitive<S> = SetSensitiveRequestHeaders<SetSensitiveResponseHeaders<S>>;
type Limits = ConcurrencyLimit<RateLimit<Timeout<ReadyProbe<Server>>>>;
type Buffered<S> = Buffer<Request<Upload>, <S as Service<Request<Upload>>>::Future>;

/// The whole stack can be named.
pub(crate) type Everything = ReplayBodyService<
    Sensitive<
        Traced<
            Timeout<
                Retry<
                    OnceMore,
                    Decompression<
                        FollowRedirect<
                            LoadShed<
                                Retry401<RateLimitBackoff<SkewAuth<Traced<Buffered<Limits>>>>>,
                            >,
                        >,
                    >,
                >,
            >,
        >,
    >,
>;

/// All layers, each where it belongs.
pub(crate) fn everything(server: &Server, auth: SkewAuthLayer) -> (ProbeHandle, Everything) {
    let server = server.service();
    let probe = server.handle();
    let each_sending = TraceLayer::new_for_http().make_span_with(
        DefaultMakeSpan::new()
            .include_headers(true)
            .level(tracing::Level::INFO),
    );
    let stack = ServiceBuilder::new()
        .layer(ReplayBodyLayer::new())
        .layer(SetSensitiveHeadersLayer::new([COOKIE]))
        .layer(TraceLayer::new_for_http())
        .layer(TimeoutLayer::new(120 * SECOND))
        .layer(RetryLayer::new(OnceMore::new()))
        .layer(DecompressionLayer::new())
        .layer(FollowRedirectLayer::new())
        .layer(LoadShedLayer::new())
        .layer(Retry401Layer::new())
        .layer(RateLimitBackoffLayer::new())
        .layer(auth)
        .layer(each_sending)
        .layer(BufferLayer::new(64))
        .layer(ConcurrencyLimitLayer::new(8))
        .layer(RateLimitLayer::new(100, SECOND))
        .layer(TimeoutLayer::new(10 * SECOND))
        .service(server);
    (probe, stack)
}

/// Refuses the stale token, limits once, points elsewhere, is away once, and then has a compressed answer.
fn eventful(seen: &Seen, before: usize) -> Option<Reply> {
    match (seen.url.strip_prefix(API)?, seen.token.as_str(), before) {
        ("/never", ..) => None,
        ("/tomorrow", ..) => limited(150),
        (_, "stale", _) => Some(reply(401)),
        ("/upload", _, 1) => limited(3),
        ("/upload", ..) => redirect(303, "/agents"),
        ("/agents", _, 3) => Some(reply(503)),
        _ => gzipped(),
    }
}

#[tokio::test(start_paused = true)]
async fn all_layers_in_one_stack_do_what_each_is_for() {
    let server = Server::new(eventful);
    let source = tokens();
    let (probe, stack) = everything(&server, SkewAuthLayer::new(source.clone()));

    let bytes = pattern(10_000);
    let start = Instant::now();
    let upload = request(Method::POST, &format!("{API}/upload"))
        .map(|_| Streamed::chunked(bytes.clone(), 999));
    let answer = stack.clone().oneshot(upload).await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(text(answer).await, AGENTS);
    // One wait of three seconds (and a thousandth of it), and six ways there and back.
    let took = start.elapsed();
    assert!(took >= 3 * SECOND && took < 4 * SECOND, "{took:?}");

    let seen = server.seen().clone();
    let sends: Vec<_> = seen
        .iter()
        .map(|seen| {
            (
                seen.method.as_str(),
                &seen.url[API.len()..],
                seen.token.as_str(),
            )
        })
        .collect();
    let (upload, agents) = (("POST", "/upload", "fresh"), ("GET", "/agents", "fresh"));
    let refused = ("POST", "/upload", "stale");
    assert_eq!(sends, [refused, upload, upload, agents, upload, agents]);
    for seen in &seen {
        let whole = if seen.method == Method::POST {
            bytes.len()
        } else {
            0
        };
        assert_eq!(seen.body, bytes[..whole], "{seen:?}");
    }
    assert_eq!((source.fetches(), probe.calls(), probe.held()), (2, 6, 0));
}

#[tokio::test(start_paused = true)]
async fn in_the_whole_stack_one_timeout_bounds_a_sending_and_the_other_the_call() {
    let server = Server::new(eventful);
    let (probe, stack) = everything(&server, SkewAuthLayer::new(tokens()));
    for (path, seconds, sends) in [("/never", 10, 1), ("/tomorrow", 120, 2)] {
        let start = Instant::now();
        let call = request(Method::GET, &format!("{API}{path}"));
        let error = stack.clone().oneshot(call).await.err().unwrap();
        assert!(error.is::<Elapsed>(), "{error}");
        assert_eq!(
            (start.elapsed().as_secs(), server.sends()),
            (seconds, sends)
        );
    }
    assert_eq!(probe.held(), 0);
}
