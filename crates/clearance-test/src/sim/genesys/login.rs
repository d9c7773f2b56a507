//! The login host of Genesys Cloud.

use http::{Method, StatusCode};
use serde_json::json;

use crate::sim::{
    answer::{self, Answer},
    call::{Call, Endpoint, same_credential},
    world::World,
};

pub(super) fn answer(world: &World, call: &Call) -> Answer {
    match (call.endpoint, &call.method) {
        (Endpoint::Token, &Method::POST) => token(world, call),
        _ => answer::html(StatusCode::NOT_FOUND),
    }
}

/// Client credentials (RFC 6749 §4.4), the client by Basic.
fn token(world: &World, call: &Call) -> Answer {
    let invalid_client = |status, description| error(status, "invalid_client", description);
    let Some((id, secret)) = call.basic() else {
        return invalid_client(StatusCode::BAD_REQUEST, "client credentials are missing");
    };
    if !same_credential(&id, &world.settings.client_id) {
        return invalid_client(StatusCode::BAD_REQUEST, "client not found");
    }
    if !world.is_client_secret(&secret) {
        return invalid_client(StatusCode::UNAUTHORIZED, "authentication failed");
    }
    if call.form("grant_type").as_deref() != Some("client_credentials") {
        let description = "only client_credentials is simulated";
        return error(
            StatusCode::BAD_REQUEST,
            "unsupported_grant_type",
            description,
        );
    }
    let body = json!({
        "access_token": world.mint(),
        "token_type": "bearer",
        "expires_in": world.settings.lifetime.as_secs(),
    });
    answer::json(StatusCode::OK, &body)
}

/// Both spellings of the description are in use.
pub(super) fn error(status: StatusCode, error: &str, description: &str) -> Answer {
    let body = json!({
        "error": error,
        "description": description,
        "error_description": description,
    });
    answer::json(status, &body)
}
