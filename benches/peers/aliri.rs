//! `aliri_tokens`: a token that its watcher holds, and that the caller formats as its example does.

use aliri_tokens::{
    AccessToken, TokenWatcher, backoff::ErrorBackoffConfig, jitter::NullJitter,
    sources::ConstTokenSource,
};
use benches::{
    bare::{Bare, Body},
    load::Case,
};
use http::{HeaderValue, Request, header::AUTHORIZATION};
use tokio::runtime::Runtime;
use tower::ServiceExt;

use crate::{Run, service};

pub(crate) fn run(runtime: &Runtime, with: bool) -> Run {
    let bare = Bare::default();
    if !with {
        return service(bare);
    }
    let source = ConstTokenSource::new(AccessToken::from(Case::COMMON.token()));
    let backoff = ErrorBackoffConfig::default();
    let watcher = TokenWatcher::spawn_from_token_source(source, NullJitter, backoff);
    let watcher = runtime.block_on(watcher).expect("a token");
    service(ServiceExt::<Request<Body>>::map_request(
        bare,
        move |mut request: Request<Body>| {
            let value = format!("Bearer {}", watcher.token().access_token().as_str());
            let value = HeaderValue::from_str(&value).expect("a valid token");
            request.headers_mut().insert(AUTHORIZATION, value);
            request
        },
    ))
}
