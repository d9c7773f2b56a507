//! The service.

use std::{
    fmt, mem,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use clearance_core::{Audience, OriginSlot, TokenSource, Withheld};
use http::{HeaderMap, Request, Response, header::AUTHORIZATION};
use tokio::time::Instant;
use tower_service::Service;

use super::{
    BoxError, MinRemaining,
    future::ResponseFuture,
    look::Look,
    sent::{News, Sent},
};
use crate::{
    grpc,
    server_clocks::ServerClocks,
    token_cache::{CachedToken, Fresh, Shared, Terms, Waiting},
};

/// Attaches a bearer token to requests and keeps it fresh. See the [module](super).
#[derive(Clone)]
pub struct SkewAuth<S> {
    inner: S,
    shared: Arc<Shared>,
    fresh: Fresh,
    look: Look,
}

impl<S> SkewAuth<S> {
    pub(super) fn new(inner: S, shared: Arc<Shared>) -> Self {
        let fresh = Fresh::new(shared.clone());
        Self {
            inner,
            shared,
            fresh,
            look: Look::default(),
        }
    }

    /// The inner service.
    pub fn get_ref(&self) -> &S {
        &self.inner
    }

    /// The inner service, to be changed.
    pub fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// The inner service, without the layer.
    pub fn into_inner(self) -> S {
        self.inner
    }
}

impl<S: Clone> SkewAuth<S> {
    /// Gives the readiness back that a call would use up.
    fn give_back(&mut self) {
        let unready = self.inner.clone();
        drop(mem::replace(&mut self.inner, unready));
    }
}

impl<S, B, ResBody> Service<Request<B>> for SkewAuth<S>
where
    S: Service<Request<B>, Response = Response<ResBody>> + Clone,
    S::Error: Into<BoxError>,
{
    type Response = Response<ResBody>;
    type Error = BoxError;
    type Future = ResponseFuture<S, B>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let min = request
            .extensions()
            .get::<MinRemaining>()
            .map_or(Duration::ZERO, |min| min.0);
        let now = self.shared.clocks().local();
        if let Some(token) = self.fresh.token(now) {
            if min.is_zero() || token.outlives(min) {
                let (terms, look) = (Terms::default(), &mut self.look);
                let sent = attach(&mut request, &self.shared, token, terms, now.at, look);
                return ResponseFuture::sent(self.inner.call(request), sent);
            }
        }
        self.call_without_fresh(request, min)
    }
}

impl<S> SkewAuth<S> {
    /// With the token that the cache has, or waits for. Apart, so that the way that all other calls take is short.
    #[inline(never)]
    fn call_without_fresh<B, ResBody>(
        &mut self,
        mut request: Request<B>,
        min: Duration,
    ) -> ResponseFuture<S, B>
    where
        S: Service<Request<B>, Response = Response<ResBody>> + Clone,
        S::Error: Into<BoxError>,
    {
        if request.headers().contains_key(AUTHORIZATION) {
            return ResponseFuture::sent(self.inner.call(request), None);
        }
        // Not fresh: whether there is anything to wait for is asked before the readiness is given up for it.
        let mut waiting = Waiting::until(grpc::deadline(&request));
        if let Some(audience) = self.shared.source().audience() {
            match judge(&audience, &request) {
                Ok(slot) => waiting = waiting.to(slot),
                Err(why) => {
                    tell(why);
                    return ResponseFuture::sent(self.inner.call(request), None);
                }
            }
        }
        match self.shared.try_grant(min, &mut waiting) {
            Some(Ok(grant)) => {
                let now = Instant::now();
                // Whose reply is looked at in any case.
                let (token, terms, look) = (&grant.token, grant.terms, &mut Look::default());
                let sent = attach(&mut request, &self.shared, token, terms, now, look);
                ResponseFuture::sent(self.inner.call(request), sent)
            }
            Some(Err(error)) => {
                self.give_back();
                ResponseFuture::failed(error)
            }
            None => {
                // The reserved slot goes back at once, since the token source may need it.
                self.give_back();
                let unready = self.inner.clone();
                ResponseFuture::waiting(unready, self.shared.clone(), request, min, waiting)
            }
        }
    }
}

impl<S: fmt::Debug> fmt::Debug for SkewAuth<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SkewAuth")
            .field("inner", &self.inner)
            .finish_non_exhaustive()
    }
}

/// Attaches the token, if the request may carry it and has none of its own.
#[inline(always)] // A fifth of what it costs would be the call.
pub(super) fn attach<B>(
    request: &mut Request<B>,
    shared: &Arc<Shared>,
    token: &CachedToken,
    terms: Terms,
    now: Instant,
    look: &mut Look,
) -> Option<Sent> {
    let slot = match token.judge(request) {
        Ok(slot) => slot,
        Err(why) => {
            tell(why);
            if terms.on_trial {
                shared.seat_left(token.id);
            }
            return None;
        }
    };
    if !shared.clocks().has_met(slot, token.id) {
        token.meet(shared.clocks(), slot, request);
    }
    let route = shared.route_of(slot, request.uri());
    // Cheaper than to look first, and then insert.
    if request
        .headers_mut()
        .append(AUTHORIZATION, token.header.clone())
    {
        take_back(request.headers_mut());
        return None;
    }
    let is_due = look.is_due(slot, now);
    let news = News::of(request.method(), token.was_accepted(slot), is_due);
    Some(Sent::new(shared, token, slot, terms, now, route, news))
}

#[cold]
fn tell(withheld: Withheld) {
    tracing::debug!(?withheld, "token not attached");
}

/// The last value of the field goes: the caller's own stay as they were.
#[cold]
fn take_back(headers: &mut HeaderMap) {
    let mut own: Vec<_> = headers.get_all(AUTHORIZATION).iter().cloned().collect();
    own.pop();
    let mut own = own.into_iter();
    own.next()
        .and_then(|first| headers.insert(AUTHORIZATION, first));
    own.for_each(|value| _ = headers.append(AUTHORIZATION, value));
}

fn judge<B>(audience: &Audience, request: &Request<B>) -> Result<OriginSlot, Withheld> {
    audience.admits(request.method(), request.uri(), request.headers())
}

impl CachedToken {
    fn judge<B>(&self, request: &Request<B>) -> Result<OriginSlot, Withheld> {
        // A source that still does not know after a fetch where its tokens may go sends them nowhere.
        self.audience
            .as_ref()
            .map_or(Err(Withheld::OtherOrigin), |audience| {
                judge(audience, request)
            })
    }

    #[cold]
    fn meet<B>(&self, clocks: &ServerClocks, slot: OriginSlot, request: &Request<B>) {
        if let Some(audience) = &self.audience {
            clocks.meet(slot, self.id, audience, request);
        }
    }
}
