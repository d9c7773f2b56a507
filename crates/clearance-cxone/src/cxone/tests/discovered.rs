//! What is found out about a tenant: how long it is kept, and when it is found out anew.

use super::*;

#[tokio::test(start_paused = true)]
async fn what_discovery_takes_is_not_wasted() {
    let routes = platform();
    let cxone = source().with_client(routes.clone());
    assert_eq!(cxone.discover().await.unwrap(), API);
    assert_eq!(cxone.discover().await.unwrap(), API);
    assert_eq!(routes.log().len(), 3);

    routes.set(TOKEN, 200, &token("t0k-2", "t-1"));
    assert_eq!(cxone.fetch().await.unwrap().header(), "Bearer t0k-1");
    assert_eq!(routes.log(), [""; 0]);
    assert_eq!(cxone.fetch().await.unwrap().header(), "Bearer t0k-2");

    // A spare that lay around for half its life is not handed out.
    let cxone = source().with_client(routes.clone());
    cxone.discover().await.unwrap();
    tokio::time::advance(Duration::from_secs(1800)).await;
    routes.set(TOKEN, 200, &token("t0k-3", "t-1"));
    assert_eq!(cxone.fetch().await.unwrap().header(), "Bearer t0k-3");
}

#[tokio::test]
async fn a_tenant_id_is_percent_encoded_and_a_new_one_is_configured_anew() {
    let routes = platform();
    let cxone = source().with_client(routes.clone());
    cxone.fetch().await.unwrap();
    routes.log();
    routes.set(TOKEN, 200, &token("t0k-2", "a/b?c=d&e é~"));
    routes.set(
        TENANT,
        200,
        r#"{"api_endpoint": "https://api-eu1.niceincontact.com"}"#,
    );
    cxone.fetch().await.unwrap();
    assert_eq!(
        routes.log()[1],
        "GET https://cxone.niceincontact.com/.well-known/cxone-configuration?tenantId=a%2Fb%3Fc%3Dd%26e%20%C3%A9~"
    );
    assert_eq!(
        cxone.api_endpoint().as_deref(),
        Some("https://api-eu1.niceincontact.com")
    );

    // A later answer without an id_token: still the same tenant, as far as anyone knows.
    routes.set(
        TOKEN,
        200,
        r#"{"access_token": "t", "token_type": "bearer", "expires_in": 60}"#,
    );
    assert!(cxone.fetch().await.is_ok());
}

#[tokio::test]
async fn without_a_tenant_the_api_cannot_be_found() {
    for id_token in [
        String::new(),
        "no-jwt".to_owned(),
        id_token(r#"{"sub": "1"}"#),
    ] {
        let routes = platform();
        let body = format!(
            r#"{{"access_token": "t0k", "token_type": "bearer", "expires_in": 60, "id_token": "{id_token}"}}"#
        );
        routes.set(TOKEN, 200, &body);
        let error = source().with_client(routes).fetch().await.unwrap_err();
        assert!(error.to_string().contains("`tenantId`"), "{error}");
        assert!(error.to_string().contains("/auth/token"), "{error}");
    }
}

#[tokio::test]
async fn an_endpoint_that_moved_is_found_again() {
    for status in [301, 404, 405, 403, 410] {
        let routes = platform();
        let cxone = source().with_client(routes.clone());
        cxone.fetch().await.unwrap();
        routes.log();
        routes.set(TOKEN, status, "");
        routes.set("/new", 200, &token("t0k-2", "t-1"));
        routes.set(
            OPENID,
            200,
            &openid(ISSUER, "https://cxone.niceincontact.com/new"),
        );
        assert_eq!(
            cxone.fetch().await.unwrap().header(),
            "Bearer t0k-2",
            "{status}"
        );
        assert_eq!(routes.log().len(), 3);
        cxone.fetch().await.unwrap();
        assert_eq!(routes.log(), ["POST https://cxone.niceincontact.com/new"]);
    }
    // What discovery has no part in does not redo it.
    for status in [400, 401, 429, 500, 503] {
        let routes = platform();
        let cxone = source().with_client(routes.clone());
        cxone.fetch().await.unwrap();
        routes.log();
        routes.set(TOKEN, status, r#"{"error": "invalid_client"}"#);
        cxone.fetch().await.unwrap_err();
        assert_eq!(routes.log().len(), 1, "{status}");
    }
    // If it is where it was, that is found out once, and again by the next fetch.
    let routes = platform();
    let cxone = source().with_client(routes.clone());
    routes.set(TOKEN, 404, "");
    for _ in 0..2 {
        cxone.fetch().await.unwrap_err();
        assert_eq!(routes.log().len(), 2);
    }
}
