//! Discovery by documents of all kinds. What is true of every input of the fuzz target is tried on such as look like some;
//! and what is right must not be refused.

#![allow(clippy::unwrap_used, reason = "test code")]

use proptest::{option, prelude::*, sample::select};

#[path = "../fuzz/targets/discovery.rs"]
mod discovery;

const ISSUER: &str = "https://cxone.niceincontact.com";

/// Mostly right, or there would be a reason to refuse it besides the one that is tried.
fn address() -> impl Strategy<Value = String> {
    let scheme = prop_oneof![6 => Just("https"), 1 => select(vec!["http", "HTTPS", "ftp"])];
    let user = select(vec!["u:p@", "evil.test@", "cxone.niceincontact.com@", "@"]);
    let user = prop_oneof![5 => Just(""), 1 => user];
    let host = prop_oneof![
        "([a-z0-9_-]{1,6}\\.){0,2}(niceincontact\\.com|NICE-incontact\\.com|nicecxone-sov1\\.au|nicecxone\\.com)\\.{0,2}",
        select(vec![
            "evilniceincontact.com",
            "niceincontact.com.evil.test",
            "niceincontact.comevil.test",
            "niceincontact.com%2eevil.test",
            "com",
            "nicecxone-sov2.uk",
            "nicecxone-sov2.eu",
            "10.0.0.1",
            "[2001:db8::1]",
            "localhost",
            "127.0.0.1",
            "[::1]",
            "evil.test\\.niceincontact.com",
            "evil.test;.niceincontact.com",
            "n\u{ef}ceincontact.com",
            "evil.test#.nicecxone.com",
            "evil.test?.nicecxone.com",
            "evil.test/.nicecxone.com",
            "%65vil.niceincontact.com",
            "",
            ".",
        ])
        .prop_map(str::to_owned),
        "[a-z-]{1,5}(niceincontact|nicecxone)\\.com",
        "[a-z.%:@]{0,9}(\\.niceincontact\\.com)?",
    ];
    let port = select(vec![":443", ":0443", ":", ":8443", ":80", ":99999"]);
    let port = prop_oneof![4 => Just(""), 1 => port];
    let tail = select(vec![
        "/",
        "/a//",
        "/?q",
        "/#f",
        "/\\evil.test",
        "//evil.test",
    ]);
    let tail = prop_oneof![3 => Just("/auth/token"), 1 => Just(""), 1 => tail];
    (scheme, user, host, port, tail)
        .prop_map(|(scheme, user, host, port, tail)| format!("{scheme}://{user}{host}{port}{tail}"))
}

fn quoted(text: &str) -> String {
    let escaped = text.replace('\\', "\\\\").replace('"', "\\\"");
    format!("\"{escaped}\"")
}

fn documents(issuer: &str, token_endpoint: &str, api_endpoint: &str, tenant: &str) -> Vec<u8> {
    let [issuer, token, api] = [issuer, token_endpoint, api_endpoint].map(quoted);
    let issuer = format!("{{\"issuer\": {issuer}, \"token_endpoint\": {token}}}\n");
    let claims = format!("{{\"tenantId\": {}}}\n", quoted(tenant));
    format!("{issuer}---\n{{\"api_endpoint\": {api}}}\n---\n{claims}").into_bytes()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn neither_credentials_nor_tokens_go_to_strangers(
        issuer in option::weighted(0.2, address()),
        token_endpoint in option::weighted(0.6, address()),
        api_endpoint in address(),
        tenant in "[ -~]{1,20}|\\PC{1,8}",
    ) {
        let issuer = issuer.as_deref().unwrap_or(ISSUER);
        let token_endpoint = token_endpoint.unwrap_or(format!("{ISSUER}/auth/token"));
        discovery::check(&documents(issuer, &token_endpoint, &api_endpoint, &tenant));
    }
}
