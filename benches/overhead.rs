//! What do the layers cost a request whose token is fresh, beside a layer that adds a fixed header?
//!
//! All sides run over the same service, which answers at once. `cargo bench -p benches`

#![allow(missing_docs, reason = "criterion_group makes public items")]

use std::{
    convert::Infallible,
    future::{Ready, ready},
    hint::black_box,
    pin::pin,
    task::{Context, Poll, Waker},
    time::Duration,
};

use clearance::{RateLimitBackoffLayer, Retry401Layer, SkewAuthLayer};
use clearance_test::ScriptedSource;
use criterion::{Criterion, criterion_group, criterion_main};
use http::{Request, Response};
use http_body_util::Empty;
use tower::{Service, ServiceBuilder, ServiceExt};
use tower_http::auth::AddAuthorizationLayer;

type Body = Empty<&'static [u8]>;

/// Answers at once, with a `Date` or without.
#[derive(Clone)]
struct Bare {
    dated: bool,
}

impl Service<Request<Body>> for Bare {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Ready<Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        black_box(&request);
        let mut response = Response::new(Body::new());
        if self.dated {
            let date = http::HeaderValue::from_static("Sun, 06 Nov 1994 08:49:37 GMT");
            response.headers_mut().insert(http::header::DATE, date);
        }
        ready(Ok(response))
    }
}

fn request() -> Request<Body> {
    let mut request = Request::get("https://api.example.com/users")
        .body(Body::new())
        .expect("a valid request");
    for (name, value) in [
        ("accept", "application/json"),
        ("user-agent", "bench"),
        ("x-a", "1"),
        ("x-b", "2"),
    ] {
        request
            .headers_mut()
            .insert(name, http::HeaderValue::from_static(value));
    }
    request
}

/// Calls a service that is ready, and whose answer is.
fn call<S: Service<Request<Body>>>(service: &mut S, request: Request<Body>) {
    let mut cx = Context::from_waker(Waker::noop());
    assert!(service.poll_ready(&mut cx).is_ready());
    assert!(
        pin!(service.call(request)).poll(&mut cx).is_ready(),
        "the answer is there at once"
    );
}

fn overhead(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("overhead");
    group.measurement_time(Duration::from_secs(3));
    let token = "t".repeat(1024);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("a runtime");
    let auth = SkewAuthLayer::new(ScriptedSource::new([token.as_str()]));
    runtime.block_on(async {
        ServiceBuilder::new()
            .layer(auth.clone())
            .service(Bare { dated: false })
            .oneshot(request())
            .await
            .expect("a token");
    });
    macro_rules! side {
        ($name:literal, $dated:literal, $($layer:expr),*) => {
            let mut service = ServiceBuilder::new()$(.layer($layer))*.service(Bare { dated: $dated });
            group.bench_function($name, |bencher| {
                bencher.iter_batched(request, |request| call(&mut service, request), criterion::BatchSize::SmallInput);
            });
        };
    }
    side!("bare", false,);
    side!(
        "fixed header (tower-http)",
        false,
        AddAuthorizationLayer::bearer(&token)
    );
    side!("SkewAuth", false, auth.clone());
    side!("Retry401", false, Retry401Layer::new());
    side!("RateLimitBackoff", false, RateLimitBackoffLayer::new());
    // What it costs to look at a `Date` that has not changed: this pair's difference against the pair without one.
    side!("bare, dated", true,);
    side!("SkewAuth, dated", true, auth.clone());
    side!(
        "all three",
        true,
        Retry401Layer::new(),
        RateLimitBackoffLayer::new(),
        auth
    );
    group.finish();
}

criterion_group!(benches, overhead);
criterion_main!(benches);
