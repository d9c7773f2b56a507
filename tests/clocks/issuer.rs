//! The issuer's clock of a test: tokens stamped by it, dates read from it, and a stack whose wall clock goes with it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::{Duration, SystemTime},
};

use clearance::{
    Audience, Retry401, Retry401Layer, SkewAuth, SkewAuthLayer, Token, TokenSource, token_source_fn,
};
use clearance_core::clock::{Observation, WallClock};
use clearance_test::{ReadyProbe, TokioWallClock};
use tokio::time::Instant;
use tower::ServiceBuilder;

use crate::support::{Api, Verdict};

/// Tokens with an absolute end on the issuer's clock, as JWTs have.
pub(crate) fn stamped(
    lifetime: Option<Duration>,
    ends_in: Duration,
) -> (Arc<AtomicUsize>, impl TokenSource) {
    let minted = Arc::new(AtomicUsize::new(0));
    let count = minted.clone();
    let source = token_source_fn(Audience::any(), move || {
        let nth = count.fetch_add(1, Relaxed) + 1;
        let now = issuer_now();
        async move {
            let sent = Instant::now().into_std();
            let observation = Observation::new(now, Duration::from_millis(1), sent, sent);
            let token = Token::bearer(&format!("token-{nth}"))?
                .with_issued_at(now)
                .with_expires_at(now + ends_in);
            let token = token.with_observation(observation);
            Ok(match lifetime {
                Some(lifetime) => token.with_lifetime(lifetime),
                None => token,
            })
        }
    });
    (minted, source)
}

thread_local! {
    pub(crate) static ISSUER: TokioWallClock = TokioWallClock::starting_at(SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000));
}

pub(crate) fn issuer_now() -> SystemTime {
    ISSUER.with(WallClock::now)
}

pub(crate) fn dated(ahead: i64) -> Verdict {
    let now = issuer_now();
    let shown = if ahead < 0 {
        now - Duration::from_secs(ahead.unsigned_abs())
    } else {
        now + Duration::from_secs(ahead as u64)
    };
    Verdict::from(200).with("date", httpdate::fmt_http_date(shown))
}

type InStep = Retry401<SkewAuth<ReadyProbe<Api>>>;

/// A stack whose wall clock is right: it shows what the issuer's does.
pub(crate) fn in_step(source: impl TokenSource, api: &Api) -> (SkewAuthLayer, InStep) {
    let auth = SkewAuthLayer::new(source).wall_clock(ISSUER.with(TokioWallClock::clone));
    let stack = ServiceBuilder::new()
        .layer(Retry401Layer::new())
        .layer(auth.clone());
    (auth, stack.service(api.service()))
}
