//! Which times are read from a token that is a JWT, and from nothing else.

use std::time::SystemTime;

use base64::{
    Engine,
    prelude::{BASE64_URL_SAFE, BASE64_URL_SAFE_NO_PAD},
};
use clearance_oauth::Document;

use super::*;

#[path = "../../fuzz/targets/jwt_payload.rs"]
mod jwt_payload;

fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

proptest! {
    #[test]
    fn claims_of_any_kind_keep_their_promises(
        mut claims in object(vec!["nbf", "iat", "exp", "other"]),
        times in vec((select(vec!["nbf", "iat", "exp"]), 1_767_225_590..1_767_225_610_u64), 0..4),
    ) {
        claims.extend(times.into_iter().map(|(name, time)| (name.to_owned(), time.into())));
        jwt_payload::check(Value::Object(claims).to_string().as_bytes());
    }

    #[test]
    fn the_times_of_a_jwt_are_read_in_every_spelling(
        iat in 1..50_000_000_000_u64,
        early in 0..1000_u64,
        life in 1..=LONGEST,
        how in 0..125_usize,
        is_padded in any::<bool>(),
    ) {
        let (nbf, exp) = (iat.saturating_sub(early).max(1), iat + life);
        let claims = format!(
            r#"{{"nbf": {}, "iat": {}, "exp": {}}}"#,
            spelled(nbf, how), spelled(iat, how / 5), spelled(exp, how / 25)
        );
        let payload = if is_padded { BASE64_URL_SAFE.encode(claims) } else { BASE64_URL_SAFE_NO_PAD.encode(claims) };
        let body = format!(r#"{{"access_token": "e30.{payload}.c2ln", "token_type": "bearer"}}"#);
        let token = granted(&body, true).unwrap();
        let times = (token.not_before(), token.issued_at(), token.expires_at());
        prop_assert_eq!(times, (Some(at(nbf)), Some(at(iat)), Some(at(exp))));
        prop_assert_eq!(token.lifetime(), Some(Duration::from_secs(life)));
        // Nobody looks into a token without being asked to.
        let opaque = granted(&body, false).unwrap();
        prop_assert_eq!((opaque.not_before(), opaque.issued_at(), opaque.expires_at()), (None, None, None));
    }

    #[test]
    fn texts_that_are_no_jwt_tell_no_times(
        parts in vec(select(vec!["e30", "eyJpYXQiOjUsImV4cCI6OX0", "W10", "x"]), 1..6),
        between in select(vec![".", "-", "_", "..", ".-"]),
    ) {
        let text = parts.join(between);
        // Three parts and an object in the middle, or it is none.
        let is_one = between == "." && parts.len() == 3 && parts[1].starts_with('e');
        prop_assert_eq!(Document::from_unverified_jwt(&text).is_some(), is_one, "{}", text);
        let body = json!({"access_token": text, "token_type": "bearer", "expires_in": 60}).to_string();
        let token = granted(&body, true).unwrap();
        prop_assert_eq!(token.lifetime(), Some(Duration::from_secs(60)));
        prop_assert_eq!(token.expires_at(), (is_one && parts[1].len() > 3).then(|| at(9)));
    }
}
