//! Which replies are refusals, and what is handed up with a refusal that is not waited out.

use std::{fmt, time::Duration};

use http::{HeaderMap, StatusCode};

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
pub(super) fn refusal(
    status: StatusCode,
    headers: &HeaderMap,
    other: Option<&Classify>,
) -> Option<Refusal> {
    match status {
        StatusCode::TOO_MANY_REQUESTS => Some(Refusal::Limited),
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
pub(super) fn is_accepted(status: StatusCode) -> bool {
    !status.is_server_error() && status != StatusCode::UNAUTHORIZED
}

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
}
