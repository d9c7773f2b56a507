//! Which addresses are believed when a document names them.

use std::net::IpAddr;

use clearance_core::TokenError;
use clearance_oauth::{ConfigError, check};
use http::{Uri, uri::Authority};

/// The domains of NICE that CXone is known to run under.
const NICE: [&str; 7] = [
    "niceincontact.com",
    "nice-incontact.com",
    "nicecxone.com",
    "nicecxone-gov.com",
    "nicecxone-sov1.au",
    "nicecxone-sov1.eu",
    "nicecxone-sov2.uk",
];

/// What the configured address, and the caller besides, vouch for.
#[derive(Clone, Debug)]
pub(crate) struct Trust {
    root: Host,
    /// The part of the root's name that somebody registered: everything under it is theirs.
    registrable: Option<String>,
    named: Vec<Host>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Host {
    /// In lower case, without a trailing dot.
    name: String,
    port: u16,
}

impl Trust {
    /// Trust that follows from a configured address.
    pub(crate) fn in_line_with(root: &Uri) -> Self {
        let root = Host::of(root);
        Self {
            registrable: root.registrable(),
            root,
            named: Vec::new(),
        }
    }

    /// Puts another configured address in the place of the first.
    pub(crate) fn replace_root(&mut self, root: &Uri) {
        self.root = Host::of(root);
        self.registrable = self.root.registrable();
    }

    /// Also trusts exactly this host: `host` or `host:port`.
    pub(crate) fn extend(&mut self, host: &str) -> Result<(), ConfigError> {
        let authority = host.parse::<Authority>().ok();
        let authority = authority.filter(|authority| !authority.as_str().contains('@'));
        let uri = authority.and_then(|authority| format!("https://{authority}/").parse().ok());
        let uri: Uri = uri.ok_or_else(|| {
            ConfigError::new("the trusted host cannot be used: give its name alone, or `name:port`")
        })?;
        check::url("the trusted host", &uri.to_string())?;
        self.named.push(Host::of(&uri));
        Ok(())
    }

    /// The address that a document gives as its `what`, if it may be used.
    pub(crate) fn judge(&self, what: &str, url: &str) -> Result<Uri, TokenError> {
        let distrust = |reason: String| TokenError::malformed(reason).without_retry();
        let uri = check::url(&format!("the `{what}` of the answer"), url)
            .map_err(|error| distrust(error.to_string()))?;
        let host = Host::of(&uri);
        if host.is_loopback() {
            return if self.root.is_loopback() {
                Ok(uri)
            } else {
                let host = host.written();
                Err(distrust(format!(
                    "`{what}` is on {host}, which only a stand-in on loopback may name"
                )))
            };
        }
        let reason = if self.named.contains(&host) || self.root == host {
            return Ok(uri);
        } else if host.ip().is_some() {
            "is an IP literal"
        } else if host.port != 443 {
            "has a port of its own"
        } else if !self.is_ours(&host.name) {
            "is neither under the configured domain nor one of NICE's"
        } else {
            return Ok(uri);
        };
        Err(distrust(format!(
            "`{what}` is on {host}, which {reason}; if that is right, say trust_endpoint_host(\"{host}\")",
            host = host.written()
        )))
    }

    fn is_ours(&self, name: &str) -> bool {
        let mut domains = NICE.into_iter().chain(self.registrable.as_deref());
        domains.any(|domain| {
            let rest = name.strip_suffix(domain);
            rest.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        })
    }
}

impl Host {
    fn of(uri: &Uri) -> Self {
        let name = uri.host().unwrap_or_default().to_ascii_lowercase();
        let default = if uri.scheme_str() == Some("http") {
            80
        } else {
            443
        };
        Self {
            name: name.strip_suffix('.').unwrap_or(&name).to_owned(),
            port: uri.port_u16().unwrap_or(default),
        }
    }

    fn ip(&self) -> Option<IpAddr> {
        let literal = self.name.strip_prefix('[');
        let literal = literal.and_then(|name| name.strip_suffix(']'));
        literal.unwrap_or(&self.name).parse().ok()
    }

    /// The part of its name that is registered, by the public suffix list.
    fn registrable(&self) -> Option<String> {
        if self.ip().is_some() {
            return None;
        }
        psl::domain_str(&self.name).map(ToOwned::to_owned)
    }

    fn is_loopback(&self) -> bool {
        self.name == "localhost" || self.ip().is_some_and(|ip| ip.is_loopback())
    }

    fn written(&self) -> String {
        match self.port {
            443 => self.name.clone(),
            port => format!("{}:{port}", self.name),
        }
    }
}

#[cfg(test)]
mod tests;
