//! Scheme, host and port: the address of a server, compared as servers are told apart.

use std::{fmt, net::IpAddr};

use http::{
    Uri,
    uri::{self, Authority},
};

/// What an address must be told to have that has no scheme, or another one.
pub(crate) const BEGINNING: &str = "begin it with https:// (or http:// for loopback)";

/// Scheme, host and effective port (RFC 6454 §4).
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct Origin {
    scheme: Scheme,
    /// Lower case, without a trailing dot.
    host: Box<str>,
    port: u16,
    /// Host and port as they are written in most requests: see [`Origin::is_written`].
    authority: Box<str>,
    is_loopback: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Scheme {
    Http,
    Https,
}

/// A request's address, borrowed from it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Address<'a> {
    /// `None` where only a `Host` field tells the address.
    pub(crate) scheme: Option<Scheme>,
    /// As written, without one trailing dot.
    host: &'a str,
    /// `None`: the default of the scheme.
    port: Option<u16>,
}

impl Scheme {
    pub(crate) fn of(uri: &Uri) -> Option<Self> {
        // `http` has lower-cased the two that it knows.
        match uri.scheme_str() {
            Some("https") => Some(Self::Https),
            Some("http") => Some(Self::Http),
            _ => None,
        }
    }

    fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

impl<'a> Address<'a> {
    /// `None` if the port is no port: who knows where such a request goes.
    pub(crate) fn new(scheme: Option<Scheme>, authority: &'a Authority) -> Option<Self> {
        let host = authority.host();
        // `Authority` allows `host:` and, before it, user information.
        let tail = authority
            .as_str()
            .rsplit('@')
            .next()
            .unwrap_or_default()
            .get(host.len()..)?;
        let port = match tail.strip_prefix(':') {
            None | Some("") => None,
            // `parse` takes a sign, too.
            Some(port) if port.starts_with('+') => return None,
            Some(port) => Some(port.parse().ok()?),
        };
        Some(Self {
            scheme,
            host: host.strip_suffix('.').unwrap_or(host),
            port,
        })
    }

    /// Whether this is the same machine under every circumstance: a loopback IP literal, or exactly `localhost`.
    pub(crate) fn is_loopback(&self) -> bool {
        let literal = self
            .host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'))
            .unwrap_or(self.host);
        self.host.eq_ignore_ascii_case("localhost")
            || literal.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
    }

    /// A number for this address that is the same for every way to write it (FNV-1a).
    pub(crate) fn hash(&self) -> u64 {
        let port = self
            .port
            .or(self.scheme.map(Scheme::default_port))
            .unwrap_or(443);
        let bytes = self
            .host
            .bytes()
            .map(|byte| byte.to_ascii_lowercase())
            .chain(port.to_be_bytes());
        bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        })
    }
}

impl Origin {
    /// Reads `https://host[:port]`, with nothing behind it but one slash. What is wrong is told in words.
    pub(crate) fn parse(text: &str) -> Result<Self, &'static str> {
        if !text.is_ascii() {
            return Err(
                "the host must be written in ASCII (an A-label, `xn--…`, for an international name)",
            );
        }
        let uri: Uri = text.parse().map_err(|_| "it is not a URL")?;
        let scheme = Scheme::of(&uri).ok_or(BEGINNING)?;
        let authority = uri.authority().ok_or("it names no host")?;
        if authority.as_str().contains('@') {
            return Err("it must not carry user information");
        }
        if uri.path_and_query().is_some_and(|path| path != "/") {
            return Err(
                "an origin has no path and no query: leave out what follows the host and port",
            );
        }
        let address =
            Address::new(Some(scheme), authority).ok_or("its port is not a number up to 65535")?;
        // Of two dots at the end one is left, and what is shown of it would be another host.
        if address.host.is_empty() || address.host.ends_with('.') {
            return Err("it names no host");
        }
        let host = address.host.to_ascii_lowercase();
        let port = address.port.unwrap_or(scheme.default_port());
        let authority = match port == scheme.default_port() {
            true => host.clone(),
            false => format!("{host}:{port}"),
        };
        Ok(Self {
            scheme,
            host: host.into(),
            port,
            authority: authority.into(),
            is_loopback: address.is_loopback(),
        })
    }

    /// Whether `uri` goes to this origin, written as the origin writes itself: then nothing of it needs to be read. An
    /// address over plain `http` to another machine is never one.
    #[inline]
    pub(crate) fn is_written(&self, uri: &Uri) -> bool {
        let scheme = match self.scheme {
            Scheme::Https => &uri::Scheme::HTTPS,
            Scheme::Http if self.is_loopback => &uri::Scheme::HTTP,
            Scheme::Http => return false,
        };
        let authority = uri.authority().map(Authority::as_str);
        authority == Some(&*self.authority) && uri.scheme() == Some(scheme)
    }

    pub(crate) fn scheme(&self) -> Scheme {
        self.scheme
    }

    pub(crate) fn is(&self, address: &Address<'_>) -> bool {
        // Where the scheme is not told, a port that is not told either is this origin's default.
        let scheme = address.scheme.unwrap_or(self.scheme);
        self.scheme == scheme
            && self.port == address.port.unwrap_or(scheme.default_port())
            && self.host.eq_ignore_ascii_case(address.host)
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.scheme {
            Scheme::Http => "http",
            Scheme::Https => "https",
        };
        write!(f, "{scheme}://{}", self.authority)
    }
}

impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
