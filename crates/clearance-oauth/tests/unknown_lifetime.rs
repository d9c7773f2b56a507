//! Whoever runs a service is told that its issuer states no lifetime.
//!
//! Alone in its process: where another thread, with no subscriber, is the first to pass an event, `tracing` may remember
//! that nobody wants that event.

#![allow(clippy::unwrap_used, reason = "test code")]

use std::{
    convert::Infallible,
    io,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use clearance_core::{Audience, TokenSource};
use clearance_oauth::ClientCredentials;
use http::{Request, Response};
use http_body_util::Full;
use tower::service_fn;

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

async fn fetch(lifetime: &str) {
    let answer = format!(r#"{{"access_token": "t0k", "token_type": "bearer" {lifetime}}}"#);
    let client = service_fn(move |_: Request<Full<Bytes>>| {
        let answer = Response::new(Full::<Bytes>::from(answer.clone()));
        async move { Ok::<_, Infallible>(answer) }
    });
    let source = ClientCredentials::new("https://login.test/", "id", "s3cr3t", Audience::any());
    source.unwrap().with_client(client).fetch().await.unwrap();
}

#[tokio::test]
async fn an_unknown_lifetime_is_warned_about() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    let _logging = tracing::subscriber::set_default(subscriber);

    for (lifetime, warning) in [
        ("", "`expires_in` is missing"),
        (r#", "expires_in": 0"#, "`expires_in` is 0"),
        (r#", "expires_in": 60"#, ""),
    ] {
        fetch(lifetime).await;
        let said = String::from_utf8(std::mem::take(&mut *log.0.lock().unwrap())).unwrap();
        assert_eq!(said.contains("WARN"), !warning.is_empty(), "{said}");
        assert!(said.contains(warning), "{said}");
        assert!(!said.contains("t0k") && !said.contains("s3cr3t"), "{said}");
    }
}
