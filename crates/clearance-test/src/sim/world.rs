//! A platform's state, and how it answers while it is well: what both platforms have in common.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

use clearance_core::clock::WallClock;
use http::header::RETRY_AFTER;
use tokio::time::Instant;

use super::{
    RetryAfter,
    answer::Answer,
    call::{Call, Endpoint, same_credential},
    counters::Log,
    fault::FaultScript,
    issuer::Issuer,
    limiter::{Limiter, Pauses},
    settings::Settings,
    vendor::Vendor,
};
use crate::TokioWallClock;

/// A platform's state.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) settings: Settings,
    pub(crate) vendor: Box<dyn Vendor>,
    pub(crate) issuer_clock: TokioWallClock,
    pub(crate) api_clock: TokioWallClock,
    pub(crate) edge_clock: TokioWallClock,
    pub(crate) issuer: Issuer,
    pub(crate) faults: FaultScript,
    pub(crate) log: Log,
    pub(crate) pauses: Pauses,
    client_secret: Mutex<String>,
    limiter: Limiter,
}

impl World {
    pub(crate) fn new(settings: Settings, vendor: Box<dyn Vendor>) -> Self {
        let start = settings.start.unwrap_or_else(SystemTime::now);
        let clock = |ahead| {
            let clock = TokioWallClock::starting_at(start).with_drift(settings.drift);
            clock.step(ahead);
            clock
        };
        let issuer_clock = clock(settings.issuer_ahead);
        let api_clock = clock(settings.api_ahead);
        Self {
            issuer: Issuer::new(issuer_clock.clone(), api_clock.clone()),
            edge_clock: clock(settings.edge_ahead),
            issuer_clock,
            api_clock,
            faults: FaultScript::default(),
            log: Log::new(settings.recording),
            pauses: Pauses::default(),
            vendor,
            client_secret: Mutex::new(settings.client_secret.clone()),
            limiter: Limiter::default(),
            settings,
        }
    }

    pub(crate) fn mint(&self) -> String {
        self.issuer.mint(&self.settings, self.vendor.name())
    }

    pub(crate) fn is_client_secret(&self, sent: &str) -> bool {
        same_credential(sent, &self.client_secret())
    }

    pub(crate) fn set_client_secret(&self, secret: String) {
        *self.client_secret() = secret;
    }

    fn client_secret(&self) -> MutexGuard<'_, String> {
        self.client_secret
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// The answer of a platform that is well.
    pub(crate) fn answer(&self, call: &Call) -> Answer {
        let settings = &self.settings;
        let rate = match call.endpoint {
            Endpoint::Token => settings.token_rate,
            Endpoint::Discovery => None,
            Endpoint::Api if self.vendor.is_public(call) => None,
            Endpoint::Api => {
                if !self.issuer.accepts(settings, call.payer()) {
                    return self.vendor.unauthorized(call);
                }
                settings.rate
            }
        };
        let admitted = rate.map_or(Ok(()), |rate| {
            self.limiter.admit(call.payer(), rate, Instant::now())
        });
        match (call.endpoint, admitted) {
            (Endpoint::Api, Ok(())) => self.vendor.api(self, call),
            (_, Ok(())) => self.vendor.login(self, call),
            (Endpoint::Api, Err(wait)) => self.throttle(call, wait, settings.retry_after),
            // Nobody has seen a `Retry-After` there.
            (_, Err(wait)) => self.throttle(call, wait, RetryAfter::Absent),
        }
    }

    /// What writes `Date` on the answers of this endpoint: the login host itself, or the edge in front of the API.
    pub(crate) fn date_clock(&self, endpoint: Endpoint) -> &TokioWallClock {
        match endpoint {
            Endpoint::Api => &self.edge_clock,
            _ => &self.issuer_clock,
        }
    }

    /// Says no for `wait`, in this form.
    pub(crate) fn throttle(&self, call: &Call, wait: Duration, form: RetryAfter) -> Answer {
        let mut answer = match call.endpoint {
            Endpoint::Api => self.vendor.too_many_requests(call, wait),
            _ => self.vendor.too_many_tokens(),
        };
        if let Some((value, pause)) = form.announce(wait, self.date_clock(call.endpoint).now()) {
            answer.headers_mut().insert(RETRY_AFTER, value);
            self.pauses.announce(call.payer(), Instant::now(), pause);
        }
        answer
    }
}
