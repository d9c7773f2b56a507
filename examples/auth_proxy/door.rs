//! Who is let in: nobody by way of a browser, and nobody without the key.

use std::{hint::black_box, net::IpAddr};

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use clearance::Secret;
use http::{
    HeaderMap, HeaderName, Method, StatusCode, Uri,
    header::{HOST, ORIGIN},
    uri::Authority,
};

use crate::{health::is_health, trouble::Trouble};

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

/// The names that a `Host` field may say.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Names {
    /// `localhost` and loopback addresses, with this port.
    Loopback(u16),
    /// These, and any other address: a name could have been rebound by its owner, an address cannot.
    Addresses(u16),
    /// No web page reaches a Unix socket.
    Any,
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
pub(crate) enum Refused {
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

impl Names {
    fn cover(self, headers: &HeaderMap) -> bool {
        let (port, anywhere) = match self {
            Self::Loopback(port) => (port, false),
            Self::Addresses(port) => (port, true),
            Self::Any => return true,
        };
        let mut hosts = headers.get_all(HOST).iter();
        let (Some(host), None) = (hosts.next(), hosts.next()) else {
            return false;
        };
        let Ok(host) = Authority::try_from(host.as_bytes()) else {
            return false;
        };
        if host.as_str().contains('@') || host.port_u16().unwrap_or(80) != port {
            return false;
        }
        let name = host.host();
        let address = name.trim_start_matches('[').trim_end_matches(']');
        match address.parse::<IpAddr>() {
            Ok(address) => anywhere || address.is_loopback(),
            Err(_) => name.eq_ignore_ascii_case("localhost"),
        }
    }
}

/// Whether a path can only mean what it says: `//host`, a backslash and dot segments mean to some servers another host, or
/// a place above the one that they are put after.
fn is_plain(path: &str) -> bool {
    let path = path
        .to_ascii_lowercase()
        .replace("%2e", ".")
        .replace("%5c", "\\");
    path.starts_with('/')
        && !path.starts_with("//")
        && !path.contains('\\')
        && !path
            .split('/')
            .any(|segment| segment == "." || segment == "..")
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
mod tests {
    use super::*;

    const RIGHT: &str = "0123456789abcdef";

    fn judge(names: Names, target: &str, fields: &[(&str, &str)]) -> Result<(), Refused> {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            let name: HeaderName = name.parse().unwrap();
            headers.append(name, value.parse().unwrap());
        }
        let key = Some(Secret::from(RIGHT));
        Door { names, key }.judge(&Method::GET, &target.parse().unwrap(), &headers)
    }

    #[test]
    fn a_host_is_ours_by_name_address_and_port() {
        let with = |names, host| judge(names, "/", &[("host", host), ("x-auth-proxy-key", RIGHT)]);
        for host in [
            "127.0.0.1:81",
            "localhost:81",
            "LocalHost:81",
            "[::1]:81",
            "127.9.9.9:81",
        ] {
            assert_eq!(with(Names::Loopback(81), host), Ok(()), "{host}");
        }
        for host in [
            "127.0.0.1",
            "127.0.0.1:80",
            "evil.example:81",
            "localhost.evil.example:81",
            "localhost.:81",
            "127.0.0.1.evil.example:81",
            "evil.example@127.0.0.1:81",
            "10.0.0.1:81",
            "0.0.0.0:81",
            "[::]:81",
            "",
        ] {
            assert_eq!(
                with(Names::Loopback(81), host),
                Err(Refused::Host),
                "{host}"
            );
        }
        assert_eq!(with(Names::Loopback(80), "127.0.0.1"), Ok(()));
        assert_eq!(with(Names::Addresses(81), "10.0.0.1:81"), Ok(()));
        assert_eq!(
            with(Names::Addresses(81), "evil.example:81"),
            Err(Refused::Host)
        );
        let twice = [
            ("host", "localhost:81"),
            ("host", "localhost:81"),
            ("x-auth-proxy-key", RIGHT),
        ];
        assert_eq!(judge(Names::Loopback(81), "/", &twice), Err(Refused::Host));
    }

    #[test]
    fn a_key_is_right_in_whole_and_once() {
        assert_eq!(
            judge(Names::Any, "/", &[("x-auth-proxy-key", RIGHT)]),
            Ok(())
        );
        for wrong in [
            "",
            "0123456789abcde",
            "0123456789abcdeF",
            "0123456789abcdef0",
        ] {
            let judged = judge(Names::Any, "/", &[("x-auth-proxy-key", wrong)]);
            assert_eq!(judged, Err(Refused::Keyless), "{wrong}");
        }
        let twice = [("x-auth-proxy-key", RIGHT), ("x-auth-proxy-key", RIGHT)];
        assert_eq!(judge(Names::Any, "/", &twice), Err(Refused::Keyless));
    }

    #[test]
    fn a_path_means_what_it_says() {
        let with = |target| judge(Names::Any, target, &[("x-auth-proxy-key", RIGHT)]);
        for target in [
            "/",
            "/a/b?q=http://x/../y",
            "/@evil.example",
            "/a%2Fb",
            "/...",
            "/a//b",
            "/.well-known/x",
        ] {
            assert_eq!(with(target), Ok(()), "{target}");
        }
        for target in [
            "//evil.example/",
            "/\\evil.example",
            "/%5Cevil.example",
            "/..",
            "/a/../../b",
            "/a/%2e%2E/b",
            "/.",
            "http://evil.example/",
            "evil.example:443",
            "*",
        ] {
            assert_eq!(with(target), Err(Refused::Target), "{target}");
        }
    }
}
