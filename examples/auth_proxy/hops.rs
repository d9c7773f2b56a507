//! Header fields on their way through (RFC 9110 §7.6): which end here, and which the proxy adds.

use clearance::{RefusalReason, TokenRefused, Waited, rate_limit_backoff::RetryAfter};
use http::{
    HeaderMap, HeaderName, HeaderValue, Uri, Version,
    header::{
        ALT_SVC, AUTHORIZATION, CONNECTION, EXPECT, HOST, LOCATION, RETRY_AFTER, TE, TRAILER,
        TRANSFER_ENCODING, UPGRADE, VIA,
    },
    request, response,
};

use crate::{trouble::whole_seconds, upstream::Upstream};

/// How long a request waited for rate limits, in seconds: a caller that is throttled is to know it.
pub(crate) const WAITED: &str = "x-auth-proxy-waited";
/// Why a 401 was not cured.
pub(crate) const ADVICE: &str = "x-auth-proxy-advice";

/// What every field of this proxy begins with.
const OURS: &str = "x-auth-proxy-";

/// Makes the head of a caller's request one that may go on to the API.
pub(crate) fn outward(head: &mut request::Parts, uri: Uri) {
    end_hop(&mut head.headers);
    // The layers attach the token; a caller's own would win over it. hyper writes `Host` from the URI, and has answered
    // `Expect` by the time that the body is read.
    for name in [AUTHORIZATION, HOST, EXPECT] {
        head.headers.remove(name);
    }
    let via = HeaderValue::from_static("1.1 auth-proxy");
    head.headers.append(VIA, via);
    head.version = Version::HTTP_11;
    head.uri = uri;
}

/// Makes the head of the API's reply from `asked` one that may go back to the caller.
pub(crate) fn homeward(head: &mut response::Parts, upstream: &Upstream, asked: &Uri) {
    end_hop(&mut head.headers);
    head.headers.remove(ALT_SVC);
    // Whatever the API would allow to web pages, this proxy does not.
    remove_all(&mut head.headers, |name| {
        name.starts_with("access-control-")
    });
    let told = head.headers.get(LOCATION);
    if let Some(location) = told.and_then(|location| upstream.location(location, asked)) {
        head.headers.insert(LOCATION, location);
    }
    tell(head);
}

/// Writes into the head what the layers left in its extensions.
fn tell(head: &mut response::Parts) {
    let response::Parts {
        headers,
        extensions,
        ..
    } = head;
    if let Some(waited) = extensions.get::<Waited>() {
        let seconds = format!("{:.3}", waited.total.as_secs_f64());
        headers.extend(
            HeaderValue::try_from(seconds).map(|value| (HeaderName::from_static(WAITED), value)),
        );
    }
    let reason = extensions.get::<RefusalReason>().map(ToString::to_string);
    let advice = reason.or_else(|| extensions.get().map(TokenRefused::advice));
    if let Some(Ok(advice)) = advice.map(HeaderValue::try_from) {
        headers.insert(ADVICE, advice);
    }
    if let Some(RetryAfter(wait)) = extensions.get() {
        headers
            .entry(RETRY_AFTER)
            .or_insert_with(|| whole_seconds(*wait));
    }
}

/// Takes out what was meant for this hop (RFC 9110 §7.6.1), and what only this proxy may say. Trailers end here too, which
/// RFC 9110 §6.5.1 leaves to it: without `Trailer` and `TE` hyper sends none.
fn end_hop(headers: &mut HeaderMap) {
    let nominated: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
        .filter_map(|name| HeaderName::from_bytes(name.trim_ascii()).ok())
        .collect();
    let hop = [CONNECTION, TE, TRAILER, TRANSFER_ENCODING, UPGRADE];
    for name in hop.into_iter().chain(nominated) {
        headers.remove(name);
    }
    remove_all(headers, |name| {
        name == "keep-alive"
            || name == "http2-settings"
            || name.starts_with("proxy-")
            || name.starts_with(OURS)
    });
}

fn remove_all(headers: &mut HeaderMap, which: impl Fn(&str) -> bool) {
    let names: Vec<_> = headers
        .keys()
        .filter(|name| which(name.as_str()))
        .cloned()
        .collect();
    for name in names {
        headers.remove(name);
    }
}
