//! The clouds that CXone runs in.

use std::fmt;

/// A CXone cloud, each with an issuer of its own. For one that is not here, use
/// [`Cxone::for_issuer`](crate::Cxone::for_issuer).
///
/// ```
/// use clearance_cxone::Environment;
///
/// assert_eq!(Environment::Global.issuer(), "https://cxone.niceincontact.com");
/// assert_eq!(Environment::FedRampModerate.to_string(), "https://cxone-gov.niceincontact.com");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Environment {
    /// Global production: all commercial areas (na1, eu1, au1, ca1, uk1, jp1, …).
    Global,
    /// FedRAMP Moderate (area na2).
    FedRampModerate,
    /// The Australian sovereign cloud. Its issuer is known from a third party's client only.
    AustraliaSovereign,
    /// The European sovereign cloud. Its issuer is known from a third party's client only.
    EuropeSovereign,
}

impl Environment {
    /// All environments known here.
    pub const ALL: &[Self] = &[
        Self::Global,
        Self::FedRampModerate,
        Self::AustraliaSovereign,
        Self::EuropeSovereign,
    ];

    /// Its OpenID Connect issuer.
    #[must_use]
    pub fn issuer(self) -> &'static str {
        match self {
            Self::Global => "https://cxone.niceincontact.com",
            Self::FedRampModerate => "https://cxone-gov.niceincontact.com",
            Self::AustraliaSovereign => "https://nicecxone-sov1.au",
            Self::EuropeSovereign => "https://nicecxone-sov1.eu",
        }
    }
}

impl fmt::Display for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.issuer())
    }
}
