//! A client in a few lines.

use std::fmt::Debug;

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use clearance_test::sim::{Cxone, Genesys};
use http::{
    HeaderMap, Method, Request, Response, StatusCode,
    header::{ACCEPT, AUTHORIZATION},
};
use http_body_util::{BodyExt, Full};
use serde_json::Value;
use tower::{Service, ServiceExt};

/// An answer that was read to its end.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Reply {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub(crate) fn access_token(&self) -> String {
        self.json()["access_token"].as_str().unwrap().to_owned()
    }
}

pub(crate) async fn send<S, B>(service: &S, request: Request<Full<Bytes>>) -> Reply
where
    S: Service<Request<Full<Bytes>>, Response = Response<B>, Error: Debug> + Clone,
    B: http_body::Body<Data = Bytes, Error: Debug>,
{
    let (head, body) = service.clone().oneshot(request).await.unwrap().into_parts();
    Reply {
        status: head.status,
        headers: head.headers,
        body: body.collect().await.unwrap().to_bytes(),
    }
}

pub(crate) fn get(url: impl AsRef<str>, token: &str) -> Request<Full<Bytes>> {
    request(Method::GET, url, token, "")
}

pub(crate) fn request(
    method: Method,
    url: impl AsRef<str>,
    token: &str,
    body: &'static str,
) -> Request<Full<Bytes>> {
    Request::builder()
        .method(method)
        .uri(url.as_ref())
        .header(AUTHORIZATION, format!("Bearer {token}"))
        .header(ACCEPT, "application/json")
        .body(Full::from(body))
        .unwrap()
}

/// A form, sent by a client that names itself by Basic.
pub(crate) fn form(
    url: impl AsRef<str>,
    id: &str,
    secret: &str,
    form: &str,
) -> Request<Full<Bytes>> {
    let basic = STANDARD.encode(format!("{id}:{secret}"));
    Request::post(url.as_ref())
        .header(AUTHORIZATION, format!("Basic {basic}"))
        .body(Full::from(form.to_owned()))
        .unwrap()
}

pub(crate) fn genesys_token_request(login_url: &str) -> Request<Full<Bytes>> {
    form(
        format!("{login_url}/oauth/token"),
        Genesys::CLIENT_ID,
        Genesys::CLIENT_SECRET,
        "grant_type=client_credentials",
    )
}

pub(crate) fn cxone_token_request(token_endpoint: &str) -> Request<Full<Bytes>> {
    let pairs = [
        ("grant_type", "password"),
        ("username", Cxone::ACCESS_KEY_ID),
        ("password", Cxone::ACCESS_KEY_SECRET),
    ];
    let body = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(pairs)
        .finish();
    form(
        token_endpoint,
        Cxone::CLIENT_ID,
        Cxone::CLIENT_SECRET,
        &body,
    )
}

/// A token of a simulator that is called as a service.
pub(crate) async fn genesys_token(genesys: &Genesys) -> String {
    send(genesys, genesys_token_request(""))
        .await
        .access_token()
}
