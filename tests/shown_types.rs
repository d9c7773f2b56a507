//! A value of each public type, with secrets in it wherever it has room for one.
#![allow(clippy::unwrap_used, reason = "test code")]

use std::{
    convert::Infallible,
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use clearance::{
    AnyTokenSource, Audience, RateLimitBackoffLayer, RefusalReason, ReplayBodyLayer, Retry401Layer,
    Secret, SkewAuthLayer, Token, TokenError, TokenRefused, Waited,
    rate_limit_backoff::{MaxWait, Quota, RateLimited, Refusal, RetryAfter},
    replay::ReplayBodyError,
    skew_auth::MinRemaining,
    token_source_fn,
};
use clearance_core::{
    Redactor, Withheld,
    clock::{ClockAnchor, Observation, OffsetInterval, ServerClock, Skew, SystemClock},
};
use clearance_cxone::{AccessKey, ClientRegistration, Cxone, CxoneRegional, Environment};
use clearance_genesys::{GenesysCloud, Region, UnknownRegion};
use clearance_oauth::{
    ClientAuthentication, ClientCredentials, Document, Exchange, TokenEndpoint, TokenRequest,
    check, https,
};
use clearance_test::sim;
use http::{Method, Request, Response, header::AUTHORIZATION};
use http_body_util::{BodyExt, Full};
use tokio::time::{Instant, timeout};
use tower::{Layer, Service, ServiceBuilder, ServiceExt, service_fn};

use crate::Shown;

type Body = Full<Bytes>;

pub(crate) const SECRET: &str = "cl13nt/s3cret+x=1&y z%";
pub(crate) const KEY: &str = "acc3ss/k3y+w1th=s1gns & m0re";
pub(crate) const TOKEN: &str = "pr1nted/t0ken+A.b~c==";
pub(crate) const URL: &str =
    "https://us3r:p4ssw0rd-1n-url@api.example.com/users?key=s3cret-1n-the-query";

pub(crate) fn vocabulary(shown: &mut Shown) {
    let token = Token::bearer(TOKEN).unwrap();
    shown.debug(&token.with_lifetime(Duration::from_secs(60)));
    shown.debug(&Secret::from(SECRET));
    shown.debug(&Redactor::new([SECRET, KEY]));

    let audience = Audience::origins(["https://api.example.com", "http://[::1]:80"]).unwrap();
    shown.all(&audience);
    shown.all(&Audience::any());
    let uri = "https://api.example.com/x".parse().unwrap();
    let slot = audience.admits(&Method::GET, &uri, &Default::default());
    shown.debug(&slot.unwrap());
    shown.debug(&Withheld::OtherOrigin);
    let with_query = format!("https://api.example.com/?key={KEY}");
    for wrong in [
        URL,
        &with_query,
        "https://api.example.com/#s3cret-1n-the-query",
        "?s3cret-1n-the-query",
    ] {
        if let Err(error) = Audience::origin(wrong) {
            shown.error(&error);
        }
        if let Ok(uri) = wrong.parse() {
            if let Err(error) = Audience::origin_of(&uri) {
                shown.error(&error);
            }
        }
        if let Err(error) = check::url("the token URL", wrong) {
            shown.error(&error);
        }
    }
    shown.error(&check::text("the secret", "the console", &format!("{SECRET}\n")).unwrap_err());

    let source = token_source_fn(audience, || async { Token::bearer(TOKEN) });
    shown.debug(&source);
    shown.debug(&AnyTokenSource::new(source));
    let cause = std::io::Error::other(format!("cannot send {SECRET} to {KEY}"));
    let endpoint = URL.parse().unwrap();
    let error = TokenError::throttled(Some(Duration::from_secs(1)), "slow down")
        .at(&endpoint)
        .caused_by(&cause, &Redactor::new([SECRET, KEY]));
    shown.debug(&error.kind());
    shown.error(&error);
    shown.error(&Token::bearer(&format!("{TOKEN}\r\n")).unwrap_err());
    shown.error(&Token::bearer(&format!("é{TOKEN}")).unwrap_err());

    let (now, wall) = (Instant::now().into_std(), SystemTime::now());
    let anchor = ClockAnchor::new(now, wall);
    let seen = Observation::new(wall, Duration::from_secs(1), now, now);
    let mut clock = ServerClock::new(anchor);
    clock.observe(&seen);
    shown.debug(&SystemClock);
    shown.debug(&anchor);
    shown.debug(&seen);
    let offset: OffsetInterval = clock.offset_at(now).unwrap();
    shown.debug(&offset);
    let skew: Skew = clock.skew_at(now, wall).unwrap();
    shown.all(&skew);
    shown.debug(&clock);
}

pub(crate) async fn layers(shown: &mut Shown) {
    let unauthorised = service_fn(|_: Request<Body>| async {
        let reply = Response::builder().status(401);
        Ok::<_, Infallible>(reply.body(Body::from(TOKEN)).unwrap())
    });
    let request = || {
        let mut request = Request::post(URL).body(Body::from(SECRET)).unwrap();
        let extensions = request.extensions_mut();
        extensions.insert(MinRemaining(Duration::from_secs(1)));
        extensions.insert(MaxWait(Duration::ZERO));
        request
    };
    shown.debug(&MinRemaining(Duration::ZERO));
    shown.debug(&MaxWait(Duration::ZERO));
    let source = || token_source_fn(Audience::any(), || async { Token::bearer(TOKEN) });

    let auth = SkewAuthLayer::new(source());
    let mut service = auth.layer(unauthorised);
    shown.debug(&service.call(request()));
    let refused = service.clone().oneshot(request()).await.unwrap();
    let handle = refused.extensions().get::<TokenRefused>().unwrap();
    shown.debug(handle);
    shown.debug(&handle.settled());
    shown.debug(&auth);
    shown.debug(&service);
    shown.debug(&auth.clock());
    let status = auth.status();
    shown.debug(&status.token);
    shown.debug(&status.refreshes);
    shown.all(&status.hosts[0]);
    shown.all(&status);
    for reason in [
        RefusalReason::NotAttached,
        RefusalReason::TooYoung {
            behind: Duration::MAX,
        },
        RefusalReason::RefreshFailed(TokenError::denied("no")),
    ] {
        shown.error(&reason);
    }

    let mut retry = Retry401Layer::new().layer(auth.layer(unauthorised));
    shown.debug(&Retry401Layer::new());
    shown.debug(&retry.call(request()));
    shown.debug(&retry);

    let limited = service_fn(|_: Request<Body>| async {
        let reply = Response::builder().status(429).header("retry-after", 30);
        Ok::<_, Infallible>(reply.body(Body::from(TOKEN)).unwrap())
    });
    let rate = RateLimitBackoffLayer::new();
    let mut backoff = rate.layer(limited);
    shown.debug(&backoff.call(request()));
    let reply = backoff.clone().oneshot(request()).await.unwrap();
    shown.debug(reply.extensions().get::<RetryAfter>().unwrap());
    let error = backoff.clone().oneshot(request()).await.unwrap_err();
    shown.error(error.downcast_ref::<RateLimited>().unwrap());
    shown.debug(&rate);
    shown.debug(&backoff);
    shown.all(&rate.status());
    shown.all(&rate.status().keys[0]);
    shown.debug(&Quota::new(5, Duration::from_secs(1)));
    shown.debug(&Refusal::Limited);
    shown.debug(&Waited::default());

    shown.debug(&ReplayBodyLayer::new());
    shown.error(&ReplayBodyError::Superseded);
    let kept = ServiceBuilder::new()
        .layer(ReplayBodyLayer::new())
        .service(service_fn(|request: Request<_>| async move {
            Ok::<_, Infallible>(request)
        }));
    shown.debug(&kept);
    let body = Full::<Bytes>::from(SECRET).boxed_unsync();
    let sent = kept.oneshot(Request::new(body)).await.unwrap();
    shown.debug(sent.body());
    shown.debug(&sent.into_body().collect().await.map(|_| ()).unwrap());
}

pub(crate) async fn sources(shown: &mut Shown) {
    let answer = format!(
        r#"{{"access_token": "{TOKEN}", "token_type": "bearer", "expires_in": 60, "refresh_token": "{KEY}",
            "id_token": "{SECRET}"}}"#
    );
    let document = Document::from_json(answer.as_bytes()).unwrap();
    shown.debug(&document);
    let client = service_fn(move |_: Request<Body>| {
        let answer = Body::from(answer.clone());
        async move { Ok::<_, Infallible>(Response::new(answer)) }
    });
    let url = "https://login.example.com/token?key=s3cret-1n-the-query";
    let request = TokenRequest::form()
        .field("grant_type", "password")
        .secret("password", KEY)
        .client(ClientAuthentication::Basic, "id", &Secret::from(SECRET));
    shown.debug(&ClientAuthentication::Basic);
    shown.debug(&request);
    shown.debug(&Exchange::new(client.clone()));
    let endpoint = TokenEndpoint::new(url, client.clone()).unwrap();
    shown.debug(&endpoint);
    shown.debug(&endpoint.ask(&request).await.unwrap());
    let source = ClientCredentials::new(url, "id", SECRET, Audience::any()).unwrap();
    shown.debug(
        &source
            .secret_parameter("assertion", KEY)
            .with_client(client),
    );

    shown.debug(&GenesysCloud::new(Region::UsEast1, "id", SECRET).unwrap());
    shown.all(&Region::UsEast1);
    let unknown: UnknownRegion = "atlantis".parse::<Region>().unwrap_err();
    shown.error(&unknown);

    let platform = sim::Cxone::builder()
        .client("id", SECRET)
        .access_key("key", KEY)
        .build();
    let registration = ClientRegistration::new("id", SECRET);
    let key = AccessKey::new("key", KEY);
    shown.debug(&registration);
    shown.debug(&key);
    shown.all(&Environment::ALL[0]);
    let cxone = Cxone::for_issuer(platform.login_url(), registration, key.clone())
        .unwrap()
        .with_client(platform.client::<Body>());
    // It keeps a token from now on.
    cxone.discover().await.unwrap();
    shown.debug(&cxone);
    let regional = CxoneRegional::new("na1", key, "https://api-na1.niceincontact.com").unwrap();
    shown.debug(&regional);
}

/// Over sockets, in real time.
pub(crate) async fn client(shown: &mut Shown) {
    let platform = sim::Genesys::new();
    let running = platform.serve().await.unwrap();
    let mut client = https::<Body>();
    shown.debug(&client);
    let request = |base: &str| {
        let uri = format!("{base}/api/v2/users?key=s3cret-1n-the-query");
        let token = Token::bearer(TOKEN).unwrap();
        let request = Request::get(uri).header(AUTHORIZATION, token.header());
        request.body(Body::from(KEY)).unwrap()
    };
    let future = client.call(request(running.api_url()));
    shown.debug(&future);
    let limit = Duration::from_secs(30);
    let reply = timeout(limit, future).await.unwrap().unwrap();
    shown.debug(reply.body());
    shown.debug(&reply);
    // Nobody listens to the port of nothing.
    for base in ["http://us3r:p4ssw0rd-1n-url@127.0.0.1:1", "ftp://127.0.0.1"] {
        let error = timeout(limit, client.call(request(base))).await.unwrap();
        shown.error(&error.unwrap_err());
    }
}
