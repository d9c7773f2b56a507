//! Stacks whose next call meets a state of the token or of the limit, and what must hold when that call is no more.
#![allow(clippy::unwrap_used, reason = "test code")]

use std::time::{Duration, SystemTime};

use clearance::{
    RateLimitBackoffLayer, RefusalReason, ReplayBodyLayer, Retry401Layer, SkewAuthLayer, Token,
    TokenError, TokenRefused,
};
use clearance_core::clock::WallClock;
use clearance_test::{ProbeHandle, ReadyProbe, ScriptedSource, Step, TokioWallClock};
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use tokio::{
    runtime::Handle,
    time::{Instant, sleep},
};
use tower::{
    ServiceBuilder, ServiceExt, limit::ConcurrencyLimit, service_fn, util::BoxCloneSyncService,
};

use crate::{
    dropped::Hesitant,
    support::{Api, Body, BoxError, Good, SECOND, Verdict, get},
};

pub(crate) type Stack = BoxCloneSyncService<Request<Body>, Response<Body>, BoxError>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layers {
    Auth,
    Retry,
    Backoff,
    Whole,
    /// With a body that has to be kept.
    Kept,
}

/// What a call meets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Empty,
    Fresh,
    Ageing,
    Expired,
    /// It had been accepted.
    Revoked,
    /// It was never accepted.
    Suspect,
    /// From the future, to the API.
    Young,
    /// All calls are held for a limit that another one met.
    Paused,
    /// It meets the limit itself.
    Limited,
    /// The source fails once.
    Failing,
}

impl Layers {
    pub(crate) const ALL: [Self; 5] = [
        Self::Auth,
        Self::Retry,
        Self::Backoff,
        Self::Whole,
        Self::Kept,
    ];

    /// What concerns these layers, beside `Fresh`.
    pub(crate) fn states(self) -> &'static [State] {
        use State::{Ageing, Empty, Expired, Failing, Limited, Paused, Revoked, Suspect, Young};
        match self {
            Self::Auth => &[Empty, Ageing, Expired, Revoked, Suspect, Young, Failing],
            Self::Retry => &[Young],
            Self::Backoff => &[Paused, Limited],
            Self::Whole | Self::Kept => &[
                Empty, Ageing, Expired, Revoked, Suspect, Young, Paused, Limited, Failing,
            ],
        }
    }
}

pub(crate) struct World {
    pub(crate) stack: Stack,
    source: ScriptedSource,
    auth: SkewAuthLayer,
    rate: RateLimitBackoffLayer,
    probe: ProbeHandle,
    api: Api,
    others: Vec<tokio::task::JoinHandle<Result<Response<Body>, BoxError>>>,
}

impl World {
    /// A stack, and a call that meets this state.
    pub(crate) async fn new(layers: Layers, state: State) -> Self {
        let good = Good::default();
        let start = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        let clock = TokioWallClock::starting_at(start);
        let script = match state {
            State::Failing => vec![Step::Fail(TokenError::unavailable("down")), Step::Fresh],
            State::Young => {
                let token = Token::bearer("token-1").unwrap().with_issued_at(start);
                vec![Step::Made(token.with_lifetime(300 * SECOND)), Step::Fresh]
            }
            _ => vec![Step::Fresh],
        };
        let source = ScriptedSource::script(script)
            .with_lifetime(300 * SECOND)
            .with_delay(SECOND / 2);
        let api = {
            let (good, clock) = (good.clone(), clock.clone());
            let begun = Instant::now();
            Api::new(move |seen, before| {
                let limited = match state {
                    State::Paused => before == 1,
                    State::Limited => before == 0,
                    _ => false,
                };
                // Three seconds behind the issuer.
                let young = state == State::Young && begun.elapsed() < 3 * SECOND;
                let status = match good.status(&seen.token) {
                    _ if young => 401,
                    _ if limited => 429,
                    status if layers != Layers::Backoff && layers != Layers::Retry => status,
                    _ => 200,
                };
                let date = match state {
                    State::Young => clock.now() - 3 * SECOND,
                    _ => clock.now(),
                };
                Verdict::from(status)
                    .with("retry-after", 2)
                    .with("date", httpdate::fmt_http_date(date))
            })
        };
        // One at a time: a place that is not given back stops everything.
        let inner = ReadyProbe::new(Hesitant::new(ConcurrencyLimit::new(api.clone(), 1)));
        let probe = inner.handle();
        let auth = SkewAuthLayer::new(source.clone()).wall_clock(clock);
        let rate = RateLimitBackoffLayer::new();
        let stack = stack(layers, &auth, &rate, inner);
        let mut world = Self {
            stack,
            source,
            auth,
            rate,
            probe,
            api,
            others: Vec::new(),
        };
        good.only("token-1");
        match state {
            State::Empty | State::Young | State::Limited | State::Failing => {}
            State::Suspect => good.only("token-2"),
            State::Fresh => world.call().await,
            State::Ageing | State::Expired | State::Revoked | State::Paused => {
                world.call().await;
                match state {
                    State::Ageing => sleep(250 * SECOND).await,
                    State::Expired => sleep(285 * SECOND).await,
                    State::Revoked => good.only("token-2"),
                    _ => {
                        let other = world.stack.clone().oneshot(get());
                        world.others.push(tokio::spawn(other));
                        sleep(SECOND).await;
                    }
                }
                if matches!(state, State::Ageing | State::Expired) {
                    good.only("token-2");
                    good.also("token-1");
                }
            }
        }
        world
    }

    /// A call that succeeds, if need be after one or two that no layer above cures.
    pub(crate) async fn call(&self) {
        for _ in 0..3 {
            let response = self.stack.clone().oneshot(get()).await.unwrap();
            if response.status() == 200 {
                return;
            }
            sleep(4 * SECOND).await;
        }
        panic!("no call succeeds any more: {}", self.auth.status());
    }

    /// After something was dropped: nothing is left of it, and the next call succeeds. How many token requests did it all
    /// take?
    pub(crate) async fn aftermath(mut self) -> usize {
        for other in self.others.drain(..) {
            assert_eq!(other.await.unwrap().unwrap().status(), 200);
        }
        // A refresh ends on its own, and so does a pause.
        sleep(16 * SECOND).await;
        assert_eq!(self.probe.held(), 0, "readiness is held");
        assert!(!self.auth.status().refreshing, "{}", self.auth.status());
        for key in &self.rate.status().keys {
            assert_eq!((key.held, key.pause), (0, None), "{key}");
        }
        assert_eq!(Handle::current().metrics().num_alive_tasks(), 0);
        let begun = Instant::now();
        self.call().await;
        assert!(begun.elapsed() < 10 * SECOND, "{:?}", begun.elapsed());
        assert_eq!(self.probe.held(), 0);
        // What is dropped while it waits for its reply was sent all the same.
        assert!(self.api.seen().len() <= 9, "{}", self.api.seen().len());
        self.source.fetches()
    }
}

fn stack<S>(layers: Layers, auth: &SkewAuthLayer, rate: &RateLimitBackoffLayer, inner: S) -> Stack
where
    S: tower::Service<Request<Body>, Response = Response<Body>, Error = std::convert::Infallible>
        + Clone
        + Send
        + Sync
        + 'static,
    S::Future: Send,
{
    let retry = Retry401Layer::new();
    match layers {
        Layers::Auth => {
            BoxCloneSyncService::new(ServiceBuilder::new().layer(auth.clone()).service(inner))
        }
        Layers::Backoff => {
            BoxCloneSyncService::new(ServiceBuilder::new().layer(rate.clone()).service(inner))
        }
        Layers::Retry => {
            // Another auth layer is below, whose first token of each call is refused.
            let refusing = ServiceBuilder::new()
                .layer(retry)
                .map_response(|mut response: Response<Body>| {
                    if response.status() == 401 {
                        let refused = TokenRefused::when("waiting", || async {
                            sleep(4 * SECOND).await;
                            Ok::<_, RefusalReason>(())
                        });
                        response.extensions_mut().insert(refused);
                    }
                    response
                })
                .service(inner);
            BoxCloneSyncService::new(refusing.map_err(|never| match never {}))
        }
        Layers::Whole => BoxCloneSyncService::new(
            ServiceBuilder::new()
                .layer(retry)
                .layer(rate.clone())
                .layer(auth.clone())
                .service(inner),
        ),
        Layers::Kept => {
            let whole = ServiceBuilder::new()
                .layer(ReplayBodyLayer::new())
                .layer(retry)
                .layer(rate.clone())
                .layer(auth.clone())
                .service(service_fn(
                    move |request: Request<clearance::ReplayBody<_>>| {
                        let inner = inner.clone();
                        async move {
                            let (head, body) = request.into_parts();
                            let body = BodyExt::collect(body).await?.to_bytes();
                            let request = Request::from_parts(head, Full::from(body));
                            Ok::<_, BoxError>(inner.oneshot(request).await?)
                        }
                    },
                ));
            let unkept = |request: Request<Body>| request.map(BodyExt::boxed);
            BoxCloneSyncService::new(whole.map_request(unkept))
        }
    }
}
