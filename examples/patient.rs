//! Whom the doctor examines: a source of tokens and an address that they are for.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use clearance::{AnyTokenSource, Audience, Token, TokenError, TokenSource};
use clearance_genesys::{GenesysCloud, Region};
use clearance_oauth::{ClientCredentials, check};
use http::Uri;

use crate::{
    problem::Problem,
    variables::{setting, settings},
};

const OAUTH: [&str; 4] = [
    "DOCTOR_TOKEN_URL",
    "DOCTOR_CLIENT_ID",
    "DOCTOR_CLIENT_SECRET",
    "DOCTOR_API_URL",
];
const GENESYS: [&str; 3] = [
    "GENESYS_CLIENT_ID",
    "GENESYS_CLIENT_SECRET",
    "GENESYS_REGION",
];

/// A source of tokens, and something cheap to `GET` with them.
#[derive(Clone)]
pub(crate) struct Patient {
    pub(crate) source: Watched,
    pub(crate) url: Uri,
    /// Called before each request to the API: a simulated platform changes there, a real one does not.
    pub(crate) before_each: Arc<dyn Fn() + Send + Sync>,
}

impl Patient {
    pub(crate) fn new(source: impl TokenSource, url: Uri) -> Self {
        Self {
            source: Watched::new(source),
            url,
            before_each: Arc::new(|| {}),
        }
    }

    /// The one that the environment names. `None`: it names none.
    pub(crate) fn of(variable: impl Fn(&str) -> Option<String>) -> Result<Option<Self>, Problem> {
        if let Some([token_url, id, secret, api_url]) = settings(OAUTH, &variable)? {
            return Self::by_client_credentials(
                &token_url,
                &id,
                &secret,
                &api_url,
                setting("DOCTOR_SCOPE", &variable),
            )
            .map(Some);
        }
        let Some([id, secret, region]) = settings(GENESYS, &variable)? else {
            return Ok(None);
        };
        let source = GenesysCloud::new(region.parse::<Region>()?, id, secret)?;
        let url = format!("{}/api/v2/users?pageSize=1", source.api_url()).parse()?;
        Ok(Some(Self::new(source, url)))
    }

    /// A client of any issuer, whose tokens are for the origin of `api_url`.
    pub(crate) fn by_client_credentials(
        token_url: &str,
        id: &str,
        secret: &str,
        api_url: &str,
        scope: Option<String>,
    ) -> Result<Self, Problem> {
        let url = check::url("the API URL", api_url)?;
        let audience = Audience::origin_of(&url)?;
        let source = ClientCredentials::new(token_url, id, secret, audience)?.read_jwt_times();
        Ok(Self::new(
            match scope {
                Some(scope) => source.scope(&scope),
                None => source,
            },
            url,
        ))
    }

    /// Where its API is, such as `https://api.example.com`.
    pub(crate) fn origin(&self) -> String {
        Audience::origin_of(&self.url)
            .map_or_else(|_| self.url.to_string(), |origin| origin.to_string())
    }
}

/// A source that remembers what its tokens were like, and nothing of what they are.
#[derive(Clone)]
pub(crate) struct Watched {
    source: AnyTokenSource,
    minted: Arc<Mutex<Vec<Minted>>>,
}

/// What a token was like.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Minted {
    pub(crate) lifetime: Option<Duration>,
    pub(crate) took: Duration,
}

impl Watched {
    fn new(source: impl TokenSource) -> Self {
        Self {
            source: AnyTokenSource::new(source),
            minted: Arc::default(),
        }
    }

    pub(crate) fn minted(&self) -> Vec<Minted> {
        let minted = self.minted.lock();
        minted.unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl TokenSource for Watched {
    async fn fetch(&self) -> Result<Token, TokenError> {
        let begun = tokio::time::Instant::now();
        let token = self.source.fetch().await?;
        let minted = Minted {
            lifetime: token.lifetime(),
            took: begun.elapsed(),
        };
        let mut all = self.minted.lock().unwrap_or_else(PoisonError::into_inner);
        all.push(minted);
        Ok(token)
    }

    fn audience(&self) -> Option<Audience> {
        self.source.audience()
    }
}
