//! The login host of CXone: discovery and tokens.

use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::Cxone;
use crate::sim::{
    answer::{self, Answer},
    call::{Call, same_credential},
    world::World,
};

pub(super) const TOKEN: &str = "/auth/token";
pub(super) const ACCESS_KEY: &str = "/authentication/v1/token/access-key";

pub(super) fn answer(world: &World, call: &Call) -> Answer {
    match (&call.method, call.uri.path()) {
        (&Method::GET, "/.well-known/openid-configuration") => discovery(call),
        (&Method::GET, "/.well-known/cxone-configuration") => tenant(call),
        (&Method::POST, TOKEN) => password_grant(world, call),
        (&Method::POST, ACCESS_KEY) => access_key_grant(world, call),
        _ => answer::html(StatusCode::NOT_FOUND),
    }
}

fn discovery(call: &Call) -> Answer {
    let issuer = &call.hosts.login;
    let body = json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{issuer}/auth/authorize"),
        "token_endpoint": format!("{issuer}{TOKEN}"),
        "end_session_endpoint": format!("{issuer}/auth/logout"),
        "jwks_uri": format!("{issuer}/auth/jwks"),
        "id_token_signing_alg_values_supported": ["RS256"],
    });
    answer::json(StatusCode::OK, &body)
}

fn tenant(call: &Call) -> Answer {
    if call.query("tenantId").as_deref() != Some(Cxone::TENANT_ID) {
        return error(StatusCode::NOT_FOUND, "not_found", "no such tenant");
    }
    let body = json!({
        "private": false,
        "tenantId": Cxone::TENANT_ID,
        "area": "na1",
        "cluster": "c1",
        "domain": "localhost",
        "acdDomain": "localhost",
        "uhDomain": "localhost",
        "globaldomain": "localhost",
        "api_endpoint": call.hosts.api,
        "auth_endpoint": call.hosts.login,
        "ui_endpoint": call.hosts.login,
    });
    answer::json(StatusCode::OK, &body)
}

/// The password grant (RFC 6749 §4.3) with an access key.
fn password_grant(world: &World, call: &Call) -> Answer {
    let in_body = || Some((call.form("client_id")?, call.form("client_secret")?));
    let known = call.basic().or_else(in_body).is_some_and(|(id, secret)| {
        same_credential(&id, &world.settings.client_id) && world.is_client_secret(&secret)
    });
    if !known {
        let description = "client authentication failed";
        return error(StatusCode::UNAUTHORIZED, "invalid_client", description);
    }
    if call.form("grant_type").as_deref() != Some("password") {
        let description = "only the password grant is simulated";
        return error(
            StatusCode::BAD_REQUEST,
            "unsupported_grant_type",
            description,
        );
    }
    let (id, secret) = &world.settings.access_key;
    if call.form("username").as_ref() != Some(id) || call.form("password").as_ref() != Some(secret)
    {
        let description = "the access key is not valid";
        return error(StatusCode::BAD_REQUEST, "invalid_grant", description);
    }
    answer::json(StatusCode::OK, &tokens(world, call))
}

/// The older regional grant, which needs no registered client.
fn access_key_grant(world: &World, call: &Call) -> Answer {
    let sent: Value = serde_json::from_slice(&call.body).unwrap_or_default();
    let (id, secret) = &world.settings.access_key;
    if sent["accessKeyId"] != id.as_str() || sent["accessKeySecret"] != secret.as_str() {
        let description = "the access key is not valid";
        return error(StatusCode::UNAUTHORIZED, "invalid_client", description);
    }
    let mut body = tokens(world, call);
    body["resource_server_base_uri"] = format!("{}/inContactAPI/", call.hosts.api).into();
    answer::json(StatusCode::OK, &body)
}

fn tokens(world: &World, call: &Call) -> Value {
    let claims = json!({
        "iss": call.hosts.login,
        "sub": "user:11ee2c5a-0000-4000-8000-000000000001",
        "aud": world.settings.client_id,
        "userId": "11ee2c5a-0000-4000-8000-000000000001",
        "name": "svc.clearance",
        "given_name": "Service",
        "family_name": "Clearance",
        "tenant": "simulated",
        "tenantId": Cxone::TENANT_ID,
        "area": "na1",
        "icAgentId": "1001",
        "icBUId": 4_600_001,
        "icClusterId": "C1",
        "icDomain": "localhost",
        "icSPId": "1",
    });
    json!({
        "access_token": world.mint(),
        "token_type": "Bearer",
        "expires_in": world.settings.lifetime.as_secs(),
        "refresh_token": format!("refresh-{:016x}", fastrand::u64(..)),
        "id_token": world.issuer.id_token(&world.settings, claims),
    })
}

pub(super) fn error(status: StatusCode, error: &str, description: &str) -> Answer {
    let body = json!({ "error": error, "errorDescription": description });
    answer::json(status, &body)
}
