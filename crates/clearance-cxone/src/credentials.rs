//! The two pairs of credentials, as types that cannot be mixed up.

use clearance_core::Secret;
use clearance_oauth::{ClientAuthentication, ConfigError, TokenRequest, check};

/// The registration of an application with CXone: the id and secret that NICE gave for it.
#[derive(Clone, Debug)]
pub struct ClientRegistration {
    id: String,
    secret: Secret,
    authentication: ClientAuthentication,
}

/// The access key of a CXone user (Admin > Users > Access Keys). Its permissions are those of the tokens.
#[derive(Clone, Debug)]
pub struct AccessKey {
    id: String,
    secret: Secret,
}

impl ClientRegistration {
    /// A registration whose `authMethod` is `client_secret_basic`.
    pub fn new(id: impl Into<String>, secret: impl Into<Secret>) -> Self {
        Self {
            id: id.into(),
            secret: secret.into(),
            authentication: ClientAuthentication::Basic,
        }
    }

    /// How id and secret are sent, as it was registered: [`ClientAuthentication::Body`] is `client_secret_post`. By
    /// Basic if not set.
    #[must_use]
    pub fn client_authentication(mut self, how: ClientAuthentication) -> Self {
        self.authentication = how;
        self
    }

    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        const ORIGIN: &str = "the registration of the application with NICE";
        check::text("the client id", ORIGIN, &self.id)?;
        check::text("the client secret", ORIGIN, self.secret.expose())
    }

    pub(crate) fn sign(&self, request: TokenRequest) -> TokenRequest {
        request.client(self.authentication, &self.id, &self.secret)
    }
}

impl AccessKey {
    /// The access key id and the access key secret, which are shown together once.
    pub fn new(id: impl Into<String>, secret: impl Into<Secret>) -> Self {
        Self {
            id: id.into(),
            secret: secret.into(),
        }
    }

    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        const ORIGIN: &str = "the access keys of a CXone user (Admin > Users)";
        check::text("the access key id", ORIGIN, &self.id)?;
        check::text("the access key secret", ORIGIN, self.secret.expose())
    }

    /// Puts the key into the request, under the names of the two fields.
    pub(crate) fn put(&self, request: TokenRequest, id: &str, secret: &str) -> TokenRequest {
        request
            .field(id, self.id.as_str())
            .secret(secret, self.secret.clone())
    }
}
