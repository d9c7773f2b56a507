//! Who is let in: nobody by way of a browser, and nobody without the key.

use std::hint::black_box;

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use clearance::Secret;
use http::{HeaderMap, HeaderName, Method, StatusCode, Uri, header::ORIGIN};

use crate::{health::is_health, names::Names, trouble::Trouble};

/// The field that carries the key.
pub(crate) const KEY: HeaderName = HeaderName::from_static("x-auth-proxy-key");
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// What a request must show.
#[derive(Clone)]
pub(crate) struct Door {
    pub(crate) names: Names,
    /// `None`: whoever can open the socket may come in.
    pub(crate) key: Option<Secret>,
}

/// In the extensions of a request that showed the key, or needed none.
#[derive(Clone, Copy)]
pub(crate) struct Known;

/// Asks every request before anything else sees it. Its body is not read for that.
pub(crate) async fn ask(State(door): State<Door>, mut request: Request, next: Next) -> Response {
    let judged = door.judge(request.method(), request.uri(), request.headers());
    match judged {
        Ok(()) => {
            request.extensions_mut().insert(Known);
        }
        // Whether it is alive may be known to every process here; how it fares only to those with the key.
        Err(Refused::Keyless) if is_health(request.uri()) => {}
        Err(refused) => return refused.trouble().into_response(),
    }
    next.run(request).await
}

/// Why a request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refused {
    Method,
    Target,
    Browser,
    Host,
    Keyless,
}

impl Door {
    fn judge(&self, method: &Method, uri: &Uri, headers: &HeaderMap) -> Result<(), Refused> {
        if *method == Method::CONNECT || *method == Method::TRACE {
            return Err(Refused::Method);
        }
        if uri.scheme().is_some() || uri.authority().is_some() || !is_plain(uri.path()) {
            return Err(Refused::Target);
        }
        // `none` is what the user typed; every other value says that some page is behind the request.
        let from_page = headers
            .get_all(SEC_FETCH_SITE)
            .iter()
            .any(|site| site != "none");
        if from_page || headers.contains_key(ORIGIN) {
            return Err(Refused::Browser);
        }
        if !self.names.cover(headers) {
            return Err(Refused::Host);
        }
        if let Some(key) = &self.key {
            let mut sent = headers.get_all(KEY).iter();
            match (sent.next(), sent.next()) {
                (Some(sent), None) if is_same(sent.as_bytes(), key.expose().as_bytes()) => {}
                _ => return Err(Refused::Keyless),
            }
        }
        Ok(())
    }
}

/// Whether a path can only mean what it says: `//host`, a backslash and dot segments mean to some servers another host, or
/// a place above the one that they are put after. nginx and others decode `%2F` before they look for those, and servlet
/// containers take from a segment what follows a `;`.
fn is_plain(path: &str) -> bool {
    let encoded = [("%2e", "."), ("%2f", "/"), ("%3b", ";"), ("%5c", "\\")];
    let path = encoded
        .iter()
        .fold(path.to_ascii_lowercase(), |path, (code, sign)| {
            path.replace(code, sign)
        });
    let is_dots = |segment: &str| matches!(segment.split(';').next(), Some("." | ".."));
    path.starts_with('/')
        && !path.starts_with("//")
        && !path.contains('\\')
        && !path.split('/').any(is_dots)
}

/// In a time that does not tell where they differ. How long the key is, is no secret.
fn is_same(sent: &[u8], key: &[u8]) -> bool {
    let pairs = sent.iter().zip(key);
    let differ = pairs.fold(0, |differ, (one, other)| black_box(differ | (one ^ other)));
    sent.len() == key.len() && differ == 0
}

impl Refused {
    fn trouble(self) -> Trouble {
        match self {
            Self::Method => Trouble::new(
                StatusCode::METHOD_NOT_ALLOWED,
                "method",
                "this proxy makes no tunnels and echoes nothing; send the request itself to it",
            ),
            Self::Target => Trouble::new(
                StatusCode::BAD_REQUEST,
                "target",
                "the target must be a plain path such as /api/v2/users, without a scheme, a host, `//`, `\\` and dot \
                 segments: this proxy goes to one API only, so address it as a server and not as a proxy",
            ),
            Self::Browser => Trouble::forbidden(
                "browser",
                "requests of web pages are refused, and this one carries Origin or Sec-Fetch-Site; call from a program",
            ),
            Self::Host => Trouble::forbidden(
                "host",
                "the Host field does not name this proxy; address it as 127.0.0.1 or localhost, with its port",
            ),
            Self::Keyless => Trouble::forbidden(
                "key",
                "the field x-auth-proxy-key is missing or wrong; send the key that the proxy printed when it started",
            ),
        }
    }
}

#[cfg(test)]
#[path = "door/tests.rs"]
mod tests;
