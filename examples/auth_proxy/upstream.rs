//! The one API that requests go to, whatever they say.

use http::{
    HeaderValue, Uri,
    uri::{Parts, PathAndQuery},
};

use crate::problem::Problem;

/// Its base URL.
#[derive(Clone, Debug)]
pub(crate) struct Upstream {
    base: Uri,
    /// What paths are put after, without a slash at its end.
    path: String,
}

impl Upstream {
    pub(crate) fn new(base: &str) -> Result<Self, Problem> {
        let uri: Uri = base.parse()?;
        if uri.scheme().is_none() || uri.authority().is_none() || uri.query().is_some() {
            // Not shown: there may be a key in its query.
            return Err(Problem::new(
                "the API's address must have a scheme and a host, and no query; correct AUTH_PROXY_UPSTREAM",
            ));
        }
        let path = uri.path().trim_end_matches('/').to_owned();
        Ok(Self { base: uri, path })
    }

    /// Scheme and host, for people.
    pub(crate) fn origin(&self) -> String {
        let (scheme, authority) = (self.base.scheme_str(), self.base.authority());
        let authority = authority.map_or("", |authority| authority.as_str());
        format!("{}://{authority}", scheme.unwrap_or_default())
    }

    /// This target at the API. Scheme and host are never the caller's. `None`: too long.
    pub(crate) fn address(&self, target: &Uri) -> Option<Uri> {
        let target = target.path_and_query().map_or("/", PathAndQuery::as_str);
        let mut parts = Parts::from(self.base.clone());
        parts.path_and_query = Some(format!("{}{target}", self.path).try_into().ok()?);
        Uri::from_parts(parts).ok()
    }

    /// What a `Location` at the API is to the proxy's callers: a path. `None`: it is elsewhere, or a path already that
    /// needs no change.
    pub(crate) fn path_of(&self, location: &HeaderValue) -> Option<HeaderValue> {
        let rest = match location.to_str().ok()? {
            path if path.starts_with('/') && !path.starts_with("//") => path,
            url => url.strip_prefix(&self.origin())?,
        };
        let path = rest.strip_prefix(&self.path)?;
        // Not `https://api.example.com.evil.example/`, and not `/apiary` for `/api`.
        match path.as_bytes().first() {
            None => Some(HeaderValue::from_static("/")),
            Some(b'/') if !path.starts_with("//") => path.parse().ok(),
            Some(b'?') => format!("/{path}").parse().ok(),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_with_a_query_is_refused_and_not_shown() {
        for base in ["https://api.example.com/?key=s3cr3t", "/s3cr3t", "s3cr3t"] {
            let problem = Upstream::new(base).unwrap_err().to_string();
            assert!(!problem.contains("s3cr3t"), "{problem}");
        }
    }

    #[test]
    fn no_target_changes_the_host() {
        let upstream = Upstream::new("https://api.example.com:8443/base/").unwrap();
        for target in [
            "/",
            "/@evil.example/",
            "/:80@evil.example/x",
            "//evil.example/",
            "/a?b=//evil.example",
            "/\\evil.example",
        ] {
            let address = upstream.address(&target.parse().unwrap()).unwrap();
            assert_eq!(
                address.authority().unwrap(),
                "api.example.com:8443",
                "{target}"
            );
            assert_eq!(address.scheme_str(), Some("https"));
            let path = address.path_and_query().unwrap().as_str();
            assert_eq!(path, format!("/base{target}"));
        }
    }

    #[test]
    fn a_location_at_the_api_becomes_a_path() {
        let path_of = |base: &str, location: &'static str| {
            let path = Upstream::new(base)
                .unwrap()
                .path_of(&HeaderValue::from_static(location));
            path.map(|path| path.to_str().unwrap().to_owned())
        };
        let with_path = |location| path_of("https://api.example.com/base", location);
        assert_eq!(
            with_path("https://api.example.com/base/a?b").as_deref(),
            Some("/a?b")
        );
        assert_eq!(with_path("/base/a").as_deref(), Some("/a"));
        assert_eq!(
            with_path("https://api.example.com/base").as_deref(),
            Some("/")
        );
        for elsewhere in [
            "https://evil.example/base/a",
            "https://api.example.com/other",
            "/basement",
            "https://api.example.com/base//evil.example",
            "//evil.example/base",
            "a",
        ] {
            assert_eq!(with_path(elsewhere), None, "{elsewhere}");
        }
        let plain = |location| path_of("https://api.example.com", location);
        assert_eq!(plain("https://api.example.com/a").as_deref(), Some("/a"));
        assert_eq!(plain("https://api.example.com.evil.example/a"), None);
    }
}
