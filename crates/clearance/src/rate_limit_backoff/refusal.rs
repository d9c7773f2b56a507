//! Which replies are refusals, and what is handed up with a refusal that is not waited out.

use std::{error::Error, fmt, time::Duration};

use http::{HeaderMap, StatusCode};

use super::key::Key;
use crate::grpc;

/// In the extensions of a refused reply that was returned and not waited out: how long to wait, counted from its receipt.
///
/// This is what its `Retry-After` says, of whatever form and however long; without one it is what the layer would have
/// waited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryAfter(pub Duration);

/// What kind of refusal a reply is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// A rate limit, as 429 says it: every call of the key is held, and the refused one is sent again after the wait.
    Limited,
    /// Trouble of the server, as 503 with `Retry-After` says it: the call waits alone. Only if it states a time, and
    /// only an idempotent request: the server may have begun its work.
    Busy,
}

/// The classifier of an application.
pub(super) type Classify = dyn Fn(StatusCode, &HeaderMap) -> Option<Refusal> + Send + Sync;

/// What this reply is; `other` judges the statuses that HTTP does not settle.
#[inline]
pub(super) fn refusal(
    status: StatusCode,
    headers: &HeaderMap,
    other: Option<&Classify>,
) -> Option<Refusal> {
    match status {
        StatusCode::TOO_MANY_REQUESTS => Some(Refusal::Limited),
        // Without a push-back it may as well be about the size of a message.
        StatusCode::OK
            if grpc::status(headers) == Some(grpc::RESOURCE_EXHAUSTED)
                && grpc::pushback(headers).is_some() =>
        {
            Some(Refusal::Limited)
        }
        StatusCode::SERVICE_UNAVAILABLE => {
            let judged = other.and_then(|classify| classify(status, headers));
            Some(judged.unwrap_or(Refusal::Busy))
        }
        // A `Retry-After` here is about something else than a limit.
        StatusCode::UNAUTHORIZED => None,
        _ if status.is_redirection() => None,
        _ => other?(status, headers),
    }
}

/// Whether the reply shows that the limit let its request through.
pub(super) fn is_accepted(status: StatusCode, headers: &HeaderMap) -> bool {
    let is_turned_away = |code| {
        [
            grpc::RESOURCE_EXHAUSTED,
            grpc::UNAVAILABLE,
            grpc::UNAUTHENTICATED,
        ]
        .contains(&code)
    };
    !status.is_server_error()
        && status != StatusCode::UNAUTHORIZED
        && !grpc::status(headers).is_some_and(is_turned_away)
}

/// The error of a call that would have to be held, and is given up: its turn comes later than it may wait
/// ([`max_wait`](crate::RateLimitBackoffLayer::max_wait), [`MaxWait`], a `grpc-timeout`), or too many are held already.
///
/// It was not sent, or it was sent and refused and is not sent again. A call whose refused reply is at hand gets that instead.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RateLimited {
    /// The origin, or what [`keyed_by`](crate::RateLimitBackoffLayer::keyed_by) made of the request.
    pub key: String,
    /// How long it would have had to wait on from now.
    pub wait: Duration,
    limit: Limit,
}

/// What a call that is given up runs into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Limit {
    Deadline,
    Crowd,
}

/// In the extensions of a request: how long this call may wait in all, whatever the layer's
/// [`max_wait`](crate::RateLimitBackoffLayer::max_wait) is. Zero: it fails rather than wait.
///
/// ```
/// use std::time::Duration;
/// use clearance::rate_limit_backoff::MaxWait;
///
/// let mut request = http::Request::get("https://api.example.com/users").body(()).unwrap();
/// request.extensions_mut().insert(MaxWait(Duration::from_secs(5)));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MaxWait(pub Duration);

impl RateLimited {
    pub(super) fn new(key: &Key, wait: Duration, limit: Limit) -> Self {
        let key = key.to_string();
        Self { key, wait, limit }
    }

    pub(super) fn reason(&self) -> &'static str {
        match self.limit {
            Limit::Deadline => "its turn comes later than the call may wait",
            Limit::Crowd => "too many calls are held already",
        }
    }
}

impl fmt::Display for RateLimited {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (key, wait, reason) = (&self.key, self.wait.as_secs_f64(), self.reason());
        write!(
            f,
            "{key} is rate limited for the call for another {wait:.1} s: {reason}"
        )
    }
}

impl Error for RateLimited {}

/// Why a refused call is not sent again.
#[derive(Clone, Copy, Debug)]
pub(super) enum GaveUp {
    Unrepeatable,
    TooLong,
    Unlucky,
    Crowded,
}

impl fmt::Display for GaveUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unrepeatable => "its body cannot be sent twice",
            Self::TooLong => "the wait does not fit into what the call may wait in all",
            Self::Unlucky => "it was refused again and again while others got through",
            Self::Crowded => "too many calls are held already",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_http_settles_no_classifier_is_asked_about() {
        let busy = |_: StatusCode, _: &HeaderMap| Some(Refusal::Busy);
        for (status, kind) in [
            (429, Some(Refusal::Limited)),
            (401, None),
            (307, None),
            (304, None),
        ] {
            let status = StatusCode::from_u16(status).unwrap();
            assert_eq!(refusal(status, &HeaderMap::new(), Some(&busy)), kind);
        }
    }

    #[test]
    fn the_rest_is_the_classifiers() {
        let limited = |_: StatusCode, _: &HeaderMap| Some(Refusal::Limited);
        let none = HeaderMap::new();
        assert_eq!(refusal(StatusCode::FORBIDDEN, &none, None), None);
        assert_eq!(
            refusal(StatusCode::FORBIDDEN, &none, Some(&limited)),
            Some(Refusal::Limited)
        );
        assert_eq!(
            refusal(StatusCode::SERVICE_UNAVAILABLE, &none, None),
            Some(Refusal::Busy)
        );
        let judged = refusal(StatusCode::SERVICE_UNAVAILABLE, &none, Some(&limited));
        assert_eq!(judged, Some(Refusal::Limited));
    }

    fn grpc(code: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert("content-type", "application/grpc".parse().unwrap());
        headers.insert("grpc-status", code.parse().unwrap());
        headers.insert("grpc-retry-pushback-ms", "5".parse().unwrap());
        headers
    }

    #[test]
    fn what_was_turned_away_proves_no_rate() {
        for (code, is) in [
            ("0", true),
            ("5", true),
            ("8", false),
            ("14", false),
            ("16", false),
        ] {
            assert_eq!(is_accepted(StatusCode::OK, &grpc(code)), is, "{code}");
        }
    }

    #[test]
    fn a_push_back_counts_in_a_200() {
        for (status, kind) in [
            (200, Some(Refusal::Limited)),
            (401, None),
            (404, None),
            (500, None),
        ] {
            let status = StatusCode::from_u16(status).unwrap();
            assert_eq!(refusal(status, &grpc("8"), None), kind, "{status}");
        }
    }
}
