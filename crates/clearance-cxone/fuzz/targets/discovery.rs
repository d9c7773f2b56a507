//! The documents that decide where credentials and tokens go, whatever they say. The input: the OpenID Connect document of
//! the issuer, the configuration of the tenant, and the claims of the id_token, with a line `---` after each but the last.
//!
//! Where something goes is judged by another URL parser than the one that sends it there.

use std::{
    convert::Infallible,
    error::Error,
    sync::{Arc, Mutex, PoisonError},
};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use bytes::Bytes;
use clearance_core::{TokenError, TokenErrorKind, TokenSource};
use clearance_cxone::{AccessKey, ClientRegistration, Cxone, Environment};
use clearance_oauth::Document;
use http::{Method, Request, Response, header::AUTHORIZATION};
use http_body_util::Full;
use tokio::runtime::Runtime;
use tower::service_fn;
use url::{Host, Url};

const SILENT: [&str; 3] = ["r3gistration", "acc3ss", "zq7-t0ken"];

/// Where the credentials and the tokens of the global environment may go.
const DOMAINS: [&str; 7] = [
    "niceincontact.com",
    "nice-incontact.com",
    "nicecxone.com",
    "nicecxone-gov.com",
    "nicecxone-sov1.au",
    "nicecxone-sov1.eu",
    "nicecxone-sov2.uk",
];

thread_local! {
    /// Made once: it costs more than most answers.
    static RUNTIME: Runtime = {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        runtime.enable_time().build().expect("a runtime")
    };
}

pub(crate) fn check(data: &[u8]) {
    let mut parts = split(data).into_iter();
    let mut next = || parts.next().unwrap_or_default();
    let (issuer, tenant, claims) = (next(), next(), next());
    let tenant_id = tenant_id(&claims);

    let sent = Arc::new(Mutex::new(Vec::new()));
    let log = sent.clone();
    let client = service_fn(move |request: Request<Full<Bytes>>| {
        let answer = match (request.method(), request.uri().path()) {
            (&Method::POST, _) => token_answer(&claims),
            (_, "/.well-known/openid-configuration") => issuer.clone(),
            _ => tenant.clone(),
        };
        log.lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(request);
        async move { Ok::<_, Infallible>(Response::new(Full::<Bytes>::from(answer))) }
    });
    let registration = ClientRegistration::new("my-app", "r3gistration");
    let access_key = AccessKey::new("key-1", "acc3ss");
    let cxone = Cxone::new(Environment::Global, registration, access_key);
    let cxone = cxone.expect("a good configuration").with_client(client);

    let found = RUNTIME.with(|runtime| runtime.block_on(cxone.discover()));

    let sent = sent.lock().unwrap_or_else(PoisonError::into_inner);
    assert!((1..=3).contains(&sent.len()), "{sent:?}");
    for request in sent.iter() {
        goes_where_it_may(request, tenant_id.as_deref());
    }
    match found {
        Ok(api) => {
            let url = Url::parse(&api).expect("the address of the API is an address");
            believable(&url);
            assert!(url.query().is_none() && !api.ends_with('/'), "{api}");
            let audience = cxone.audience().expect("known by now").to_string();
            let audience = Url::parse(&audience).expect("an audience is an address");
            assert_eq!(audience.origin(), dotless(&url).origin(), "{api}");
            assert_eq!(cxone.api_endpoint(), Some(api));
            // The token that discovery came by is there for the asking.
            let spare = RUNTIME.with(|runtime| runtime.block_on(cxone.fetch()));
            assert!(spare.is_ok() && sent.len() == 3);
        }
        Err(error) => {
            let shown = everything(&error);
            let leak = SILENT.iter().find(|secret| shown.contains(**secret));
            assert_eq!(leak, None, "in: {shown}");
            assert_eq!(error.kind(), TokenErrorKind::Malformed, "{error}");
            assert!(error.to_string().chars().count() <= 700, "{error}");
            assert!(!error.to_string().contains(char::is_control), "{error}");
            assert!(
                cxone.audience().is_none(),
                "a token may go somewhere already"
            );
        }
    }
}

fn split(data: &[u8]) -> Vec<Vec<u8>> {
    let mut parts = vec![Vec::new()];
    for line in data.split_inclusive(|byte| *byte == b'\n') {
        match parts.last_mut() {
            Some(part) if line != b"---\n" => part.extend_from_slice(line),
            _ => parts.push(Vec::new()),
        }
    }
    parts
}

/// The tenant of which the claims speak, if they are what claims must be.
fn tenant_id(claims: &[u8]) -> Option<String> {
    let claims = BASE64_URL_SAFE_NO_PAD.encode(claims);
    let claims = Document::from_unverified_jwt(&format!("e30.{claims}.c2ln"))?;
    claims.text("tenantId").map(ToOwned::to_owned)
}

fn token_answer(claims: &[u8]) -> Vec<u8> {
    let claims = BASE64_URL_SAFE_NO_PAD.encode(claims);
    format!(
        r#"{{"access_token": "zq7-t0ken", "token_type": "Bearer", "expires_in": 3600, "id_token": "e30.{claims}.c2ln"}}"#
    )
    .into_bytes()
}

/// Documents are asked of the issuer without credentials; credentials go where they are believed to belong.
fn goes_where_it_may(request: &Request<Full<Bytes>>, tenant_id: Option<&str>) {
    let url = Url::parse(&request.uri().to_string()).expect("requests have an address");
    if request.method() == Method::POST {
        assert!(request.headers()[AUTHORIZATION].is_sensitive());
        return believable(&url);
    }
    assert!(!request.headers().contains_key(AUTHORIZATION));
    assert_eq!(
        url.origin().ascii_serialization(),
        Environment::Global.issuer()
    );
    let asked: Vec<_> = url.query_pairs().collect();
    match url.path() {
        "/.well-known/openid-configuration" => assert_eq!(asked, []),
        "/.well-known/cxone-configuration" => {
            let [(name, value)] = asked.as_slice() else {
                panic!("not one parameter: {url}");
            };
            assert_eq!((&**name, Some(&**value)), ("tenantId", tenant_id));
        }
        path => panic!("who asked for {path}?"),
    }
}

fn believable(url: &Url) {
    let url = dotless(url);
    assert_eq!((url.scheme(), url.port()), ("https", None), "{url}");
    assert_eq!(
        (url.username(), url.password(), url.fragment()),
        ("", None, None),
        "{url}"
    );
    let Some(Host::Domain(host)) = url.host() else {
        panic!("{url} is on an IP literal");
    };
    let is_under = |domain: &&str| {
        let rest = host.strip_suffix(*domain);
        rest.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    };
    assert!(DOMAINS.iter().any(is_under), "{host} is a stranger");
}

/// `a.test.` is the same host as `a.test`.
fn dotless(url: &Url) -> Url {
    let mut url = url.clone();
    let host = url.host_str().and_then(|host| host.strip_suffix('.'));
    if let Some(host) = host.map(ToOwned::to_owned) {
        url.set_host(Some(&host)).expect("still a host");
    }
    url
}

fn everything(error: &TokenError) -> String {
    let mut shown = format!("{error} {error:?}");
    let mut cause = error.source();
    while let Some(error) = cause {
        shown.push_str(&format!(" {error} {error:?}"));
        cause = error.source();
    }
    shown
}
