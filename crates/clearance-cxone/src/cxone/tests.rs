//! A tenant's sign-in, against a platform that answers by address.

mod discovered;
mod places;
mod shown;
mod sign_in;

use super::*;
use crate::testing::{Routes, id_token, shown};

const ISSUER: &str = "https://cxone.niceincontact.com";
const OPENID: &str = "/.well-known/openid-configuration";
const TENANT: &str = "/.well-known/cxone-configuration";
const TOKEN: &str = "/auth/token";
const API: &str = "https://api-na1.niceincontact.com";
/// Spelt differently in each form in which it is sent.
const KEY_SECRET: &str = "k3y s/c=";
const APP_SECRET: &str = "4pp s/c=";

fn registration() -> ClientRegistration {
    ClientRegistration::new("app:id", APP_SECRET)
}

fn source() -> Cxone {
    let key = AccessKey::new("KEYID====", KEY_SECRET);
    Cxone::new(Environment::Global, registration(), key).unwrap()
}

fn openid(issuer: &str, endpoint: &str) -> String {
    format!(
        r#"{{"issuer": "{issuer}", "token_endpoint": "{endpoint}", "jwks_uri": "https://x.test"}}"#
    )
}

fn token(text: &str, tenant: &str) -> String {
    let jwt = id_token(&format!(
        r#"{{"tenantId": "{tenant}", "iat": 1767225600, "exp": 1767229200}}"#
    ));
    format!(
        r#"{{"access_token": "{text}", "token_type": "Bearer", "expires_in": 3600, "refresh_token": "r3fr",
            "id_token": "{jwt}"}}"#
    )
}

fn platform() -> Routes {
    let routes = Routes::default();
    routes.set(
        OPENID,
        200,
        &openid(ISSUER, "https://cxone.niceincontact.com/auth/token"),
    );
    routes.set(TOKEN, 200, &token("t0k-1", "t-1"));
    routes.set(
        TENANT,
        200,
        &format!(r#"{{"api_endpoint": "{API}/", "area": "na1"}}"#),
    );
    routes
}
