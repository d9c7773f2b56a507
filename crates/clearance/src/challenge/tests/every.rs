//! Challenges by the grammar of RFC 9110 §11, and what they mean, side by side.

use proptest::{collection::vec, prelude::*, sample::select};

use super::*;

#[derive(Clone, Debug)]
struct Spoken {
    scheme: String,
    /// Name, value, whether it is quoted.
    parameters: Vec<(String, String, bool)>,
    token68: bool,
}

impl Spoken {
    fn is_bearer(&self) -> bool {
        self.scheme.to_lowercase() == "bearer"
    }

    fn parameter(&self, name: &str) -> impl Iterator<Item = &str> {
        let named = self
            .parameters
            .iter()
            .filter(move |it| it.0.to_lowercase() == name);
        named.map(|it| it.1.as_str())
    }

    /// `spaces` stand where the grammar allows some.
    fn written(&self, spaces: &str, comma: &str) -> String {
        let parameter = |(name, value, quoted): &(String, String, bool)| {
            let escaped = value.replace('\\', "\\\\").replace('"', "\\\"");
            match quoted {
                true => format!("{name}{spaces}={spaces}\"{escaped}\""),
                false => format!("{name}{spaces}={spaces}{value}"),
            }
        };
        let mut parameters: Vec<_> = self.parameters.iter().map(parameter).collect();
        if self.token68 {
            parameters = vec!["dG9rZW4/+-._~68==".to_owned()];
        }
        if parameters.is_empty() {
            return self.scheme.clone();
        }
        format!("{} {spaces}{}", self.scheme, parameters.join(comma))
    }
}

fn scheme() -> impl Strategy<Value = String> {
    let schemes = [
        "Bearer",
        "bearer",
        "BEARER",
        "Basic",
        "Digest",
        "Negotiate",
        "Bearers",
        "X-Bearer",
    ];
    select(schemes.to_vec()).prop_map(str::to_owned)
}

fn parameter() -> impl Strategy<Value = (String, String, bool)> {
    let error = select(vec![
        "insufficient_scope",
        "Insufficient_Scope",
        "invalid_token",
        "insufficient_scopes",
    ]);
    let scope = "[a-z:.!]{1,8}( [a-z:]{1,8}){0,2}";
    // What looks like a challenge and is only a text.
    let text = select(vec![
        "a, Bearer error=insufficient_scope",
        "Bearer",
        "\", Basic \"",
        "\\",
        "x=y",
        "",
        "é, scope=no",
        "Büro",
    ]);
    prop_oneof![
        (
            select(vec!["error", "ERROR"]),
            error.prop_map(str::to_owned),
            any::<bool>()
        ),
        (select(vec!["scope", "Scope"]), scope, Just(true)),
        (
            select(vec!["realm", "error_description", "x-error", "bearer"]),
            text.prop_map(str::to_owned),
            Just(true)
        ),
        (
            select(vec!["realm", "nonce", "scope2"]),
            "[a-z0-9]{1,5}",
            Just(false)
        ),
    ]
    .prop_map(|(name, value, quoted)| (name.to_owned(), value, quoted))
}

fn spoken() -> impl Strategy<Value = Spoken> {
    (scheme(), vec(parameter(), 0..4), prop::bool::weighted(0.1)).prop_map(
        |(scheme, parameters, token68)| Spoken {
            scheme,
            parameters: if token68 { Vec::new() } else { parameters },
            token68,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn spelling_of_a_challenge_means_the_same(
        fields in vec(vec(spoken(), 0..3), 0..3),
        spaces in select(vec!["", " ", "\t "]),
        comma in select(vec![",", ", ", " , ", ",,", ", \t,"]),
    ) {
        let written = |said: &Vec<Spoken>| {
            let said: Vec<_> = said.iter().map(|one| one.written(spaces, comma)).collect();
            let text = said.join(comma);
            (WWW_AUTHENTICATE, HeaderValue::from_bytes(text.as_bytes()).unwrap())
        };
        let headers: HeaderMap = fields.iter().map(written).collect();
        let said: Vec<&Spoken> = fields.iter().flatten().collect();

        let lacks_scope = said.iter().any(|one| {
            let mut errors = one.parameter("error").map(str::to_lowercase);
            one.is_bearer() && errors.any(|error| error == "insufficient_scope")
        });
        let expected = if lacks_scope {
            Challenge::InsufficientScope
        } else if !said.is_empty() && !said.iter().any(|one| one.is_bearer()) {
            Challenge::OtherScheme
        } else {
            Challenge::Token
        };
        prop_assert_eq!(read(&headers), expected, "{:?}", headers);
        let scope = said.iter().find_map(|one| one.parameter("scope").next());
        prop_assert_eq!(wanted_scope(&headers), scope.map(str::to_owned), "{:?}", headers);
    }

    #[test]
    fn text_without_the_words_is_no_lack_of_scope(values in vec("[ -~]{0,30}", 0..4)) {
        let values: Vec<&str> = values.iter().map(String::as_str).collect();
        let challenge = read(&headers(&values));
        let text = values.join("\n").to_lowercase();
        prop_assert!(challenge != Challenge::InsufficientScope || text.contains("insufficient_scope"));
        prop_assert!(challenge != Challenge::OtherScheme || !text.starts_with("bearer "));
    }
}
