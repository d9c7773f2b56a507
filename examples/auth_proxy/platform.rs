//! Where requests go, and where their tokens come from.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use clearance::{AnyTokenSource, Audience, TokenSource};
use clearance_cxone::{AccessKey, ClientRegistration, Cxone, Environment};
use clearance_genesys::{GenesysCloud, Region};
use clearance_oauth::{ClientCredentials, check};
use clearance_test::sim::{Genesys, Running};
use http_body_util::Full;

use crate::{
    client::{Trust, https},
    problem::Problem,
    variables::settings,
};

const GENESYS: [&str; 3] = [
    "GENESYS_CLIENT_ID",
    "GENESYS_CLIENT_SECRET",
    "GENESYS_REGION",
];
const CXONE: [&str; 4] = [
    "CXONE_CLIENT_ID",
    "CXONE_CLIENT_SECRET",
    "CXONE_ACCESS_KEY_ID",
    "CXONE_ACCESS_KEY_SECRET",
];
const OTHER: [&str; 4] = [
    "AUTH_PROXY_TOKEN_URL",
    "AUTH_PROXY_CLIENT_ID",
    "AUTH_PROXY_CLIENT_SECRET",
    "AUTH_PROXY_UPSTREAM",
];

/// An API and its tokens.
pub(crate) struct Platform {
    pub(crate) name: &'static str,
    /// The base URL that paths are put after.
    pub(crate) upstream: String,
    pub(crate) source: AnyTokenSource,
    pub(crate) trust: Trust,
    pub(crate) simulation: Option<Simulation>,
}

/// The stand-in for the platform that nobody named.
pub(crate) struct Simulation {
    pub(crate) platform: Genesys,
    /// Dropped, it would stop.
    _running: Running,
}

impl Platform {
    /// The one whose variables are set.
    ///
    /// # Errors
    ///
    /// If they are not all set, if they are those of several, or if they are not usable.
    pub(crate) async fn choose(variable: impl Fn(&str) -> Option<String>) -> Result<Self, Problem> {
        let genesys = settings(GENESYS, &variable)?;
        let cxone = settings(CXONE, &variable)?;
        let other = settings(OTHER, &variable)?;
        let own_roots = variable("AUTH_PROXY_CA_FILE");
        if own_roots.is_some() && other.is_none() {
            return Err(Problem::new(
                "AUTH_PROXY_CA_FILE is for the API at AUTH_PROXY_UPSTREAM; the others are known by public certificates, so \
                 unset it",
            ));
        }
        match (genesys, cxone, other) {
            (Some([id, secret, region]), None, None) => {
                let source = GenesysCloud::new(region.parse::<Region>()?, id, secret)?;
                let upstream = source.api_url().to_owned();
                Ok(Self::new("Genesys Cloud", upstream, source))
            }
            (None, Some([id, secret, key_id, key_secret]), None) => {
                let default = || Environment::Global.issuer().to_owned();
                let issuer = variable("CXONE_ISSUER").unwrap_or_else(default);
                let registration = ClientRegistration::new(id, secret);
                let key = AccessKey::new(key_id, key_secret);
                let source = Arc::new(Cxone::for_issuer(&issuer, registration, key)?);
                // It takes a token to find the API; the layer is given that one, and asks for no other.
                let upstream = source.discover().await?;
                Ok(Self::new("NICE CXone", upstream, source))
            }
            (None, None, Some([token_url, id, secret, upstream])) => {
                let api = check::url("AUTH_PROXY_UPSTREAM", &upstream)?;
                let audience = Audience::origin_of(&api)?;
                let mut source = ClientCredentials::new(&token_url, id, secret, audience)?;
                if let Some(scopes) = variable("AUTH_PROXY_SCOPE") {
                    source = source.scope(&scopes);
                }
                let trust = match &own_roots {
                    Some(file) => Trust::only(file)?,
                    None => Trust::Public,
                };
                let source = source.with_client(https::<Full<Bytes>>(&trust)?);
                Ok(Self {
                    trust,
                    ..Self::new("the API", upstream, source)
                })
            }
            (None, None, None) => Self::simulated().await,
            _ => Err(Problem::new(
                "variables of several platforms are set; unset all GENESYS_*, all CXONE_*, or AUTH_PROXY_TOKEN_URL, \
                 _CLIENT_ID, _CLIENT_SECRET and _UPSTREAM, so that those of one are left",
            )),
        }
    }

    pub(crate) fn new(
        name: &'static str,
        upstream: impl Into<String>,
        source: impl TokenSource,
    ) -> Self {
        Self {
            name,
            upstream: upstream.into(),
            source: AnyTokenSource::new(source),
            trust: Trust::Public,
            simulation: None,
        }
    }

    async fn simulated() -> Result<Self, Problem> {
        let platform = Genesys::builder()
            .clocks_ahead(120.0)
            .rate_limit(6, Duration::from_secs(2))
            .latency(Duration::from_millis(20));
        Self::of(platform.build()).await
    }

    /// A simulated one that has been set up.
    pub(crate) async fn of(platform: Genesys) -> Result<Self, Problem> {
        let running = platform.serve().await?;
        let source =
            GenesysCloud::new(Region::UsEast1, Genesys::CLIENT_ID, Genesys::CLIENT_SECRET)?
                .with_login_url(running.login_url())?
                .with_api_url(running.api_url())?;
        let name = "a simulated Genesys Cloud (6 requests in 2 s, clocks two minutes ahead)";
        Ok(Self {
            simulation: Some(Simulation {
                platform,
                _running: running,
            }),
            ..Self::new(name, source.api_url().to_owned(), source)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn choose(names: &[&str]) -> Result<Platform, Problem> {
        let value = |name: &str| match name {
            "GENESYS_REGION" => "mypurecloud.de".to_owned(),
            _ if name.ends_with("URL") || name.ends_with("UPSTREAM") => {
                "https://api.example.com/v1".to_owned()
            }
            _ => "value".to_owned(),
        };
        Platform::choose(|name| names.contains(&name).then(|| value(name))).await
    }

    #[tokio::test]
    async fn the_platform_is_the_one_whose_variables_are_set() {
        let genesys = choose(&GENESYS).await.unwrap();
        assert_eq!(genesys.upstream, "https://api.mypurecloud.de");
        assert!(genesys.simulation.is_none());
        let other = choose(&OTHER).await.unwrap();
        assert_eq!(other.upstream, "https://api.example.com/v1");
        let audience = other.source.audience().unwrap();
        assert_eq!(audience.to_string(), "https://api.example.com");
        assert!(choose(&[]).await.unwrap().simulation.is_some());
    }

    #[tokio::test]
    async fn half_a_platform_and_two_of_them_are_refused() {
        let half = choose(&OTHER[..3]).await.err().unwrap().to_string();
        assert!(half.starts_with("not set: AUTH_PROXY_UPSTREAM;"), "{half}");
        let two = [&GENESYS[..], &OTHER[..]].concat();
        let two = choose(&two).await.err().unwrap().to_string();
        assert!(two.starts_with("variables of several platforms"), "{two}");
    }

    #[tokio::test]
    async fn an_upstream_in_the_clear_is_refused_by_name() {
        let value = |name: &str| match name {
            "AUTH_PROXY_UPSTREAM" => Some("http://api.example.com".to_owned()),
            _ => OTHER.contains(&name).then(|| "value".to_owned()),
        };
        let problem = Platform::choose(value).await.err().unwrap().to_string();
        assert!(
            problem.starts_with("AUTH_PROXY_UPSTREAM cannot be used"),
            "{problem}"
        );
    }
}
