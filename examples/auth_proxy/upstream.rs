//! The one API that requests go to, whatever they say.

use clearance::Audience;
use http::{
    HeaderValue, Uri,
    uri::{Parts, PathAndQuery},
};

use crate::problem::Problem;

/// Its base URL.
#[derive(Clone, Debug)]
pub(crate) struct Upstream {
    base: Uri,
    /// Of the base, however that is written.
    origin: Audience,
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
        let origin = Audience::origin_of(&uri)?;
        Ok(Self {
            base: uri,
            origin,
            path,
        })
    }

    /// Scheme and host, for people.
    pub(crate) fn origin(&self) -> String {
        self.origin.to_string()
    }

    /// This target at the API. Scheme and host are never the caller's. `None`: too long.
    pub(crate) fn address(&self, target: &Uri) -> Option<Uri> {
        let target = target.path_and_query().map_or("/", PathAndQuery::as_str);
        let mut parts = Parts::from(self.base.clone());
        parts.path_and_query = Some(format!("{}{target}", self.path).try_into().ok()?);
        Uri::from_parts(parts).ok()
    }

    /// What a `Location` of the API is to the proxy's callers: a path, if the proxy goes there, and else an address with a
    /// host. One that is relative to the request's path is left.
    pub(crate) fn location(&self, told: &HeaderValue) -> Option<HeaderValue> {
        let told = told.to_str().ok()?;
        let whole = match told.strip_prefix("//") {
            Some(rest) => format!("{}://{rest}", self.base.scheme_str()?),
            None if told.starts_with('/') => format!("{}{told}", self.origin),
            None => told.to_owned(),
        };
        self.path_of(&whole).unwrap_or(whole).parse().ok()
    }

    /// By which path the proxy goes to this URL.
    fn path_of(&self, url: &str) -> Option<String> {
        let (scheme, rest) = url.split_once("://")?;
        let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        let origin = Audience::origin(&format!("{scheme}://{authority}")).ok()?;
        let path = path.strip_prefix(&self.path)?;
        // Not `https://api.example.com//evil.example`, and not `/apiary` for `/api`.
        match path.as_bytes().first() {
            _ if origin != self.origin => None,
            Some(b'/') if !path.starts_with("//") => Some(path.to_owned()),
            None | Some(b'?' | b'#') => Some(format!("/{path}")),
            _ => None,
        }
    }
}

#[cfg(test)]
#[path = "upstream/tests.rs"]
mod tests;
