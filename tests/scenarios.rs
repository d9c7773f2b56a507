//! What has to happen so that everything is told that is told of tokens.
#![allow(clippy::unwrap_used, reason = "test code")]

use std::{collections::BTreeSet, panic, sync::Mutex, time::Duration};

use clearance::{
    Audience, RateLimitBackoffLayer, Retry401Layer, SkewAuthLayer, TokenError, TokenSource,
    rate_limit_backoff::MaxWait, token_source_fn,
};
use clearance_cxone::{AccessKey, ClientRegistration, Cxone, CxoneRegional};
use clearance_genesys::{GenesysCloud, Region};
use clearance_test::{ScriptedSource, Step, TokioWallClock, sim, sim::Fault};
use http::{Request, Response};
use tokio::{runtime::Runtime, time::sleep};
use tower::{Service, ServiceBuilder, ServiceExt};

use crate::{
    sought::all_of,
    support::{self, Api, Body, BoxError, SECOND, Verdict, get},
};

pub(crate) const CLIENT: &str = "cl13nt/s3cret+x=1&y z%";
pub(crate) const KEY: &str = "acc3ss/k3y+w1th=s1gns & m0re";
pub(crate) const TOKEN: &str = "scr1pted/t0ken+A.b~c==";
pub(crate) const QUERY: &str = "s3cret-1n-the-query";
pub(crate) const ANOTHER: &str = "an0ther/s3cret+that=w0rked";

/// What the scenarios returned, as text.
#[derive(Default)]
pub(crate) struct Printed(pub(crate) Mutex<String>);

impl Printed {
    fn add(&self, text: impl AsRef<str>) {
        self.0.lock().unwrap().push_str(text.as_ref());
    }

    pub(crate) fn error(&self, error: &(dyn std::error::Error + 'static)) {
        self.add(all_of(error));
    }

    async fn call<S, B>(&self, stack: S, request: Request<Body>) -> Option<u16>
    where
        S: Service<Request<Body>, Response = Response<B>, Error = BoxError>,
        B: std::fmt::Debug,
    {
        match stack.oneshot(request).await {
            Ok(response) => {
                // The extensions too, of which http shows nothing.
                let told = response.extensions();
                self.add(format!(
                    "{response:?} {:?} {:?}",
                    told.get::<clearance::TokenRefused>(),
                    told.get::<clearance::RefusalReason>()
                ));
                Some(response.status().as_u16())
            }
            Err(error) => {
                self.error(error.as_ref());
                None
            }
        }
    }
}

pub(crate) fn paused() -> Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap()
}

/// Every fault at the token endpoint, revocations, a route that refuses, a limit and a wrong secret.
pub(crate) async fn genesys(printed: &Printed) -> BTreeSet<String> {
    let platform = sim::Genesys::builder()
        .client("id-1", CLIENT)
        .rate_limit(5, SECOND)
        .recording()
        .build();
    let source = GenesysCloud::new(Region::UsEast1, "id-1", CLIENT)
        .and_then(|source| source.with_login_url(platform.login_url()))
        .and_then(|source| source.with_api_url(platform.api_url()))
        .unwrap()
        .with_client(platform.client::<Body>());
    let auth = SkewAuthLayer::new(source);
    let rate = RateLimitBackoffLayer::new();
    let stack = ServiceBuilder::new()
        .layer(Retry401Layer::new())
        .layer(rate.clone())
        .layer(auth.clone())
        .service(platform.client::<Body>());
    let request = |path: &str| {
        let uri = format!("{}{path}", platform.api_url());
        Request::get(uri).body(Body::default()).unwrap()
    };
    let without_lifetime = format!(r#"{{"access_token": "{TOKEN}", "token_type": "bearer"}}"#);
    for fault in [
        Fault::Html,
        Fault::Reset,
        Fault::ResetInBody,
        Fault::Malformed,
        Fault::Cut,
        Fault::Hang,
        Fault::Oversized,
        Fault::Status(503),
        Fault::Status(404),
        Fault::Throttle(SECOND, sim::RetryAfter::Seconds),
        Fault::Answer(200, without_lifetime),
    ] {
        platform.fault_next_token(fault);
        for path in [
            &format!("/api/v2/users?secret={QUERY}"),
            sim::Genesys::UNAUTHORIZED,
            sim::Genesys::FORBIDDEN,
        ] {
            printed.call(stack.clone(), request(path)).await;
        }
        let statuses = format!("{auth:?} {} {}", auth.status(), rate.status());
        printed.add(format!("{statuses} {:?} {:?}", auth.status(), stack));
        platform.revoke_all();
        // Every token is at its end.
        sleep(Duration::from_secs(3600 * 48)).await;
    }
    platform.set_client_secret(ANOTHER);
    let ended = printed.call(stack.clone(), request("/api/v2/users")).await;
    assert_eq!(ended, None, "the secret is wrong");
    credentials(platform.recorded())
}

/// Both grants of CXone; an answer that names an API nobody trusts; a wrong key.
pub(crate) async fn cxone(printed: &Printed) -> BTreeSet<String> {
    let platform = sim::Cxone::builder()
        .client("id-2", CLIENT)
        .access_key("key-2", KEY)
        .recording()
        .build();
    let registration = || ClientRegistration::new("id-2", CLIENT);
    let source = |key: &str| {
        Cxone::for_issuer(
            platform.login_url(),
            registration(),
            AccessKey::new("key-2", key),
        )
        .unwrap()
        .with_client(platform.client::<Body>())
    };
    source(KEY).discover().await.unwrap();
    printed.error(&source(ANOTHER).discover().await.unwrap_err());
    for fault in [Fault::Html, Fault::Status(500), Fault::Cut] {
        platform.fault_next_discovery(fault);
        printed.error(&source(KEY).discover().await.unwrap_err());
    }
    let regional = CxoneRegional::new("na1", AccessKey::new("key-2", KEY), platform.api_url())
        .and_then(|source| {
            source.with_token_url(&format!(
                "{}/authentication/v1/token/access-key",
                platform.login_url()
            ))
        })
        .unwrap()
        .with_client(platform.client::<Body>());
    regional.fetch().await.unwrap();
    let stray = format!(
        r#"{{"access_token": "{TOKEN}", "token_type": "bearer", "expires_in": 60,
            "resource_server_base_uri": "https://{ANOTHER}@evil.example/{QUERY}?k={QUERY}"}}"#
    );
    platform.fault_next_token(Fault::Answer(200, stray));
    regional.fetch().await.unwrap();
    credentials(platform.recorded())
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
    let api = Api::new(|seen, _| {
        let verdict = Verdict::from(if seen.head.uri().path() == "/no" {
            401
        } else {
            200
        });
        verdict.with("x-request-id", "r-1")
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

/// What was sent behind `Bearer` and `Basic`.
fn credentials(seen: Vec<sim::Seen>) -> BTreeSet<String> {
    let sent = seen.into_iter().filter_map(|seen| seen.authorization);
    sent.filter_map(|value| Some(value.split_once(' ')?.1.to_owned()))
        .collect()
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
