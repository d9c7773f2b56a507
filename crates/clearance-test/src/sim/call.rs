//! A request as the routes see it.

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{
    HeaderMap, Method, Request, Uri,
    header::{AUTHORIZATION, HeaderName},
};
use tokio::time::Instant;

/// What a request is sent to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Endpoint {
    /// What hands out tokens, on the login host.
    Token,
    /// Everything else on the login host.
    Discovery,
    /// The API host.
    Api,
}

/// One of a platform's two hosts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Door {
    Login,
    Api,
}

/// The base URLs of the two hosts, as the client of this call knows them.
#[derive(Clone, Debug)]
pub(crate) struct Hosts {
    pub(crate) login: String,
    pub(crate) api: String,
}

/// A request as the routes see it.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) endpoint: Endpoint,
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) body: Bytes,
    pub(crate) arrived: Instant,
    pub(crate) hosts: Hosts,
    /// What the answer is to be found by in the platform's logs.
    pub(crate) correlation: String,
    headers: HeaderMap,
}

impl Call {
    pub(crate) fn new(endpoint: Endpoint, hosts: Hosts, request: Request<Bytes>) -> Self {
        let (parts, body) = request.into_parts();
        Self {
            endpoint,
            method: parts.method,
            uri: parts.uri,
            headers: parts.headers,
            body,
            arrived: Instant::now(),
            hosts,
            correlation: format!("{:016x}{:016x}", fastrand::u64(..), fastrand::u64(..)),
        }
    }

    pub(crate) fn header(&self, name: &HeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The text of the bearer token, if there is one.
    pub(crate) fn bearer(&self) -> Option<&str> {
        self.credentials("bearer")
    }

    /// Client id and secret of `Basic` (RFC 7617).
    pub(crate) fn basic(&self) -> Option<(String, String)> {
        let decoded = STANDARD.decode(self.credentials("basic")?).ok()?;
        let decoded = String::from_utf8(decoded).ok()?;
        let (id, secret) = decoded.split_once(':')?;
        Some((id.to_owned(), secret.to_owned()))
    }

    /// Whose account limits and pauses are kept by: the token, right or wrong, or all who want one.
    pub(crate) fn payer(&self) -> &str {
        match self.endpoint {
            Endpoint::Api => self.bearer().unwrap_or_default(),
            Endpoint::Token | Endpoint::Discovery => "the login host",
        }
    }

    fn credentials(&self, wanted: &str) -> Option<&str> {
        let (scheme, credentials) = self.header(&AUTHORIZATION)?.split_once(' ')?;
        scheme
            .eq_ignore_ascii_case(wanted)
            .then(|| credentials.trim())
    }

    /// A field of the form in the body.
    pub(crate) fn form(&self, name: &str) -> Option<String> {
        field(&self.body, name)
    }

    /// A parameter of the query.
    pub(crate) fn query(&self, name: &str) -> Option<String> {
        field(self.uri.query()?.as_bytes(), name)
    }

    /// A number in the query, if it is left out the default, and `None` where it is no number.
    pub(crate) fn number(&self, name: &str, default: usize) -> Option<usize> {
        self.query(name)
            .map_or(Some(default), |text| text.parse().ok())
    }

    /// The path and query with some parameters set anew.
    pub(crate) fn path_with(&self, replaced: &[(&str, usize)]) -> String {
        let query = self.uri.query().unwrap_or_default().as_bytes();
        let kept = form_urlencoded::parse(query)
            .filter(|(name, _)| !replaced.iter().any(|(other, _)| other == name));
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(kept);
        for (name, value) in replaced {
            query.append_pair(name, &value.to_string());
        }
        format!("{}?{}", self.uri.path(), query.finish())
    }
}

/// Whether a client sent `expected`, as it is or form-encoded: RFC 6749 §2.3.1 asks for that, and not every client does.
pub(crate) fn same_credential(sent: &str, expected: &str) -> bool {
    let mut encoded = form_urlencoded::byte_serialize(expected.as_bytes());
    sent == expected || sent == encoded.by_ref().collect::<String>()
}

fn field(pairs: &[u8], name: &str) -> Option<String> {
    form_urlencoded::parse(pairs)
        .find(|(other, _)| other == name)
        .map(|(_, value)| value.into_owned())
}
