//! `azure_core`: its policy for bearer tokens, before one that answers.

use std::sync::Arc;

use azure_core::{
    credentials::{AccessToken, TokenCredential, TokenRequestOptions},
    http::{
        AsyncRawResponse, Context, Method, Request, StatusCode, Url,
        headers::Headers,
        policies::{Policy, PolicyResult, auth::BearerTokenAuthorizationPolicy},
    },
    time::{Duration, OffsetDateTime},
};
use benches::load::Case;

use crate::{Run, now};

#[derive(Debug)]
struct Fixed;

#[async_trait::async_trait]
impl TokenCredential for Fixed {
    async fn get_token(
        &self,
        _: &[&str],
        _: Option<TokenRequestOptions<'_>>,
    ) -> azure_core::Result<AccessToken> {
        let end = OffsetDateTime::now_utc() + Duration::days(1);
        Ok(AccessToken::new(Case::COMMON.token(), end))
    }
}

#[derive(Debug)]
struct Last;

#[async_trait::async_trait]
impl Policy for Last {
    async fn send(
        &self,
        _: &Context,
        request: &mut Request,
        _: &[Arc<dyn Policy>],
    ) -> PolicyResult {
        std::hint::black_box(request);
        let nothing = bytes::Bytes::new();
        Ok(AsyncRawResponse::from_bytes(
            StatusCode::Ok,
            Headers::new(),
            nothing,
        ))
    }
}

pub(crate) fn run(with: bool) -> Run {
    let mut policies: Vec<Arc<dyn Policy>> = vec![Arc::new(Last)];
    if with {
        let scopes = ["https://example.com/.default"];
        let bearer = BearerTokenAuthorizationPolicy::new(Arc::new(Fixed), scopes);
        policies.insert(0, Arc::new(bearer));
    }
    let url: Url = "https://api.example.com/users"
        .parse()
        .expect("a valid address");
    let context = Context::new();
    Box::new(move |requests| {
        for _ in 0..requests {
            let mut request = Request::new(url.clone(), Method::Get);
            let reply = now(policies[0].send(&context, &mut request, &policies[1..]));
            drop(reply.expect("a reply"));
        }
    })
}
