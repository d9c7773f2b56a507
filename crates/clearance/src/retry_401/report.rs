//! What is logged of a refusal that stays one.

use http::{Response, StatusCode};

use crate::{RefusalReason, TokenRefused};

/// A reply that is returned without a replay.
pub(super) fn passed_on<B>(response: &Response<B>) {
    returned(response, |response| {
        let reason = response
            .extensions()
            .get::<RefusalReason>()
            .map(ToString::to_string);
        let advice = || {
            response
                .extensions()
                .get::<TokenRefused>()
                .map(TokenRefused::advice)
        };
        reason
            .or_else(advice)
            .unwrap_or_else(|| "the request cannot be sent twice".to_owned())
    });
}

/// The reply to a replay.
pub(super) fn replayed<B>(response: &Response<B>) {
    returned(response, |_| "the replay was refused too".to_owned());
}

fn returned<B>(response: &Response<B>, why: impl FnOnce(&Response<B>) -> String) {
    match response.status() {
        _ if is_refused(response) => unauthorised(response, &why(response)),
        StatusCode::FORBIDDEN => {
            let scope = crate::challenge::wanted_scope(response.headers());
            let scope = scope.as_deref().map_or("not named", cut);
            tracing::warn!(
                correlation_id = correlation_id(response),
                scope,
                "403: the token is good but may not do this; check the client's roles, permissions and scopes"
            );
        }
        _ => {}
    }
}

/// By its status, or by what the layer below makes of it, which for gRPC is more.
fn is_refused<B>(response: &Response<B>) -> bool {
    response.status() == StatusCode::UNAUTHORIZED
        || response.extensions().get::<TokenRefused>().is_some()
}

fn unauthorised<B>(response: &Response<B>, why: &str) {
    tracing::warn!(
        correlation_id = correlation_id(response),
        why,
        "401 returned; check the credentials, the client's roles and scopes, the address and the clocks"
    );
}

/// The identifier by which the server's people find this exchange: `X-Correlation-Id`, `X-Request-Id` and their like.
fn correlation_id<B>(response: &Response<B>) -> Option<&str> {
    let mut fields = response.headers().iter();
    let (_, value) = fields.find(|(name, value)| {
        let name = name.as_str();
        let is_one = ["correlation-id", "correlationid", "request-id", "requestid"]
            .iter()
            .any(|end| name.ends_with(end));
        is_one && !value.is_sensitive()
    })?;
    value.to_str().ok().map(cut)
}

/// What a server writes is of any length.
fn cut(text: &str) -> &str {
    text.get(..200).unwrap_or(text)
}
