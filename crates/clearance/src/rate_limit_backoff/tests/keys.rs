//! Whom a pause holds: those of the same key, and nobody else.

use tower::Layer;

use super::*;

#[tokio::test(start_paused = true)]
async fn a_pause_is_its_keys_own() {
    let server = Server::script([(429, Some("5"))]);
    let layer = layer();
    let service = layer.layer(server.clone());
    let refused = spawn(&service, get("/")).await;
    sleep(SECOND).await;
    let at = Instant::now();
    let elsewhere = Request::get("https://other.example.com/");
    send(&service, elsewhere.body(Full::default()).unwrap()).await;
    assert_eq!(
        at.elapsed().as_millis(),
        ROUND_TRIP.as_millis(),
        "another origin"
    );

    let status = layer.status();
    assert_eq!(status.keys.len(), 1);
    let text = "https://api.example.com: 1 held, pause 4.0 s, 1 refused, 0 given up";
    assert_eq!(status.to_string(), text);
    refused.await.unwrap();
    assert_eq!(
        (layer.status().keys[0].held, layer.status().keys[0].pause),
        (0, None)
    );
}

#[tokio::test(start_paused = true)]
async fn keys_can_be_tenants() {
    let tenant = |head: &http::request::Parts| {
        let tenant = head
            .headers
            .get("tenant")
            .and_then(|value| value.to_str().ok());
        tenant.unwrap_or("none").to_owned()
    };
    let server = Server::script([(429, Some("5"))]);
    let layer = layer().keyed_by(tenant);
    let service = layer.layer(server.clone());
    let request = |tenant: &'static str| {
        let mut request = get("/");
        request
            .headers_mut()
            .insert("tenant", tenant.parse().unwrap());
        request
    };
    let refused = spawn(&service, request("one")).await;
    sleep(SECOND).await;
    send(&service, request("two")).await;
    assert!(about(server.sent()[1].at, 1.0));
    send(&service, request("one")).await;
    assert!(server.sent()[2].at > 5 * SECOND);
    refused.await.unwrap();
    assert_eq!(layer.status().keys[0].key, "one");
}
