//! By what rules the server judges: it refuses a token, or the first request for its rate.

use tonic::Status;

use crate::seen::Seen;

/// Is given a request and how many came before it.
pub(crate) trait Rule:
    Fn(&Seen, usize) -> Result<(), Status> + Send + Sync + 'static
{
}

impl<F: Fn(&Seen, usize) -> Result<(), Status> + Send + Sync + 'static> Rule for F {}

/// Takes every token but this one.
pub(crate) fn all_but(stale: &'static str) -> impl Rule {
    move |seen: &Seen, _| match seen.token != stale && !seen.token.is_empty() {
        true => Ok(()),
        false => Err(Status::unauthenticated("no good token")),
    }
}

/// Refuses the first request for its rate.
pub(crate) fn limited_once(push_back: Option<&'static str>) -> impl Rule {
    move |_: &Seen, before| match before {
        0 => Err(limited(push_back)),
        _ => Ok(()),
    }
}

pub(crate) fn limited(push_back: Option<&'static str>) -> Status {
    let mut status = Status::resource_exhausted("slow down");
    if let Some(milliseconds) = push_back {
        let milliseconds = milliseconds.parse().unwrap();
        let metadata = status.metadata_mut();
        metadata.insert("grpc-retry-pushback-ms", milliseconds);
    }
    status
}
