//! What `Trace` shows above the layers and below them, with what is sensitive left out.

use clearance::{ReplayBodyLayer, Retry401Layer, SkewAuthLayer};
use clearance_test::ScriptedSource;
use http::{HeaderValue, Request, header::COOKIE};
use tower::{ServiceBuilder, ServiceExt};
use tower_http::{sensitive_headers::SetSensitiveHeadersLayer, trace::TraceLayer};

use crate::{
    Upload, agents,
    logged::Logged,
    server::{Server, reply, with},
};

#[tokio::test(start_paused = true)]
async fn a_trace_shows_each_call_above_and_each_sending_below_and_never_the_token() {
    let log = Logged::begin();
    let server = Server::new(|seen, _| match seen.token.as_str() {
        "token-secret-1" => Some(reply(401)),
        _ => Some(with(reply(200), COOKIE, "answered-secret")),
    });
    let source = ScriptedSource::new(["token-secret-1", "token-secret-2"]);
    let span = |name: &'static str| move |request: &Request<Upload>| tracing::info_span!("seen", by = name, headers = ?request.headers());
    let stack = ServiceBuilder::new()
        .layer(ReplayBodyLayer::new())
        .layer(SetSensitiveHeadersLayer::new([COOKIE]))
        .layer(TraceLayer::new_for_http().make_span_with(span("a call")))
        .layer(Retry401Layer::new())
        .layer(SkewAuthLayer::new(source))
        .layer(TraceLayer::new_for_http().make_span_with(span("a sending")))
        .service(server.service());
    let mut call = agents();
    call.headers_mut()
        .insert(COOKIE, HeaderValue::from_static("asked-secret"));
    let answer = stack.oneshot(call).await.unwrap();
    tracing::info!(headers = ?answer.headers(), "answered");

    let log = log.text();
    let spans = |name: &str| {
        // The last span that is named is the new one.
        let name = format!("seen{{by=\"{name}\"");
        let new = log
            .lines()
            .filter(|line| line.ends_with("tower_stack::traces: new"));
        new.filter(|line| line.rfind("seen{by") == line.rfind(&name))
            .count()
    };
    assert_eq!((spans("a call"), spans("a sending")), (1, 2), "{log}");
    // Below, the token is among the fields that are shown.
    assert!(log.contains(r#""authorization": Sensitive"#), "{log}");
    assert!(!log.contains("secret"), "{log}");
}
