//! The one API that requests go to, whatever they say.

use clearance::Audience;
use http::{
    HeaderValue, Uri,
    uri::{Parts, PathAndQuery},
};
use url::{Position, Url};

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

    /// What a `Location` in the reply from `asked` is to the proxy's callers: a path, if the proxy goes there, and else an
    /// address with a host. `None`: what it is already.
    ///
    /// It is resolved as user agents do it (WHATWG), to whom a backslash is a slash and a tab is nothing: so no path leads
    /// them to another host, and none that goes up leads them below the proxy's base instead of beside it.
    pub(crate) fn location(&self, told: &HeaderValue, asked: &Uri) -> Option<HeaderValue> {
        let told = std::str::from_utf8(told.as_bytes()).ok()?;
        let whole = Url::parse(&asked.to_string()).ok()?.join(told).ok()?;
        match self.path_of(&whole) {
            Some(path) => path.parse().ok(),
            None if Url::parse(told).is_ok() => None,
            None => String::from(whole).parse().ok(),
        }
    }

    /// By which path the proxy goes to this URL.
    fn path_of(&self, url: &Url) -> Option<String> {
        let origin = Audience::origin(&url[..Position::BeforePath]).ok()?;
        let path = url[Position::BeforePath..].strip_prefix(&self.path)?;
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
