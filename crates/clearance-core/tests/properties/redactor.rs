//! Secrets, and texts of strangers that may hold them.

use clearance_core::{Redactor, TokenError};
use proptest::{collection::vec, prelude::*, sample::select};

/// Texts around, between and instead of secrets, with all that makes them hard to see.
fn text(secrets: Vec<String>) -> impl Strategy<Value = String> {
    let broken: Vec<String> = secrets
        .iter()
        .flat_map(|secret| ["\n", "\r\n\t", "\u{7}", "\u{a0}"].map(|gap| secret.replace(' ', gap)))
        .collect();
    let piece = prop_oneof![
        "[a-z]{0,60}",
        "[ -~]{0,10}",
        "\\PC{0,5}",
        Just("\r\n".to_owned()),
        select([secrets, broken].concat()),
    ];
    vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn no_secret_is_left_and_what_is_left_can_be_printed(
        (secrets, text) in vec("[A-Z0-9]{3,6}( [A-Z0-9]{1,5}){0,2}", 1..4)
            .prop_flat_map(|secrets| (Just(secrets.clone()), text(secrets))),
    ) {
        let redactor = Redactor::new(secrets.iter().map(String::as_str));
        let clean = redactor.clean(&text);
        for secret in &secrets {
            prop_assert!(!clean.contains(secret.as_str()), "{secret:?} of {text:?} is left in {clean:?}");
        }
        prop_assert!(!clean.contains(char::is_control) && clean.chars().count() <= 201, "{clean:?}");
        prop_assert_eq!(&redactor.clean(&clean), &clean, "once is enough");

        let cause = std::io::Error::other(text);
        let error = TokenError::malformed(clean).caused_by(&cause, &redactor);
        let shown = format!("{error} {error:?} {}", std::error::Error::source(&error).unwrap());
        for secret in &secrets {
            prop_assert!(!shown.contains(secret.as_str()), "{secret:?} in {shown:?}");
        }
    }

    #[test]
    fn what_holds_no_secret_keeps_its_words(words in vec("[a-z]{1,9}", 0..12)) {
        let text = words.join(" ");
        prop_assert_eq!(Redactor::new(["S3CR3T"]).clean(&text), text);
    }

    #[test]
    fn an_endpoint_is_named_without_what_is_private(user in "zq[a-z]{1,6}", key in "[A-Z]{3,8}", path in "(/[0-9]{1,5}){1,3}") {
        let endpoint = format!("https://{user}:{key}1@login.test:8443{path}?key={key}2").parse().unwrap();
        let error = TokenError::denied("no").at(&endpoint);
        let shown = format!("{error} {error:?}");
        prop_assert!(shown.contains(&format!("https://login.test:8443{path}")), "{shown}");
        prop_assert!(!shown.contains(&key) && !shown.contains(&format!("{user}:")), "{shown}");
    }
}
