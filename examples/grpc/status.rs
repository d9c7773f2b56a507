//! From the errors of the stack to tonic's.

use std::{error::Error, iter::successors};

use clearance::{TokenError, TokenErrorKind, rate_limit_backoff::RateLimited};
use tonic::{Code, Status};
use tower::timeout::error::Elapsed;

/// What a caller is told of a call that got no reply. Without it tonic makes `UNKNOWN` of every error of ours, and no
/// policy of retries and no alarm can tell a wrong secret from an issuer that is down.
///
/// A refusal is no error but the server's own reply, and tonic reads its status: `UNAUTHENTICATED` that no other token
/// cured, `RESOURCE_EXHAUSTED` whose wait was too long.
pub(crate) fn status_of(error: Box<dyn Error + Send + Sync>) -> Status {
    let code = if let Some(error) = find::<TokenError>(&*error) {
        code_of(error.kind())
    } else if find::<RateLimited>(&*error).is_some() {
        // Held, and its turn would come after its deadline. The one that met the limit itself gets the server's
        // RESOURCE_EXHAUSTED, so the others get the same.
        Code::ResourceExhausted
    } else if find::<Elapsed>(&*error).is_some() {
        Code::DeadlineExceeded
    } else {
        // The transport's, which tonic knows best.
        return Status::from_error(error);
    };
    let mut status = Status::new(code, error.to_string());
    status.set_source(error.into());
    status
}

/// There was no token, so nothing was sent.
fn code_of(kind: TokenErrorKind) -> Code {
    match kind {
        // The issuer refused our credentials. Trying again is of no use until someone corrects them.
        TokenErrorKind::Denied => Code::Unauthenticated,
        // It passes: what policies of retries take UNAVAILABLE for. A throttled issuer is no RESOURCE_EXHAUSTED, since
        // it is not the API's limit that was met.
        TokenErrorKind::Throttled { .. } | TokenErrorKind::Unavailable => Code::Unavailable,
        // The issuer is not what the configuration takes it for: neither the caller's mistake nor one that passes.
        TokenErrorKind::Malformed => Code::Internal,
        _ => Code::Unknown,
    }
}

/// The error itself or one behind it: layers in between may have wrapped it.
fn find<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    successors(Some(error), |&error| error.source()).find_map(|error| error.downcast_ref())
}
