//! What has to happen so that everything is told that is told of tokens.
#![allow(clippy::unwrap_used, reason = "test code")]

use std::{panic, sync::Mutex, time::Duration};

use clearance::{
    Audience, RateLimitBackoffLayer, Retry401Layer, SkewAuthLayer, TokenError,
    rate_limit_backoff::MaxWait, token_source_fn,
};
use clearance_test::{ScriptedSource, Step, TokioWallClock};
use http::Request;
use tokio::{runtime::Runtime, time::sleep};
use tower::{ServiceBuilder, ServiceExt};

use crate::{
    printed::Printed,
    support::{self, Api, Body, SECOND, Verdict, get},
};

pub(crate) const CLIENT: &str = "cl13nt/s3cret+x=1&y z%";
pub(crate) const KEY: &str = "acc3ss/k3y+w1th=s1gns & m0re";
pub(crate) const TOKEN: &str = "scr1pted/t0ken+A.b~c==";
pub(crate) const ANOTHER_TOKEN: &str = "n3wer/t0ken+Z.y~x==";
pub(crate) const QUERY: &str = "s3cret-1n-the-query";
pub(crate) const ANOTHER: &str = "an0ther/s3cret+that=w0rked";

pub(crate) fn paused() -> Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap()
}

/// Calls that are held, released, retried, paced, and given up with and without a reply.
pub(crate) async fn limits(printed: &Printed) {
    let api = Api::new(|seen, before| match seen.head.uri().path() {
        "/daily" => Verdict::from(429).with("retry-after", 86_400),
        _ if before % 7 == 3 => Verdict::from(429).with("retry-after", 2),
        _ => Verdict::from(200),
    });
    let stack = ServiceBuilder::new()
        .layer(Retry401Layer::new())
        .layer(RateLimitBackoffLayer::new())
        .layer(SkewAuthLayer::new(ScriptedSource::new([TOKEN])))
        .service(api.service());
    let url = format!("https://us3r:{QUERY}@api.example.com/users?key={QUERY}");
    let request = |url: &str| Request::get(url).body(Body::default()).unwrap();
    let calls = (0..60).map(|nth| {
        let (stack, mut request) = (stack.clone(), request(&url));
        async move {
            sleep(nth * SECOND / 10).await;
            if nth % 20 == 19 {
                request.extensions_mut().insert(MaxWait(Duration::ZERO));
            }
            printed.call(stack, request).await
        }
    });
    let mut tasks = Vec::new();
    for call in calls {
        tasks.push(Box::pin(call));
    }
    let ended = join_all(tasks).await;
    assert!(
        ended.contains(&None) && ended.contains(&Some(200)),
        "{ended:?}"
    );
    let daily = request("https://api.example.com/daily");
    assert_eq!(printed.call(stack, daily).await, Some(429));
}

/// An issuer that repeats a token, one that fails for a while, a request to a stranger, a token that is refused.
pub(crate) async fn awry(printed: &Printed) {
    let api = Api::new(|seen, _| match seen.head.uri().path() {
        "/no" => Verdict::from(401).with("x-request-id", "r-1"),
        _ => Verdict::from(200),
    });
    let made = || clearance::Token::bearer(TOKEN).map(|token| token.with_lifetime(10 * SECOND));
    let source = ScriptedSource::script([
        Step::Fail(TokenError::unavailable("down")),
        Step::Made(made().unwrap()),
    ])
    .with_audience(Audience::origin("https://api.example.com").unwrap());
    let (auth, stack) = support::stack(source, api.service());
    let request = |url: String| Request::get(url).body(Body::default()).unwrap();
    for url in [
        "https://api.example.com/yes".to_owned(),
        format!("https://evil.example/?k={QUERY}"),
        format!("https://api.example.com/no?k={QUERY}"),
    ] {
        printed.call(stack.clone(), request(url)).await;
    }
    // It ages, and the issuer has no other.
    for _ in 0..20 {
        sleep(SECOND / 2).await;
        printed.call(stack.clone(), get()).await;
    }
    printed.add(format!("{:?} {}", auth.status(), auth.status()));
}

/// A server that repeats the token it was sent: at once, in part, by gRPC, and when there is another one.
pub(crate) async fn repeated(printed: &Printed) {
    let api = Api::slow(2 * SECOND, |seen, _| {
        let repeats = |status: u16, token: &str| {
            Verdict::from(status)
                .with("x-request-id", token)
                .with("www-authenticate", format!("Bearer scope=\"{token}\""))
        };
        match seen.head.uri().path() {
            "/whole" => repeats(403, &seen.token),
            "/cut" => repeats(403, &seen.token[..15]),
            "/grpc" => repeats(200, &seen.token)
                .with("content-type", "application/grpc")
                .with("grpc-status", 16),
            "/revoked" if seen.token == TOKEN => Verdict::from(401),
            _ => Verdict::from(200),
        }
    });
    let source = ScriptedSource::new([TOKEN, ANOTHER_TOKEN]);
    let (_, stack) = support::stack(source, api.service());
    let call = async |path: &str| {
        let request = Request::post(format!("https://api.example.com{path}"));
        let request = request.body(Body::default()).unwrap();
        printed.call(stack.clone(), request).await
    };
    for (path, status) in [("/ok", 200), ("/whole", 403), ("/cut", 403)] {
        assert_eq!(call(path).await, Some(status));
    }
    let late = async {
        sleep(SECOND).await;
        call("/whole").await
    };
    assert_eq!(
        tokio::join!(call("/revoked"), late),
        (Some(200), Some(403)),
        "the second is answered when the first has brought another token"
    );
    assert_eq!(call("/grpc").await, Some(200));
}

/// A server whose clock is off by an hour.
pub(crate) async fn clocks(printed: &Printed) {
    let start = std::time::SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
    let server = TokioWallClock::starting_at(start + Duration::from_secs(3600));
    let api = Api::new(move |_, _| {
        let now = clearance_core::clock::WallClock::now(&server);
        Verdict::from(200).with("date", httpdate::fmt_http_date(now))
    });
    let auth = SkewAuthLayer::new(ScriptedSource::new([TOKEN]))
        .wall_clock(TokioWallClock::starting_at(start));
    let stack = ServiceBuilder::new().layer(auth).service(api.service());
    for _ in 0..3 {
        printed.call(stack.clone(), get()).await;
        sleep(SECOND).await;
    }
}

/// A refresh whose runtime is shut down, and a call outside of any.
pub(crate) fn gone(printed: &Printed) {
    let source = ScriptedSource::script([Step::Hang, Step::token(TOKEN)]);
    let (_, stack) = support::stack(source, Api::new(|_, _| 200).service());
    let first = paused();
    drop(first.spawn(stack.clone().oneshot(get())));
    first.block_on(async { sleep(SECOND).await });
    drop(first);
    paused().block_on(printed.call(stack, get()));

    let source = ScriptedSource::new([TOKEN]);
    let (_, stack) = support::stack(source, Api::new(|_, _| 200).service());
    let mut call = std::pin::pin!(stack.oneshot(get()));
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    match std::future::Future::poll(call.as_mut(), &mut cx) {
        std::task::Poll::Ready(Err(error)) => printed.error(error.as_ref()),
        other => panic!("{other:?}"),
    }
}

/// A source that panics with a secret in its message. The hook hears it, as it does of every panic; nobody else.
pub(crate) fn panics(printed: &Printed) {
    let heard = std::sync::Arc::new(Mutex::new(String::new()));
    let hook = panic::take_hook();
    let ear = heard.clone();
    panic::set_hook(Box::new(move |panic| {
        ear.lock().unwrap().push_str(&panic.to_string());
    }));
    let source = token_source_fn(Audience::any(), || async {
        panic!("cannot parse {CLIENT}");
    });
    let (auth, stack) = support::stack(source, Api::new(|_, _| 200).service());
    let ended = paused().block_on(printed.call(stack, get()));
    panic::set_hook(hook);
    assert_eq!(ended, None);
    printed.add(format!("{:?} {}", auth.status(), auth.status()));
    assert!(heard.lock().unwrap().contains(CLIENT), "that is its own");
}

async fn join_all<F: std::future::Future + Unpin>(futures: Vec<F>) -> Vec<F::Output> {
    let mut waiting: Vec<_> = futures.into_iter().map(Some).collect();
    let mut ended = Vec::new();
    std::future::poll_fn(|cx| {
        for future in &mut waiting {
            if let Some(std::task::Poll::Ready(output)) =
                future.as_mut().map(|it| std::pin::Pin::new(it).poll(cx))
            {
                ended.push(output);
                *future = None;
            }
        }
        match waiting.iter().all(Option::is_none) {
            true => std::task::Poll::Ready(()),
            false => std::task::Poll::Pending,
        }
    })
    .await;
    ended
}
