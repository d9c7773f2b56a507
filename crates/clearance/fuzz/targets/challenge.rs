//! The challenges of a refusal, whatever they are: each line of the input is one `WWW-Authenticate` field. A server behind
//! the layers refuses every token with them; what was read of them shows in what the layers do.

use std::{
    borrow::Cow,
    convert::Infallible,
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use clearance::{
    Audience, RefusalReason, Retry401Layer, SkewAuthLayer, Token, TokenRefused, token_source_fn,
};
use http::{HeaderValue, Request, Response, StatusCode, header::WWW_AUTHENTICATE};
use tokio::runtime::Runtime;
use tower::{Layer, ServiceExt, service_fn};
use tracing::{Event, Metadata, Subscriber, field, span};

const TOKEN: &str = "zq7-t0ken";

/// What is logged of a scope, in bytes.
const LONGEST_SCOPE: usize = 200;

thread_local! {
    /// Made once: it costs more than a call. Its clock stands still: a process that gets no processor for the 5 s for
    /// which a refused call waits is told something else.
    static RUNTIME: Runtime = {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_time().start_paused(true);
        runtime.build().expect("a runtime")
    };
}

pub(crate) fn check(data: &[u8]) {
    let lines = data.split(|byte| *byte == b'\n');
    let fields = lines.filter_map(|line| HeaderValue::from_bytes(line).ok());
    let mut fields: Vec<HeaderValue> = fields.take(16).collect();

    let said = refuse(StatusCode::UNAUTHORIZED, &fields);
    assert_eq!(
        said.is_final(),
        said.tokens == 1,
        "a final refusal asks for no token: {said:?}"
    );
    assert!(said.tokens <= 2, "{said:?}");
    agrees(&said, &fields);
    let scope = refuse(StatusCode::FORBIDDEN, &fields).scope;
    is_written_there(&scope.expect("a 403 is logged"), &fields);

    // Fields have no order (RFC 9110 §5.3 keeps it within one, and each is judged alike).
    fields.reverse();
    assert_eq!(
        refuse(StatusCode::UNAUTHORIZED, &fields).reason,
        said.reason
    );
    // Whoever takes bearer tokens as well is no other scheme, and asks for no scope by saying so.
    fields.push(HeaderValue::from_static("Bearer"));
    let also_bearer = refuse(StatusCode::UNAUTHORIZED, &fields);
    let expected = said.reason.filter(|reason| reason != "other scheme");
    assert_eq!(also_bearer.reason, expected);
}

/// What is sure of challenges without taking them apart.
fn agrees(said: &Said, fields: &[HeaderValue]) {
    let texts = fields.iter().map(text);
    let texts: Vec<String> = texts.map(|text| text.trim().to_ascii_lowercase()).collect();
    let any = |what: &str| texts.iter().any(|text| text.contains(what));
    let begins_with_bearer = |text: &String| {
        let rest = text.strip_prefix("bearer");
        // `Bearer =` would be a parameter.
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(" realm=") || rest == ",")
    };
    match said.reason.as_deref() {
        Some("insufficient scope") => {
            assert!(
                any("bearer") && any("error") && any("insufficient_scope"),
                "{texts:?}"
            );
        }
        Some("other scheme") => {
            assert!(!texts.iter().any(begins_with_bearer), "{texts:?}");
            assert!(texts.iter().any(|text| !text.is_empty()), "of nothing");
        }
        Some(other) => panic!("{other} has nothing to do with challenges"),
        None => {
            let scheme = texts.iter().find(|text| {
                !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphabetic())
            });
            assert!(scheme.is_none() || any("bearer"), "{texts:?}");
        }
    }
}

/// A scope that is logged is a part of some field, without the quotes around it.
fn is_written_there(scope: &str, fields: &[HeaderValue]) {
    let mut texts = fields
        .iter()
        .map(text)
        .filter(|text| text.to_ascii_lowercase().contains("scope"));
    let is_there = texts.any(|text| text.contains(scope));
    assert!(is_there || scope == "not named", "{scope}");
    assert!(scope.is_ascii(), "{scope}");
    assert!(scope.len() <= LONGEST_SCOPE, "{scope}");
    // A quote within it may be the last that is left of it.
    let is_cut = scope.len() == LONGEST_SCOPE;
    let ends_quoted = scope.ends_with('"') && !is_cut;
    assert!(!scope.starts_with('"') && !ends_quoted, "{scope}");
}

/// What is not ASCII counts for nothing, and hides nothing.
fn text(field: &HeaderValue) -> Cow<'_, str> {
    String::from_utf8_lossy(field.as_bytes())
}

/// What the layers made of a refusal.
#[derive(Debug)]
struct Said {
    /// That no other token helps. `None`: one was asked for.
    reason: Option<String>,
    tokens: usize,
    scope: Option<String>,
}

impl Said {
    fn is_final(&self) -> bool {
        self.reason.is_some()
    }
}

fn refuse(status: StatusCode, fields: &[HeaderValue]) -> Said {
    let tokens = Arc::new(AtomicUsize::new(0));
    let minted = tokens.clone();
    let source = token_source_fn(Audience::any(), move || {
        let nth = minted.fetch_add(1, Ordering::Relaxed);
        async move { Token::bearer(&format!("{TOKEN}-{nth}")) }
    });
    let server = service_fn(|_: Request<String>| {
        let mut response = Response::new(String::new());
        *response.status_mut() = status;
        for field in fields {
            response
                .headers_mut()
                .append(WWW_AUTHENTICATE, field.clone());
        }
        async move { Ok::<_, Infallible>(response) }
    });
    let log = Log::default();
    let reply = tracing::subscriber::with_default(log.clone(), || {
        let request = Request::get("https://api.test/").body(String::new());
        let request = request.expect("a request");
        let auth = SkewAuthLayer::new(source);
        RUNTIME.with(|runtime| {
            runtime.block_on(async {
                if status == StatusCode::FORBIDDEN {
                    let client = Retry401Layer::new().layer(auth.layer(server));
                    client.oneshot(request).await
                } else {
                    let reply = auth.layer(server).oneshot(request).await?;
                    if let Some(refused) = reply.extensions().get::<TokenRefused>().cloned() {
                        // Whether another token is asked for is known when it is there.
                        let settled = refused.settled().await;
                        let mut reply = reply;
                        reply.extensions_mut().insert(Outcome(settled.err()));
                        return Ok(reply);
                    }
                    Ok(reply)
                }
            })
        })
    });
    let reply = reply.unwrap_or_else(|error| panic!("{error}"));
    let outcome = reply.extensions().get::<Outcome>();
    let reason = outcome
        .and_then(|outcome| outcome.0.as_ref())
        .map(|reason| match reason {
            RefusalReason::InsufficientScope => "insufficient scope".to_owned(),
            RefusalReason::OtherScheme => "other scheme".to_owned(),
            other => other.to_string(),
        });
    let log = log.0.lock().unwrap_or_else(PoisonError::into_inner);
    let text = log
        .iter()
        .map(|(_, text)| text.as_str())
        .collect::<String>();
    // Not even where the server repeats it.
    let sent = format!("{TOKEN}-0");
    assert!(!text.contains(&sent), "a token in the log: {text}");
    let mut named = log.iter().filter(|(name, _)| *name == "scope");
    Said {
        reason,
        tokens: tokens.load(Ordering::Relaxed),
        scope: named.next().map(|(_, text)| text.clone()),
    }
}

#[derive(Clone)]
struct Outcome(Option<RefusalReason>);

/// Keeps every field of every event.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<(&'static str, String)>>>);

impl Subscriber for Log {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut log = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        event.record(&mut Fields(&mut log));
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

struct Fields<'a>(&'a mut Vec<(&'static str, String)>);

impl field::Visit for Fields<'_> {
    fn record_str(&mut self, field: &field::Field, value: &str) {
        self.0.push((field.name(), value.to_owned()));
    }

    fn record_debug(&mut self, field: &field::Field, value: &dyn fmt::Debug) {
        self.0.push((field.name(), format!("{value:?}")));
    }
}
