use bytes::Bytes;
use clearance_test::sim::{Endpoint, Genesys};
use http::{Method, Request, header::AUTHORIZATION};
use http_body_util::Full;

use crate::support::{form, genesys_token, genesys_token_request, get, request, send};

const GRANT: &str = "grant_type=client_credentials";

#[tokio::test]
async fn a_token_answer() {
    let reply = send(&Genesys::new(), genesys_token_request("")).await;
    assert_eq!(reply.status, 200);
    let body = reply.json();
    assert_eq!(body["token_type"], "bearer");
    assert_eq!(body["expires_in"], 86_400);
    assert_eq!(body.as_object().unwrap().len(), 3, "neither iat nor exp");
}

#[tokio::test]
async fn wrong_credentials() {
    let genesys = Genesys::builder().client("id", "se:cr/et+").build();
    let cases = [
        ("other", "se:cr/et+", 400),
        ("id", "wrong", 401),
        ("id", "se:cr/et+", 200),
        ("id", "se%3Acr%2Fet%2B", 200),
    ];
    for (id, secret, status) in cases {
        let reply = send(&genesys, form("/oauth/token", id, secret, GRANT)).await;
        assert_eq!(reply.status, status, "{id}:{secret}");
        if status != 200 {
            let body = reply.json();
            assert_eq!(body["error"], "invalid_client");
            assert_eq!(body["description"], body["error_description"]);
        }
    }
    genesys.set_client_secret("corrected");
    let mut answers = Vec::new();
    for secret in ["se:cr/et+", "corrected"] {
        let reply = send(&genesys, form("/oauth/token", "id", secret, GRANT)).await;
        answers.push(reply.status.as_u16());
    }
    assert_eq!(answers, [401, 200]);
    assert_eq!(genesys.counters().tokens_minted, 3);
    assert_eq!(genesys.counters().token_answers(401), 2);
}

#[tokio::test]
async fn another_grant_is_not_supported() {
    let (id, secret) = (Genesys::CLIENT_ID, Genesys::CLIENT_SECRET);
    let request = form("/oauth/token", id, secret, "grant_type=password");
    let reply = send(&Genesys::new(), request).await;
    assert_eq!(reply.status, 400);
    assert_eq!(reply.json()["error"], "unsupported_grant_type");
}

#[tokio::test]
async fn refusals_tell_why() {
    let genesys = Genesys::new();
    let token = genesys_token(&genesys).await;
    let bare = Request::get("/api/v2/users").body(Full::<Bytes>::default());
    let cases = [
        (bare.unwrap(), 401, "authentication.required"),
        (get("/api/v2/users", "made-up"), 401, "bad.credentials"),
        (get(Genesys::UNAUTHORIZED, &token), 401, "bad.credentials"),
        (get(Genesys::FORBIDDEN, &token), 403, "missing.permissions"),
        (get("/api/v2/nothing", &token), 404, "not.found"),
        (get("/api/v2/users?pageSize=0", &token), 400, "bad.request"),
    ];
    for (request, status, code) in cases {
        let reply = send(&genesys, request).await;
        let body = reply.json();
        assert_eq!(
            (reply.status.as_u16(), &body["code"]),
            (status, &code.into())
        );
        assert_eq!(body["status"], status);
        assert_eq!(
            body["contextId"],
            reply.headers["inin-correlation-id"].to_str().unwrap()
        );
        assert!(!reply.headers.contains_key("www-authenticate"));
    }
}

#[tokio::test]
async fn a_revoked_token_is_refused_and_others_are_not() {
    let genesys = Genesys::new();
    let (first, second) = (genesys_token(&genesys).await, genesys_token(&genesys).await);
    assert!(genesys.revoke(&first));
    assert!(!genesys.revoke(&first), "it lived no longer");
    assert_eq!(
        send(&genesys, get("/api/v2/users", &first)).await.status,
        401
    );
    assert_eq!(
        send(&genesys, get("/api/v2/users", &second)).await.status,
        200
    );
    assert_eq!(genesys.revoke_all(), 1);
    assert_eq!(
        send(&genesys, get("/api/v2/users", &second)).await.status,
        401
    );
    assert_eq!(genesys.counters().unauthorized(), 2);
}

#[tokio::test]
async fn pages() {
    let genesys = Genesys::builder().agents(7).build();
    let token = genesys_token(&genesys).await;
    let page = async |query: &str| {
        let url = format!("/api/v2/users{query}");
        send(&genesys, get(url, &token)).await.json()
    };
    let last = page("?pageNumber=3&pageSize=3").await;
    assert_eq!(last["entities"].as_array().unwrap().len(), 1);
    assert_eq!((&last["total"], &last["pageCount"]), (&7.into(), &3.into()));
    assert_eq!(last["previousUri"], "/api/v2/users?pageSize=3&pageNumber=2");
    assert!(last.get("nextUri").is_none());
    let all = page("").await;
    assert_eq!(
        (&all["pageSize"], &all["pageCount"]),
        (&25.into(), &1.into())
    );
    let beyond = page("?pageNumber=9").await;
    assert_eq!(beyond["entities"].as_array().unwrap().len(), 0);
}

#[tokio::test]
async fn agents_are_listed_by_their_state() {
    let genesys = Genesys::builder().agents(7).build();
    let token = genesys_token(&genesys).await;
    let listed = async |query: &str| {
        let url = format!("/api/v2/users{query}");
        send(&genesys, get(url, &token)).await
    };
    for (query, agents) in [
        ("", 7),
        ("?state=active", 7),
        ("?state=any", 7),
        ("?state=inactive", 0),
        ("?state=deleted", 0),
    ] {
        let body = listed(query).await.json();
        let entities = body["entities"].as_array().unwrap();
        assert_eq!((entities.len(), &body["total"]), (agents, &agents.into()));
    }
    assert_eq!(listed("?state=asleep").await.status, 400);
}

#[tokio::test]
async fn what_arrived_is_recorded_when_asked_for() {
    let genesys = Genesys::builder().recording().build();
    let token = genesys_token(&genesys).await;
    let echo = request(
        Method::POST,
        format!("{}?a=b", Genesys::ECHO),
        &token,
        "body",
    );
    send(&genesys, echo).await;
    let [first, second] = &genesys.recorded()[..] else {
        panic!("two requests")
    };
    assert_eq!(
        (first.endpoint, second.endpoint),
        (Endpoint::Token, Endpoint::Api)
    );
    assert_eq!(first.body, GRANT);
    assert_eq!(second.authorization, Some(format!("Bearer {token}")));
    assert_eq!(second.uri, *format!("{}?a=b", Genesys::ECHO));
    assert_eq!(
        (second.body.as_ref(), second.status.unwrap().as_u16()),
        (&b"body"[..], 200)
    );

    let forgetful = Genesys::new();
    let bare = Request::get("/").header(AUTHORIZATION, "x");
    send(&forgetful, bare.body(Full::default()).unwrap()).await;
    assert!(forgetful.recorded().is_empty());
}
