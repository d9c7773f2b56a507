//! What people get to read: mistakes at once, and never a secret.

use base64::{Engine, prelude::BASE64_STANDARD};

use super::*;

#[test]
fn mistakes_show_at_the_start() {
    let new = |issuer, app: (&str, &str), key: (&str, &str)| {
        Cxone::for_issuer(
            issuer,
            ClientRegistration::new(app.0, app.1),
            AccessKey::new(key.0, key.1),
        )
    };
    let good = ("id", "s3cr3t");
    for (issuer, app, key, says) in [
        (
            ISSUER,
            ("", "s3cr3t"),
            good,
            "the client id is empty; copy it from the registration",
        ),
        (ISSUER, ("id", ""), good, "the client secret is empty"),
        (
            ISSUER,
            good,
            ("", "s3cr3t"),
            "the access key id is empty; copy it from the access keys",
        ),
        (
            ISSUER,
            good,
            ("id", "s3cr3t\n"),
            "the access key secret carries a line break",
        ),
        (
            "http://cxone.niceincontact.com",
            good,
            good,
            "the issuer cannot be used",
        ),
        (
            "https://cxone.niceincontact.com/?a",
            good,
            good,
            "must not have a query",
        ),
    ] {
        let error = new(issuer, app, key).unwrap_err();
        assert!(error.to_string().contains(says), "{error}");
    }
    for &environment in Environment::ALL {
        assert!(new(environment.issuer(), good, good).is_ok());
    }
}

#[tokio::test]
async fn no_secret_is_shown() {
    let pair = BASE64_STANDARD.encode("app%3Aid:4pp+s%2Fc%3D");
    let secrets = [
        KEY_SECRET, "k3y+s", APP_SECRET, "4pp+s", &pair, "t0k-1", "r3fr",
    ];
    for status in [200, 400, 401, 403, 404, 429, 500] {
        let routes = platform();
        let body = format!(
            r#"{{"error": "{pair}", "errorDescription": "{KEY_SECRET} k3y+s%2Fc%3D {APP_SECRET} 4pp+s%2Fc%3D"}}"#
        );
        routes.set(TOKEN, status, &body);
        let error = source().with_client(routes).fetch().await.unwrap_err();
        let shown = shown(&error);
        assert!(
            secrets.iter().all(|secret| !shown.contains(secret)),
            "{shown}"
        );
    }
    let cxone = source().with_client(platform());
    cxone.discover().await.unwrap();
    let shown = format!("{cxone:?} {:#?}", source());
    assert!(
        secrets.iter().all(|secret| !shown.contains(secret)),
        "{shown}"
    );
}
