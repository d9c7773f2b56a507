//! NICE CXone.

mod api;
mod login;

use std::time::Duration;

use http::{HeaderName, StatusCode};

use super::{
    Builder, Endpoint, Simulator,
    answer::{self, Answer},
    call::Call,
    settings::Settings,
    vendor::Vendor,
    world::World,
};

/// Marks a [`Simulator`] as NICE CXone.
#[derive(Debug)]
pub enum NiceCxone {}

/// A stand-in for NICE CXone.
///
/// | host | route | |
/// |---|---|---|
/// | login | `GET /.well-known/openid-configuration` | |
/// | login | `POST /auth/token` | the password grant of an access key, the client by Basic or in the body; an hour |
/// | login | `GET /.well-known/cxone-configuration` | `tenantId` |
/// | login | `POST /authentication/v1/token/access-key` | the older regional grant |
/// | API | `GET …/agents` | `top`, `skip`, `isActive`, `fields`; 204 where there are none |
/// | API | `GET …/server-time` | the API's clock |
/// | API | `POST` [`ECHO`](Self::ECHO) | the body, byte for byte |
/// | API | `GET` [`FORBIDDEN`](Self::FORBIDDEN) | 403 |
/// | API | `GET` [`UNAUTHORIZED`](Self::UNAUTHORIZED) | 401 for every token |
///
/// `…` is `/incontactapi/services/v34.0`, any other version, and `inContactAPI` in any spelling. Without
/// `Accept: application/json` (or `*/*`) the API answers as HTML. No rate limit is published for it, so there is none
/// unless one is set, and its 429 has then no `Retry-After` unless a form is set. Errors of the API have an empty body
/// and the reason in `icStatusDescription`.
pub type Cxone = Simulator<NiceCxone>;

impl Cxone {
    /// The client id that is accepted if nothing else is set.
    pub const CLIENT_ID: &'static str = "clearance@simulated";
    /// The client secret that is accepted if nothing else is set.
    pub const CLIENT_SECRET: &'static str = "n0t-4-s3cr3t/cx0ne+";
    /// The id of the access key that is accepted if nothing else is set.
    pub const ACCESS_KEY_ID: &'static str = "JTYOLC6SIMULATEDKEYID67A====";
    /// The secret of the access key that is accepted if nothing else is set.
    pub const ACCESS_KEY_SECRET: &'static str = "ZQ4NSIMULATEDKEYSECRET3M====";
    /// The tenant to which the access key belongs.
    pub const TENANT_ID: &'static str = "11ee2c5a-8f0d-4c7e-a1b2-0242ac110003";
    /// The path of a `POST` route that answers with the request's body.
    pub const ECHO: &'static str = "/incontactapi/services/v34.0/contacts";
    /// The path of a `GET` route for which no client has the permission.
    pub const FORBIDDEN: &'static str = "/incontactapi/services/v34.0/teams";
    /// The path of a `GET` route that refuses every token.
    pub const UNAUTHORIZED: &'static str = "/incontactapi/services/v34.0/skills";

    /// A platform with every setting at its default.
    #[must_use]
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// A platform that is still to be set up.
    pub fn builder() -> Builder<NiceCxone> {
        let lifetime = Duration::from_secs(3_600);
        let settings = Settings {
            access_key: (
                Self::ACCESS_KEY_ID.to_owned(),
                Self::ACCESS_KEY_SECRET.to_owned(),
            ),
            ..Settings::new(Self::CLIENT_ID, Self::CLIENT_SECRET, lifetime)
        };
        Builder::new(settings, Routes)
    }
}

impl Default for Cxone {
    fn default() -> Self {
        Self::new()
    }
}

impl Builder<NiceCxone> {
    /// The access key that is accepted.
    pub fn access_key(mut self, id: impl Into<String>, secret: impl Into<String>) -> Self {
        self.settings.access_key = (id.into(), secret.into());
        self
    }
}

#[derive(Debug)]
struct Routes;

impl Vendor for Routes {
    fn name(&self) -> &'static str {
        "cxone"
    }

    fn correlation(&self) -> HeaderName {
        HeaderName::from_static("correlationid")
    }

    fn endpoint(&self, path: &str) -> Endpoint {
        match path {
            login::TOKEN | login::ACCESS_KEY => Endpoint::Token,
            _ if path.starts_with("/.well-known/") => Endpoint::Discovery,
            _ => Endpoint::Api,
        }
    }

    fn login(&self, world: &World, call: &Call) -> Answer {
        login::answer(world, call)
    }

    fn is_public(&self, _: &Call) -> bool {
        false
    }

    fn api(&self, world: &World, call: &Call) -> Answer {
        api::answer(world, call)
    }

    fn unauthorized(&self, _: &Call) -> Answer {
        api::error(StatusCode::UNAUTHORIZED, "Unauthorized")
    }

    fn too_many_requests(&self, _: &Call, _: Duration) -> Answer {
        api::error(StatusCode::TOO_MANY_REQUESTS, "Too Many Requests")
    }

    fn too_many_tokens(&self) -> Answer {
        let description = "too many requests";
        login::error(
            StatusCode::TOO_MANY_REQUESTS,
            "too_many_requests",
            description,
        )
    }

    fn error(&self, call: &Call, status: StatusCode) -> Answer {
        if call.endpoint == Endpoint::Api {
            api::error(status, "simulated")
        } else {
            login::error(status, answer::oauth_error(status), "simulated")
        }
    }
}
