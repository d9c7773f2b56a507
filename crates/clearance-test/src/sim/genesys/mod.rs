//! Genesys Cloud.

mod api;
mod login;

use std::time::Duration;

use http::{HeaderName, StatusCode};

use super::{
    Builder, Endpoint, RetryAfter, Simulator,
    answer::{self, Answer},
    call::Call,
    limiter::Rate,
    settings::Settings,
    vendor::Vendor,
    world::World,
};

/// Marks a [`Simulator`] as Genesys Cloud.
#[derive(Debug)]
pub enum GenesysCloud {}

/// A stand-in for Genesys Cloud.
///
/// | host | route | |
/// |---|---|---|
/// | login | `POST /oauth/token` | client credentials by Basic; a lifetime of a day |
/// | API | `GET /api/v2/users` | `pageSize`, `pageNumber`, `state`; all are active |
/// | API | `GET /api/v2/date` | the API's clock; needs no token |
/// | API | `HEAD /api/v2/tokens/me` | |
/// | API | `POST` [`ECHO`](Self::ECHO) | the body, byte for byte |
/// | API | `GET` [`FORBIDDEN`](Self::FORBIDDEN) | 403 `missing.permissions` |
/// | API | `GET` [`UNAUTHORIZED`](Self::UNAUTHORIZED) | 401 for every token |
///
/// A token is good for 300 API requests a minute, then there are 429s with `Retry-After` in seconds. A throttled token
/// endpoint answers 400 "rate limit exceeded; …". Every answer has an `ININ-Correlation-Id`.
pub type Genesys = Simulator<GenesysCloud>;

impl Genesys {
    /// The client id that is accepted if nothing else is set.
    pub const CLIENT_ID: &'static str = "6c1f3b52-0d5e-4f0a-9b43-2f3c7a1d9e10";
    /// The client secret that is accepted if nothing else is set.
    pub const CLIENT_SECRET: &'static str = "n0t-4-s3cr3t_genesys";
    /// The path of a `POST` route that answers with the request's body.
    pub const ECHO: &'static str = "/api/v2/conversations/messages";
    /// The path of a `GET` route for which no client has the permission.
    pub const FORBIDDEN: &'static str = "/api/v2/oauth/clients";
    /// The path of a `GET` route that refuses every token.
    pub const UNAUTHORIZED: &'static str = "/api/v2/users/me";

    /// A platform with every setting at its default.
    #[must_use]
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// A platform that is still to be set up.
    pub fn builder() -> Builder<GenesysCloud> {
        let lifetime = Duration::from_secs(86_400);
        let settings = Settings {
            rate: Some(Rate {
                requests: 300,
                window: Duration::from_secs(60),
            }),
            retry_after: RetryAfter::Seconds,
            ..Settings::new(Self::CLIENT_ID, Self::CLIENT_SECRET, lifetime)
        };
        Builder::new(settings, Routes)
    }
}

impl Default for Genesys {
    fn default() -> Self {
        Self::new()
    }
}

#[derive(Debug)]
struct Routes;

impl Vendor for Routes {
    fn name(&self) -> &'static str {
        "genesys"
    }

    fn correlation(&self) -> HeaderName {
        HeaderName::from_static("inin-correlation-id")
    }

    fn endpoint(&self, path: &str) -> Endpoint {
        match path {
            "/oauth/token" => Endpoint::Token,
            _ => Endpoint::Api,
        }
    }

    fn login(&self, world: &World, call: &Call) -> Answer {
        login::answer(world, call)
    }

    fn is_public(&self, call: &Call) -> bool {
        call.uri.path() == api::DATE
    }

    fn api(&self, world: &World, call: &Call) -> Answer {
        api::answer(world, call)
    }

    fn unauthorized(&self, call: &Call) -> Answer {
        let (code, message) = match call.bearer() {
            None => (
                "authentication.required",
                "No authentication bearer token specified in authorization header.",
            ),
            Some(_) => ("bad.credentials", "Invalid login credentials."),
        };
        api::error(call, StatusCode::UNAUTHORIZED, code, message)
    }

    fn too_many_requests(&self, call: &Call, wait: Duration) -> Answer {
        let seconds = wait.as_nanos().div_ceil(1_000_000_000);
        let message =
            format!("Rate limit exceeded the maximum. Retry the request in [{seconds}] seconds");
        let code = "too.many.requests.retry.after";
        api::error(call, StatusCode::TOO_MANY_REQUESTS, code, &message)
    }

    fn too_many_tokens(&self) -> Answer {
        let description = "rate limit exceeded; too many token requests from this client";
        login::error(StatusCode::BAD_REQUEST, "invalid_request", description)
    }

    fn error(&self, call: &Call, status: StatusCode) -> Answer {
        if call.endpoint != Endpoint::Api {
            return login::error(status, answer::oauth_error(status), "simulated");
        }
        let code = match status.as_u16() {
            400 => "bad.request",
            403 => "not.authorized",
            404 => "not.found",
            429 => "too.many.requests",
            503 => "service.unavailable",
            504 => "authentication.request.timeout",
            _ => "internal.server.error",
        };
        api::error(call, status, code, "simulated")
    }
}
