//! Which lifetimes an answer may state, and in which spellings.

use super::*;

fn with_lifetime(expires_in: &str) -> Result<Token, TokenError> {
    granted(
        &format!(
            r#"{{"access_token": "t0k", "token_type": "Bearer", "expires_in": {expires_in}}}"#
        ),
        false,
    )
}

proptest! {
    #[test]
    fn a_lifetime_is_read_in_every_spelling(seconds in 1..=LONGEST, how in 0..5_usize) {
        let token = with_lifetime(&spelled(seconds, how)).unwrap();
        prop_assert_eq!(token.lifetime(), Some(Duration::from_secs(seconds)));
    }

    #[test]
    fn a_part_of_a_second_is_not_rounded_away(seconds in 0.001..1e8_f64) {
        let lifetime = with_lifetime(&format!("{seconds}")).unwrap().lifetime().unwrap();
        prop_assert!((lifetime.as_secs_f64() - seconds).abs() < 1e-6, "{lifetime:?} of {seconds}");
    }

    #[test]
    fn what_is_no_lifetime_is_malformed(
        seconds in prop_oneof![LONGEST + 1..2 * LONGEST, LONGEST + 1..u64::MAX],
        negative in 1..u64::MAX,
        how in 0..4_usize,
    ) {
        for text in [spelled(seconds, how), format!("-{negative}"), format!("\"-{negative}\""), format!("-{negative}.5")] {
            let error = with_lifetime(&text).unwrap_err();
            prop_assert_eq!(error.kind(), TokenErrorKind::Malformed, "{}", text);
        }
    }
}
