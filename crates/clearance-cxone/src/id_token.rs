//! Reading an id_token.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use clearance_oauth::Document;

/// The claims of an id_token (RFC 7519 §3), **not verified**: it came over TLS from the token endpoint itself, which is
/// when OpenID Connect Core §3.1.3.7 lets that stand in for its signature. The claims grant nothing here. They tell
/// which tenant's configuration to read and what the issuer's clock showed.
pub(crate) fn claims(id_token: &str) -> Option<Document> {
    let mut parts = id_token.split('.');
    let (Some(_), Some(payload), Some(_), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return None;
    };
    let payload = BASE64_URL_SAFE_NO_PAD.decode(payload.trim_end_matches('='));
    Document::from_json(&payload.ok()?)
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

    #[test]
    fn what_is_no_jwt_has_no_claims() {
        for text in [
            "",
            "..",
            "a.b",
            "e30.e30",
            "e30.e30.c2ln.c2ln",
            "e30.!!.c2ln",
            "e30.W10.c2ln",
            "e30.e30",
        ] {
            assert!(claims(text).is_none(), "{text}");
        }
        assert!(claims("e30.e30=.c2ln").is_some(), "padding does no harm");
    }
}
