//! How the proxy fares.
//!
//! 200, or 503 while the last call failed for want of a token. Without the key it says no more than that.

use std::time::Duration;

use axum::{
    body::Body,
    extract::{Request, State},
    response::Response,
};
use clearance::{rate_limit_backoff::KeyStatus, skew_auth::Status};
use http::{
    HeaderValue, StatusCode, Uri,
    header::{CACHE_CONTROL, CONTENT_TYPE},
};
use serde_json::{Value, json};

use crate::{door::Known, proxy::Proxy};

/// Its own path, which no API has.
pub(crate) const PATH: &str = "/.auth-proxy/healthz";
/// The usual one, which is therefore not the API's, if that has one.
pub(crate) const SHORT_PATH: &str = "/healthz";

pub(crate) fn is_health(uri: &Uri) -> bool {
    [PATH, SHORT_PATH].contains(&uri.path())
}

pub(crate) async fn show(State(proxy): State<Proxy>, request: Request) -> Response {
    let (status, word) = match proxy.is_well() {
        true => (StatusCode::OK, "ok"),
        false => (StatusCode::SERVICE_UNAVAILABLE, "no token"),
    };
    let mut health = json!({ "status": word });
    if request.extensions().get::<Known>().is_some() {
        health["upstream"] = proxy.upstream().origin().into();
        health["under_way"] = proxy.under_way().into();
        health["token"] = token(&proxy.auth().status());
        let keys = proxy.limits().status().keys;
        health["rate_limits"] = keys.iter().map(limit).collect();
    }
    let mut response = Response::new(Body::from(health.to_string()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn token(status: &Status) -> Value {
    json!({
        "state": format!("{:?}", status.token),
        "remaining_s": status.remaining.map(seconds),
        "being_renewed": status.refreshing,
        "refreshes": status.refreshes.total(),
        "refusals": status.refusals,
        "failures": status.failures,
        "last_error": status.last_error.as_ref().map(ToString::to_string),
        "issuer_clock": status.issuer_skew.map(|skew| skew.to_string()),
        "hosts": status.hosts.iter().map(ToString::to_string).collect::<Vec<_>>(),
    })
}

fn limit(key: &KeyStatus) -> Value {
    json!({
        "key": key.key,
        "held": key.held,
        "pause_s": key.pause.map(seconds),
        "rate_per_s": key.rate,
        "refused": key.refused,
        "retried": key.retried,
        "given_up": key.given_up,
    })
}

/// To the millisecond.
fn seconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1000.0).round() / 1000.0
}
