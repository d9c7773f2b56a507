//! What can be set before a simulator starts.

use std::time::{Duration, SystemTime};

use super::{RetryAfter, limiter::Rate};

/// Everything that is set once.
#[derive(Debug)]
pub(crate) struct Settings {
    /// `None`: whatever the time is then.
    pub(crate) start: Option<SystemTime>,
    /// Seconds.
    pub(crate) issuer_ahead: f64,
    pub(crate) api_ahead: f64,
    pub(crate) edge_ahead: f64,
    /// Millionths.
    pub(crate) drift: f64,
    pub(crate) lifetime: Duration,
    pub(crate) jwt: bool,
    /// `None`: the API does not ask when a token was made.
    pub(crate) not_before_tolerance: Option<Duration>,
    pub(crate) api_checks_expiry: bool,
    pub(crate) rate: Option<Rate>,
    pub(crate) retry_after: RetryAfter,
    pub(crate) token_rate: Option<Rate>,
    pub(crate) latency: Duration,
    pub(crate) client_id: String,
    pub(crate) client_secret: String,
    /// CXone only.
    pub(crate) access_key: (String, String),
    pub(crate) agents: usize,
    pub(crate) recording: bool,
}

impl Settings {
    /// What both platforms have in common.
    pub(crate) fn new(client_id: &str, client_secret: &str, lifetime: Duration) -> Self {
        Self {
            start: None,
            issuer_ahead: 0.0,
            api_ahead: 0.0,
            edge_ahead: 0.0,
            drift: 0.0,
            lifetime,
            jwt: false,
            not_before_tolerance: None,
            api_checks_expiry: false,
            rate: None,
            retry_after: RetryAfter::Absent,
            token_rate: None,
            latency: Duration::ZERO,
            client_id: client_id.to_owned(),
            client_secret: client_secret.to_owned(),
            access_key: Default::default(),
            agents: 130,
            recording: false,
        }
    }
}
