//! The names under which this proxy may be asked for: another one is a web page's, whose owner made it mean this machine.

use std::net::IpAddr;

use http::{HeaderMap, header::HOST, uri::Authority};

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

impl Names {
    pub(crate) fn cover(self, headers: &HeaderMap) -> bool {
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
