//! Reading an id_token.

use clearance_oauth::Document;

/// The claims of an id_token, **not verified**: it came over TLS from the token endpoint itself, which is when OpenID
/// Connect Core §3.1.3.7 lets that stand in for its signature. They grant nothing here: they tell which tenant's
/// configuration to read and what the issuer's clock showed. Its `exp` is its own end and not the access token's.
pub(crate) fn claims(id_token: &str) -> Option<Document> {
    Document::from_unverified_jwt(id_token)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::id_token;

    #[test]
    fn the_payload_is_the_middle_part() {
        let token = id_token(r#"{"tenantId": "t-1?>", "iat": 5}"#);
        assert_eq!(claims(&token).unwrap().text("tenantId"), Some("t-1?>"));
    }
}
