//! Where a request goes, as text.

use http::{HeaderMap, Uri, header::HOST, uri::Authority};

/// Scheme, host and port of a request, from its URI or its `Host` field. Never its path or query.
pub(crate) fn origin(uri: &Uri, headers: &HeaderMap) -> String {
    let field = || -> Option<Authority> { headers.get(HOST)?.to_str().ok()?.parse().ok() };
    let Some(authority) = uri.authority().cloned().or_else(field) else {
        return "no address".to_owned();
    };
    address(uri.scheme_str(), &authority)
}

/// The same, where both are known.
pub(crate) fn address(scheme: Option<&str>, authority: &Authority) -> String {
    let host = authority.host().to_ascii_lowercase();
    let host = host.strip_suffix('.').unwrap_or(&host);
    let default = match scheme {
        Some("http") => Some(80),
        Some("https") => Some(443),
        _ => None,
    };
    let scheme = scheme.map_or_else(String::new, |scheme| format!("{scheme}://"));
    match authority.port_u16().filter(|port| Some(*port) != default) {
        Some(port) => format!("{scheme}{host}:{port}"),
        None => format!("{scheme}{host}"),
    }
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn key(uri: &str, host: Option<&str>) -> String {
        let mut request = Request::get(uri);
        if let Some(host) = host {
            request = request.header(HOST, host);
        }
        let request = request.body(()).unwrap();
        origin(request.uri(), request.headers())
    }

    #[test]
    fn one_origin_has_one_key() {
        for same in [
            "https://api.example.com/v2/users?secret=1",
            "https://API.example.com./",
            "https://api.example.com:443",
            "https://user:password@api.example.com/",
        ] {
            assert_eq!(key(same, None), "https://api.example.com");
        }
        assert_eq!(
            key("http://api.example.com:8080/", None),
            "http://api.example.com:8080"
        );
        assert_eq!(key("http://[::1]:80/", None), "http://[::1]");
    }

    #[test]
    fn without_an_address_the_host_field_counts() {
        assert_eq!(
            key("/v2/users", Some("API.example.com:8443")),
            "api.example.com:8443"
        );
        assert_eq!(key("/v2/users", None), "no address");
        assert_eq!(
            key("https://a.example/", Some("b.example")),
            "https://a.example"
        );
    }
}
