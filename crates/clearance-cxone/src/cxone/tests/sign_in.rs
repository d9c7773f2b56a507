//! What is sent for a token, in which order, and what is read from the answer.

use std::time::SystemTime;

use base64::{Engine, prelude::BASE64_STANDARD};
use clearance_core::clock::{ClockAnchor, ServerClock};
use clearance_oauth::ClientAuthentication;

use super::*;

#[tokio::test]
async fn four_steps_and_then_one() {
    let routes = platform();
    let cxone = source().with_client(routes.clone());
    assert_eq!((cxone.audience(), cxone.api_endpoint()), (None, None));

    let token = cxone.fetch().await.unwrap();
    assert_eq!(token.header(), "Bearer t0k-1");
    assert_eq!(cxone.api_endpoint().as_deref(), Some(API));
    assert_eq!(cxone.audience(), Some(Audience::origin(API).unwrap()));

    let (head, body) = routes.last(TOKEN).await;
    let pair = BASE64_STANDARD.encode("app%3Aid:4pp+s%2Fc%3D");
    assert_eq!(head.headers["authorization"], format!("Basic {pair}"));
    assert_eq!(
        body,
        "grant_type=password&username=KEYID%3D%3D%3D%3D&password=k3y+s%2Fc%3D"
    );
    assert_eq!(
        routes.log(),
        [
            "GET https://cxone.niceincontact.com/.well-known/openid-configuration",
            "POST https://cxone.niceincontact.com/auth/token",
            "GET https://cxone.niceincontact.com/.well-known/cxone-configuration?tenantId=t-1",
        ]
    );

    cxone.fetch().await.unwrap();
    assert_eq!(
        routes.log(),
        ["POST https://cxone.niceincontact.com/auth/token"]
    );
}

#[tokio::test]
async fn the_registration_may_go_in_the_body() {
    let routes = platform();
    let registration = registration().client_authentication(ClientAuthentication::Body);
    let key = AccessKey::new("KEYID", "s3cr3t");
    let cxone = Cxone::new(Environment::Global, registration, key).unwrap();
    cxone.with_client(routes.clone()).fetch().await.unwrap();
    let (head, body) = routes.last(TOKEN).await;
    assert!(!head.headers.contains_key("authorization"));
    assert!(
        body.ends_with("&client_id=app%3Aid&client_secret=4pp+s%2Fc%3D"),
        "{body}"
    );
}

#[tokio::test]
async fn the_times_of_the_id_token_are_its_own_but_tell_the_issuers_clock() {
    let cxone = source().with_client(platform());
    let token = cxone.fetch().await.unwrap();
    assert_eq!(
        token
            .issued_at()
            .or(token.expires_at())
            .or(token.not_before()),
        None
    );
    assert_eq!(token.lifetime(), Some(Duration::from_secs(3600)));
    let issued_at = SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_225_600);
    let mut clock = ServerClock::new(ClockAnchor::new(token.requested_at().unwrap(), issued_at));
    assert_eq!(token.observations().len(), 1);
    clock.observe(&token.observations()[0]);
    assert!(clock.skew().unwrap().covers(Duration::ZERO));
}
