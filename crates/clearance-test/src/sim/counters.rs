//! What the simulator saw.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use http::{Method, StatusCode, Uri, header::AUTHORIZATION};
use tokio::time::Instant;

use super::call::{Call, Endpoint};

/// A snapshot of everything that a simulator counted. A request counts when it has arrived in whole, a status when the
/// answer leaves: what hangs or is reset has none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counters {
    /// Requests to the token endpoint.
    pub token_requests: usize,
    /// Other requests to the login host.
    pub discovery_requests: usize,
    /// Requests to the API.
    pub api_requests: usize,
    /// Tokens minted.
    pub tokens_minted: usize,
    /// Requests to the API during a pause that an earlier answer to the same token had announced.
    pub sent_in_pause: usize,
    /// Requests to the login host during a pause that it had announced.
    pub login_sent_in_pause: usize,
    /// Connections accepted, through sockets and pipes.
    pub connections: usize,
    /// Answers of the token endpoint, by status.
    pub token_statuses: BTreeMap<u16, usize>,
    /// Answers of the API, by status.
    pub api_statuses: BTreeMap<u16, usize>,
}

/// One request as the simulator saw it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Seen {
    /// What it was sent to.
    pub endpoint: Endpoint,
    /// Its method.
    pub method: Method,
    /// Its path and query.
    pub uri: Uri,
    /// Its `Authorization` field, credentials included.
    pub authorization: Option<String>,
    /// Its body.
    pub body: Bytes,
    /// When it had arrived, on tokio's clock.
    pub arrived: Instant,
    /// The status of its answer. `None`: not answered, or not yet.
    pub status: Option<StatusCode>,
}

/// The counters while they count.
#[derive(Debug)]
pub(crate) struct Log {
    recording: bool,
    state: Mutex<(Counters, Vec<Seen>)>,
}

/// Where in the record a request stands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry(Endpoint, usize);

// ===== impl Counters =====

impl Counters {
    /// How often the API answered 401.
    #[must_use]
    pub fn unauthorized(&self) -> usize {
        self.api_answers(401)
    }

    /// How often the API answered 429.
    #[must_use]
    pub fn throttled(&self) -> usize {
        self.api_answers(429)
    }

    /// How often the API answered with this status.
    #[must_use]
    pub fn api_answers(&self, status: u16) -> usize {
        self.api_statuses.get(&status).copied().unwrap_or_default()
    }

    /// How often the token endpoint answered with this status.
    #[must_use]
    pub fn token_answers(&self, status: u16) -> usize {
        let count = self.token_statuses.get(&status);
        count.copied().unwrap_or_default()
    }
}

// ===== impl Log =====

impl Log {
    pub(crate) fn new(recording: bool) -> Self {
        Self {
            recording,
            state: Mutex::default(),
        }
    }

    pub(crate) fn connected(&self) {
        self.state().0.connections += 1;
    }

    pub(crate) fn arrived(&self, call: &Call, in_pause: bool) -> Entry {
        let (counters, seen) = &mut *self.state();
        let count = match call.endpoint {
            Endpoint::Token => &mut counters.token_requests,
            Endpoint::Discovery => &mut counters.discovery_requests,
            Endpoint::Api => &mut counters.api_requests,
        };
        *count += 1;
        let early = match call.endpoint {
            Endpoint::Api => &mut counters.sent_in_pause,
            Endpoint::Token | Endpoint::Discovery => &mut counters.login_sent_in_pause,
        };
        *early += usize::from(in_pause);
        if self.recording {
            seen.push(Seen {
                endpoint: call.endpoint,
                method: call.method.clone(),
                uri: call.uri.clone(),
                authorization: call.header(&AUTHORIZATION).map(str::to_owned),
                body: call.body.clone(),
                arrived: call.arrived,
                status: None,
            });
        }
        Entry(call.endpoint, seen.len().wrapping_sub(1))
    }

    pub(crate) fn answered(&self, entry: Entry, status: StatusCode) {
        let Entry(endpoint, index) = entry;
        let (counters, seen) = &mut *self.state();
        let statuses = match endpoint {
            Endpoint::Token => Some(&mut counters.token_statuses),
            Endpoint::Api => Some(&mut counters.api_statuses),
            Endpoint::Discovery => None,
        };
        if let Some(statuses) = statuses {
            *statuses.entry(status.as_u16()).or_default() += 1;
        }
        if let Some(seen) = seen.get_mut(index) {
            seen.status = Some(status);
        }
    }

    pub(crate) fn snapshot(&self) -> Counters {
        self.state().0.clone()
    }

    pub(crate) fn recorded(&self) -> Vec<Seen> {
        self.state().1.clone()
    }

    fn state(&self) -> MutexGuard<'_, (Counters, Vec<Seen>)> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
