//! What one platform does differently from the other.

use std::{fmt, time::Duration};

use http::{StatusCode, header::HeaderName};

use super::{
    answer::Answer,
    call::{Call, Endpoint},
    world::World,
};

/// A platform: its routes, and how it says no.
pub(crate) trait Vendor: fmt::Debug + Send + Sync + 'static {
    /// What its opaque tokens begin with.
    fn name(&self) -> &'static str;

    /// The header that carries the correlation id.
    fn correlation(&self) -> HeaderName;

    /// What is served under this path. What is not known belongs to the API.
    fn endpoint(&self, path: &str) -> Endpoint;

    /// Answers on the login host.
    fn login(&self, world: &World, call: &Call) -> Answer;

    /// Whether the API answers this without a token.
    fn is_public(&self, call: &Call) -> bool;

    /// Answers on the API host, the token being good.
    fn api(&self, world: &World, call: &Call) -> Answer;

    /// The API's answer to a request without a token, or with one that is no good.
    fn unauthorized(&self, call: &Call) -> Answer;

    /// The API's 429.
    fn too_many_requests(&self, call: &Call, wait: Duration) -> Answer;

    /// The answer of a throttled token endpoint.
    fn too_many_tokens(&self) -> Answer;

    /// An error with this status and no particular reason.
    fn error(&self, call: &Call, status: StatusCode) -> Answer;
}
