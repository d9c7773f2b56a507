//! Where a token may be sent.

use std::{error::Error, fmt, sync::Arc};

use http::{HeaderMap, Method, Uri, header::HOST, uri::Authority};

use crate::origin::{self, Address, Origin, Scheme};

/// The origins that a token may be sent to: a required part of every [`TokenSource`](crate::TokenSource), because a
/// token that follows a redirect to a stranger is a token given away.
///
/// Origins are compared by scheme, host (without case and without one trailing dot) and effective port. Nothing is
/// ever attached on `CONNECT` and `TRACE`, nor over plain `http` except to loopback (an IP literal, or exactly `localhost`).
/// Where only a `Host` field tells the address, the scheme is that of the listed origin: `https` if both are listed.
///
/// ```
/// use clearance_core::{Audience, Withheld};
/// use http::{HeaderMap, Method};
///
/// let audience = Audience::origin("https://api.example.com")?;
/// let judge = |uri: &'static str| audience.admits(&Method::GET, &uri.parse().unwrap(), &HeaderMap::new());
/// assert!(judge("https://API.example.com.:443/v2/users").is_ok());
/// assert_eq!(judge("https://files.example.com/export"), Err(Withheld::OtherOrigin));
/// assert_eq!(judge("https://api.example.com:@evil.com/"), Err(Withheld::OtherOrigin));
/// # Ok::<(), clearance_core::InvalidOrigin>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Audience {
    /// `None`: any.
    origins: Option<Arc<[Origin]>>,
    unaddressed: bool,
    plain_http: bool,
}

/// Which of an audience's origins a request goes to: a number below [`OriginSlot::COUNT`] to keep small per-host
/// memory by. Distinct for the first 63 listed origins; beyond, and for [`Audience::any`], two origins may share one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct OriginSlot(u8);

/// Why a request goes out without the token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Withheld {
    /// `CONNECT` speaks to a proxy, and `TRACE` echoes its fields.
    Method,
    /// The request goes to an origin that is not in the audience.
    OtherOrigin,
    /// The request would go over plain `http` to another machine.
    PlainHttp,
    /// Neither the URI nor a `Host` field tells where the request goes.
    Unaddressed,
}

/// A text that is not an origin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidOrigin {
    text: String,
    reason: &'static str,
}

// ===== impl Audience =====

impl Audience {
    /// One origin, such as `https://api.example.com` or `http://127.0.0.1:8080`.
    ///
    /// # Errors
    ///
    /// If `origin` is not a scheme, a host in ASCII and perhaps a port, and nothing more.
    pub fn origin(origin: &str) -> Result<Self, InvalidOrigin> {
        Self::origins([origin])
    }

    /// Several origins.
    ///
    /// # Errors
    ///
    /// If one of them is not an origin.
    pub fn origins<'a>(origins: impl IntoIterator<Item = &'a str>) -> Result<Self, InvalidOrigin> {
        let parse =
            |text: &str| Origin::parse(text).map_err(|reason| InvalidOrigin::new(text, reason));
        let origins = origins.into_iter().map(parse).collect::<Result<_, _>>()?;
        Ok(Self {
            origins: Some(origins),
            unaddressed: false,
            plain_http: false,
        })
    }

    /// The origin of `uri`, whatever its path and query.
    ///
    /// # Errors
    ///
    /// If `uri` has no scheme or no host, or carries user information.
    pub fn origin_of(uri: &Uri) -> Result<Self, InvalidOrigin> {
        match (uri.scheme_str(), uri.authority()) {
            (Some(scheme), Some(authority)) => Self::origin(&format!("{scheme}://{authority}")),
            _ => Err(InvalidOrigin::new(&uri.to_string(), origin::BEGINNING)),
        }
    }

    /// Every origin, and requests that do not tell where they go. Only for a client that can reach nothing else than
    /// its API, follows no redirect and takes no URL from anyone.
    #[must_use]
    pub fn any() -> Self {
        Self {
            origins: None,
            unaddressed: true,
            plain_http: false,
        }
    }

    /// Also attach to requests whose URI has no host and that have no `Host` field. tonic's `Channel` sets both further
    /// in, so behind it neither the origin nor the scheme can be checked here.
    #[must_use]
    pub fn or_unaddressed(mut self) -> Self {
        self.unaddressed = true;
        self
    }

    /// Also attach over plain `http` to other machines, where anyone on the way can read the token. For a test bed, or
    /// where a sidecar on the way encrypts.
    #[must_use]
    pub fn insecure_plain_http(mut self) -> Self {
        self.plain_http = true;
        self
    }

    /// The listed origin behind a slot, where it has that slot to itself.
    #[must_use]
    pub fn listed(&self, slot: OriginSlot) -> Option<Uri> {
        let origins = self.origins.as_ref().filter(|_| slot != OriginSlot::LAST)?;
        origins.get(slot.index())?.to_string().parse().ok()
    }

    /// Whether a request with this head may carry the token. Allocates nothing.
    ///
    /// # Errors
    ///
    /// The reason why it may not.
    #[inline]
    pub fn admits(
        &self,
        method: &Method,
        uri: &Uri,
        headers: &HeaderMap,
    ) -> Result<OriginSlot, Withheld> {
        if matches!(*method, Method::CONNECT | Method::TRACE) {
            return Err(Withheld::Method);
        }
        let written = |origins: &Arc<[Origin]>| origins.iter().position(|it| it.is_written(uri));
        if let Some(index) = self.origins.as_ref().and_then(written) {
            return Ok(OriginSlot::nth(index));
        }
        self.admits_read(uri, headers)
    }

    fn admits_read(&self, uri: &Uri, headers: &HeaderMap) -> Result<OriginSlot, Withheld> {
        let Some(authority) = uri.authority() else {
            return self.admits_host(headers);
        };
        // An authority without a scheme is the form of CONNECT; another scheme than the two is nobody's origin.
        let scheme = Scheme::of(uri).ok_or(Withheld::OtherOrigin)?;
        self.admits_address(Address::new(Some(scheme), authority))
    }

    /// RFC 9112 §3.2.1: a request in origin form names its host in the `Host` field.
    fn admits_host(&self, headers: &HeaderMap) -> Result<OriginSlot, Withheld> {
        let mut hosts = headers.get_all(HOST).iter();
        match (hosts.next(), hosts.next()) {
            (None, _) if self.unaddressed => Ok(OriginSlot::LAST),
            (None, _) => Err(Withheld::Unaddressed),
            (Some(host), None) => {
                let authority =
                    Authority::try_from(host.as_bytes()).map_err(|_| Withheld::OtherOrigin)?;
                self.admits_address(Address::new(None, &authority))
            }
            (Some(_), Some(_)) => Err(Withheld::OtherOrigin),
        }
    }

    fn admits_address(&self, address: Option<Address<'_>>) -> Result<OriginSlot, Withheld> {
        let address = address.ok_or(Withheld::OtherOrigin)?;
        let (slot, scheme) = match &self.origins {
            None => (OriginSlot::shared(address.hash()), address.scheme),
            Some(origins) => {
                let find = |scheme| {
                    let is = |it: &Origin| it.scheme() == scheme && it.is(&address);
                    Some((origins.iter().position(is)?, scheme))
                };
                let found = find(Scheme::Https).or_else(|| find(Scheme::Http));
                let (index, scheme) = found.ok_or(Withheld::OtherOrigin)?;
                (OriginSlot::nth(index), Some(scheme))
            }
        };
        if scheme == Some(Scheme::Http) && !self.plain_http && !address.is_loopback() {
            return Err(Withheld::PlainHttp);
        }
        Ok(slot)
    }
}

impl fmt::Display for Audience {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(origins) = &self.origins else {
            return f.write_str("any origin");
        };
        for (index, origin) in origins.iter().enumerate() {
            let separator = if index == 0 { "" } else { ", " };
            write!(f, "{separator}{origin}")?;
        }
        Ok(())
    }
}

// ===== impl OriginSlot =====

impl OriginSlot {
    /// How many slots there are.
    pub const COUNT: usize = 64;

    /// Also of all requests that do not tell where they go.
    const LAST: Self = Self(63);

    /// The slot's number.
    #[must_use]
    pub fn index(self) -> usize {
        usize::from(self.0)
    }

    #[inline]
    fn nth(index: usize) -> Self {
        Self(u8::try_from(index).unwrap_or(u8::MAX).min(63))
    }

    fn shared(hash: u64) -> Self {
        Self((hash % 63) as u8)
    }
}

// ===== impl InvalidOrigin =====

impl InvalidOrigin {
    fn new(text: &str, reason: &'static str) -> Self {
        Self {
            text: crate::redact::printable(presentable(text), 100),
            reason,
        }
    }
}

/// Of an address without what may be a password, before an `@`, or a key, in the query.
fn presentable(text: &str) -> &str {
    let (address, rest) = text.split_at(text.find(['?', '#']).unwrap_or(text.len()));
    if rest.contains('@') {
        // That may be a password with a `?` in it, of which half would be shown.
        return "…";
    }
    address.rsplit('@').next().unwrap_or_default()
}

impl fmt::Display for InvalidOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is not an origin: {}", self.text, self.reason)
    }
}

impl Error for InvalidOrigin {}

#[cfg(test)]
mod tests;
