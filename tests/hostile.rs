//! Issuers that repeat what they were sent, wherever an answer has room for it.
#![allow(clippy::unwrap_used, reason = "test code")]

use std::{error::Error, io};

use bytes::Bytes;
use clearance::{Audience, TokenSource};
use clearance_core::Secret;
use clearance_oauth::{ClientAuthentication, ClientCredentials, TokenEndpoint, TokenRequest};
use http::{Request, Response, header::AUTHORIZATION};
use http_body_util::{BodyExt, Full};
use tower::{service_fn, util::BoxCloneSyncService};

use crate::scenarios::{CLIENT, KEY, TOKEN};

/// Where an answer repeats it.
#[derive(Clone, Copy, Debug)]
enum Place {
    Description,
    Code,
    ContentType,
    Location,
    TokenType,
    Html,
    Broken,
}

const PLACES: [Place; 7] = [
    Place::Description,
    Place::Code,
    Place::ContentType,
    Place::Location,
    Place::TokenType,
    Place::Html,
    Place::Broken,
];

type Issuer = BoxCloneSyncService<Request<Full<Bytes>>, Response<Full<Bytes>>, io::Error>;

/// Tells all errors that come of such issuers.
pub(crate) async fn issuers(tell: impl Fn(&(dyn Error + 'static))) {
    let mut errors = 0;
    for place in PLACES {
        for status in [200, 302, 400, 401, 403, 429, 500, 503] {
            // What only the issuer knows to be a token is told apart by the field that it stands in.
            let sent = if matches!(place, Place::TokenType) {
                4
            } else {
                3
            };
            for nth in 0..sent {
                let issuer = issuer(place, status, nth);
                for how in [ClientAuthentication::Basic, ClientAuthentication::Body] {
                    let url = "https://login.example.com/token?tenant=1";
                    let source = ClientCredentials::new(url, "id-3", CLIENT, Audience::any())
                        .unwrap()
                        .client_authentication(how)
                        .secret_parameter("assertion", KEY)
                        .with_client(issuer.clone());
                    if let Err(error) = source.fetch().await {
                        tell(&error);
                        errors += 1;
                    }
                }
                let request = TokenRequest::json().secret("accessKeySecret", KEY).client(
                    ClientAuthentication::Basic,
                    "id-3",
                    &Secret::from(CLIENT),
                );
                let url = "https://login.example.com/token";
                let endpoint = TokenEndpoint::new(url, issuer).unwrap();
                if let Err(error) = endpoint.ask(&request).await {
                    tell(&error);
                    errors += 1;
                }
            }
        }
    }
    assert!(errors > 500, "{errors}");
}

/// The `nth` of what was sent: the field, the body, each secret as it is; and the token that the answer itself carries.
fn issuer(place: Place, status: u16, nth: usize) -> Issuer {
    BoxCloneSyncService::new(service_fn(
        move |request: Request<Full<Bytes>>| async move {
            let (head, body) = request.into_parts();
            let sent = match nth {
                0 => head
                    .headers
                    .get(AUTHORIZATION)
                    .map_or_else(String::new, |value| {
                        assert!(value.is_sensitive(), "a Basic credential that may be shown");
                        value.to_str().unwrap().to_owned()
                    }),
                1 => {
                    let body = body.collect().await.unwrap().to_bytes();
                    String::from_utf8(body.to_vec()).unwrap()
                }
                2 => format!("{CLIENT} and {KEY}"),
                _ => TOKEN.to_owned(),
            };
            answer(place, status, &sent)
        },
    ))
}

fn answer(place: Place, status: u16, sent: &str) -> io::Result<Response<Full<Bytes>>> {
    let quoted = |text: &str| {
        let escaped = text.replace('\\', "\\\\").replace('"', "\\\"");
        format!("\"{escaped}\"")
    };
    let (sent_json, token) = (quoted(sent), quoted(TOKEN));
    let response = Response::builder().status(status).header("date", "never");
    let (response, body) = match place {
        Place::Description => (
            response,
            format!(r#"{{"error": "invalid_client", "error_description": {sent_json}}}"#),
        ),
        Place::Code => (response, format!(r#"{{"error": {sent_json}}}"#)),
        Place::ContentType => (response.header("content-type", sent), "no JSON".to_owned()),
        Place::Location => {
            let path: String = form_urlencoded::byte_serialize(sent.as_bytes()).collect();
            let to = format!("https://{path}.evil.example/{path}?{path}");
            (response.header("location", to), String::new())
        }
        Place::TokenType => (
            response,
            format!(r#"{{"access_token": {token}, "token_type": {sent_json}, "expires_in": 60}}"#),
        ),
        Place::Html => (response, format!("<html>{sent}</html>")),
        Place::Broken => return Err(io::Error::other(format!("cannot send {sent}"))),
    };
    Ok(response.body(Full::from(body)).unwrap())
}
