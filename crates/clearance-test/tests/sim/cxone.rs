use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use bytes::Bytes;
use clearance_test::sim::Cxone;
use http::Request;
use http_body_util::Full;
use serde_json::{Value, json};

use crate::support::{cxone_token_request, form, get, send};

const AGENTS: &str = "/incontactapi/services/v34.0/agents";

#[tokio::test]
async fn the_id_token_tells_the_tenant_and_its_times() {
    let reply = send(&Cxone::new(), cxone_token_request("/auth/token")).await;
    let body = reply.json();
    assert_eq!(
        (&body["token_type"], &body["expires_in"]),
        (&"Bearer".into(), &3_600.into())
    );
    let id_token = body["id_token"].as_str().unwrap();
    let claims = URL_SAFE_NO_PAD.decode(id_token.split('.').nth(1).unwrap());
    let claims: Value = serde_json::from_slice(&claims.unwrap()).unwrap();
    assert_eq!(claims["tenantId"], Cxone::TENANT_ID);
    let time = |name: &str| claims[name].as_u64().unwrap();
    assert_eq!(time("exp") - time("iat"), 3_600);
}

#[tokio::test]
async fn wrong_credentials() {
    let cxone = Cxone::builder()
        .client("app", "secret")
        .access_key("key", "key=")
        .build();
    let good = "grant_type=password&username=key&password=key%3D";
    let bad_key = "grant_type=password&username=key&password=other";
    let cases = [
        ("app", "secret", good, 200, Value::Null),
        ("other", "secret", good, 401, json!("invalid_client")),
        ("app", "wrong", good, 401, json!("invalid_client")),
        ("app", "secret", bad_key, 400, json!("invalid_grant")),
    ];
    for (id, secret, body, status, error) in cases {
        let reply = send(&cxone, form("/auth/token", id, secret, body)).await;
        assert_eq!(
            (reply.status.as_u16(), &reply.json()["error"]),
            (status, &error)
        );
        assert_eq!(reply.json()["errorDescription"].is_string(), status != 200);
    }
    let in_body = format!("{good}&client_id=app&client_secret=secret");
    let request = Request::post("/auth/token").body(Full::<Bytes>::from(in_body));
    assert_eq!(send(&cxone, request.unwrap()).await.status, 200);
}

#[tokio::test]
async fn the_older_grant_wants_json_and_no_client() {
    let cxone = Cxone::new();
    let grant = async |secret: &str| {
        let key = json!({ "accessKeyId": Cxone::ACCESS_KEY_ID, "accessKeySecret": secret });
        let request = Request::post("/authentication/v1/token/access-key");
        let request = request.body(Full::<Bytes>::from(key.to_string())).unwrap();
        send(&cxone, request).await
    };
    let reply = grant(Cxone::ACCESS_KEY_SECRET).await;
    assert_eq!(
        send(&cxone, get(AGENTS, &reply.access_token()))
            .await
            .status,
        200
    );
    assert!(reply.json()["resource_server_base_uri"].is_string());
    assert_eq!(grant("wrong").await.status, 401);
    assert_eq!(cxone.counters().token_requests, 2);
}

#[tokio::test]
async fn the_api() {
    let cxone = Cxone::builder().agents(5).build();
    let token = send(&cxone, cxone_token_request("/auth/token")).await;
    let token = token.access_token();
    let status = async |path: &str| {
        let reply = send(&cxone, get(path, &token)).await;
        reply.status.as_u16()
    };
    assert_eq!(
        status("/inContactAPI/services/v31.0/server-time").await,
        200
    );
    assert_eq!(status(&format!("{AGENTS}?skip=5")).await, 204);
    assert_eq!(status(&format!("{AGENTS}?isActive=false")).await, 204);
    assert_eq!(status(&format!("{AGENTS}?top=x")).await, 400);
    let most = usize::MAX;
    assert_eq!(status(&format!("{AGENTS}?top={most}&skip=1")).await, 200);
    assert_eq!(status(Cxone::FORBIDDEN).await, 403);
    assert_eq!(status(Cxone::UNAUTHORIZED).await, 401);
    assert_eq!(status("/elsewhere").await, 404);

    let refused = send(&cxone, get(AGENTS, "made-up")).await;
    assert_eq!(refused.headers["icstatusdescription"], "Unauthorized");
    assert!(refused.body.is_empty());
    let mut careless = get(AGENTS, &token);
    careless.headers_mut().remove("accept");
    let page = send(&cxone, careless).await;
    assert!(page.body.starts_with(b"<!DOCTYPE html>"));
}

#[tokio::test]
async fn an_unknown_tenant_has_no_configuration() {
    let url = "/.well-known/cxone-configuration?tenantId=other";
    assert_eq!(send(&Cxone::new(), get(url, "")).await.status, 404);
}
