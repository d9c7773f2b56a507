//! Where an organisation of Genesys Cloud lives.

use std::{error::Error, fmt, str::FromStr};

/// A region of Genesys Cloud, by the name of the AWS region it runs in.
///
/// Reads from that name or from the domain, without case. About one is added a year: until it is here, use
/// [`GenesysCloud::for_domain`](crate::GenesysCloud::for_domain).
///
/// ```
/// use clearance_genesys::Region;
///
/// assert_eq!("eu-central-1".parse(), Ok(Region::EuCentral1));
/// assert_eq!("mypurecloud.de".parse(), Ok(Region::EuCentral1));
/// assert_eq!(Region::EuCentral1.to_string(), "eu-central-1");
/// assert_eq!(Region::EuCentral1.domain(), "mypurecloud.de");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Region {
    /// US East (Virginia), the first and the default of all SDKs.
    UsEast1,
    /// US East (Ohio), the FedRAMP region.
    UsEast2,
    /// US West (Oregon).
    UsWest2,
    /// Canada (Central).
    CaCentral1,
    /// South America (São Paulo).
    SaEast1,
    /// Mexico (Central).
    MxCentral1,
    /// Europe (Ireland).
    EuWest1,
    /// Europe (London).
    EuWest2,
    /// Europe (Frankfurt).
    EuCentral1,
    /// Europe (Zurich).
    EuCentral2,
    /// Middle East (UAE).
    MeCentral1,
    /// Asia Pacific (Mumbai).
    ApSouth1,
    /// Asia Pacific (Singapore).
    ApSoutheast1,
    /// Asia Pacific (Sydney).
    ApSoutheast2,
    /// Asia Pacific (Tokyo).
    ApNortheast1,
    /// Asia Pacific (Seoul).
    ApNortheast2,
    /// Asia Pacific (Osaka).
    ApNortheast3,
    /// AWS European Sovereign Cloud (Germany).
    EuscDeEast1,
}

/// A text that names no region known here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownRegion {
    text: String,
}

// ===== impl Region =====

impl Region {
    /// All regions known here.
    pub const ALL: &[Self] = &[
        Self::UsEast1,
        Self::UsEast2,
        Self::UsWest2,
        Self::CaCentral1,
        Self::SaEast1,
        Self::MxCentral1,
        Self::EuWest1,
        Self::EuWest2,
        Self::EuCentral1,
        Self::EuCentral2,
        Self::MeCentral1,
        Self::ApSouth1,
        Self::ApSoutheast1,
        Self::ApSoutheast2,
        Self::ApNortheast1,
        Self::ApNortheast2,
        Self::ApNortheast3,
        Self::EuscDeEast1,
    ];

    /// The domain that its hosts are under: `api.…` and `login.…`.
    #[must_use]
    pub fn domain(self) -> &'static str {
        self.names().1
    }

    /// The name of the AWS region, and the domain.
    fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::UsEast1 => ("us-east-1", "mypurecloud.com"),
            Self::UsEast2 => ("us-east-2", "use2.us-gov-pure.cloud"),
            Self::UsWest2 => ("us-west-2", "usw2.pure.cloud"),
            Self::CaCentral1 => ("ca-central-1", "cac1.pure.cloud"),
            Self::SaEast1 => ("sa-east-1", "sae1.pure.cloud"),
            Self::MxCentral1 => ("mx-central-1", "mxc1.pure.cloud"),
            Self::EuWest1 => ("eu-west-1", "mypurecloud.ie"),
            Self::EuWest2 => ("eu-west-2", "euw2.pure.cloud"),
            Self::EuCentral1 => ("eu-central-1", "mypurecloud.de"),
            Self::EuCentral2 => ("eu-central-2", "euc2.pure.cloud"),
            Self::MeCentral1 => ("me-central-1", "mec1.pure.cloud"),
            Self::ApSouth1 => ("ap-south-1", "aps1.pure.cloud"),
            Self::ApSoutheast1 => ("ap-southeast-1", "apse1.pure.cloud"),
            Self::ApSoutheast2 => ("ap-southeast-2", "mypurecloud.com.au"),
            Self::ApNortheast1 => ("ap-northeast-1", "mypurecloud.jp"),
            Self::ApNortheast2 => ("ap-northeast-2", "apne2.pure.cloud"),
            Self::ApNortheast3 => ("ap-northeast-3", "apne3.pure.cloud"),
            Self::EuscDeEast1 => ("eusc-de-east-1", "edee1.eusc-pure.cloud"),
        }
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.names().0)
    }
}

impl FromStr for Region {
    type Err = UnknownRegion;

    fn from_str(text: &str) -> Result<Self, UnknownRegion> {
        let wanted = text.trim();
        let known = Self::ALL.iter().copied().find(|region| {
            let (name, domain) = region.names();
            wanted.eq_ignore_ascii_case(name) || wanted.eq_ignore_ascii_case(domain)
        });
        known.ok_or_else(|| UnknownRegion {
            text: wanted.chars().take(60).collect(),
        })
    }
}

// ===== impl UnknownRegion =====

impl fmt::Display for UnknownRegion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:?} is no region of Genesys Cloud known here; give a name such as us-east-1 or a domain such as mypurecloud.com",
            self.text
        )
    }
}

impl Error for UnknownRegion {}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_region_reads_back_from_both_of_its_names() {
        for &region in Region::ALL {
            let (name, domain) = region.names();
            for text in [name, domain, &format!(" {} ", domain.to_uppercase())] {
                assert_eq!(text.parse(), Ok(region));
            }
        }
        let domains: HashSet<_> = Region::ALL.iter().map(|region| region.domain()).collect();
        assert_eq!(domains.len(), 18);
    }

    #[test]
    fn an_unknown_region_says_what_to_give() {
        for text in [
            "",
            "us-east-9",
            "api.mypurecloud.com",
            "mypurecloud.com.evil.com",
        ] {
            let error = text.parse::<Region>().unwrap_err().to_string();
            assert!(error.contains("such as us-east-1"), "{error}");
        }
    }
}
