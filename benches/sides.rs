//! The sides that are compared, over any client.

use std::fmt;

use clearance::{
    Audience, RateLimitBackoffLayer, Replay, ReplayBody, ReplayBodyLayer, Retry401Layer,
    SkewAuthLayer,
};
use clearance_test::ScriptedSource;
use http::{Request, Response, Uri};
use tower::{Service, ServiceBuilder, ServiceExt, retry::RetryLayer};
use tower_http::auth::AddAuthorizationLayer;

use crate::{
    bare::Body,
    load::Case,
    textbook::{KeepAClone, TextbookLayer},
};

/// What is put over the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Nothing.
    Bare,
    /// tower-http's `AddAuthorizationLayer`, with a fixed token: what all others are measured by.
    Static,
    /// `SkewAuthLayer`.
    Auth,
    /// `Retry401Layer`.
    Retry401,
    /// `RateLimitBackoffLayer`.
    RateLimit,
    /// `Retry401Layer`, `RateLimitBackoffLayer` and `SkewAuthLayer`.
    Stack,
    /// The same under `ReplayBodyLayer`.
    ReplayStack,
    /// [`Stack`](Self::Stack), with a body that cannot be sent twice.
    OnceStack,
    /// [`RateLimit`](Self::RateLimit), with such a body: what it costs while no limit is in sight, but for the copy of the
    /// request.
    OnceRateLimit,
    /// tower's `Retry`, which keeps a clone of the request, over [`Static`](Self::Static).
    RetryStatic,
    /// Two of them, one for each reason to send again.
    RetryTwiceStatic,
    /// A token behind an async mutex, formatted for each request.
    Textbook,
    /// The same under tower's `Retry`.
    RetryTextbook,
}

impl Side {
    /// All of them.
    pub const ALL: [Self; 13] = [
        Self::Bare,
        Self::Static,
        Self::Auth,
        Self::Retry401,
        Self::RateLimit,
        Self::Stack,
        Self::ReplayStack,
        Self::OnceStack,
        Self::OnceRateLimit,
        Self::RetryStatic,
        Self::RetryTwiceStatic,
        Self::Textbook,
        Self::RetryTextbook,
    ];

    /// What it is called in tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bare => "bare",
            Self::Static => "static header",
            Self::Auth => "SkewAuth",
            Self::Retry401 => "Retry401",
            Self::RateLimit => "RateLimitBackoff",
            Self::Stack => "whole stack",
            Self::ReplayStack => "whole stack + ReplayBody",
            Self::OnceStack => "whole stack, not replayable",
            Self::OnceRateLimit => "RateLimitBackoff, not replayable",
            Self::RetryStatic => "tower Retry + static",
            Self::RetryTwiceStatic => "2 tower Retry + static",
            Self::Textbook => "textbook",
            Self::RetryTextbook => "tower Retry + textbook",
        }
    }

    /// Whether it is one of ours.
    #[must_use]
    pub const fn is_ours(self) -> bool {
        matches!(
            self,
            Self::Auth
                | Self::Retry401
                | Self::RateLimit
                | Self::Stack
                | Self::ReplayStack
                | Self::OnceStack
                | Self::OnceRateLimit
        )
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// What is done with a side, whatever its type.
pub trait Visit {
    /// The body of replies.
    type ResBody;
    /// What comes of it.
    type Out;

    /// Does it.
    fn visit<S>(self, service: S) -> Self::Out
    where
        S: Service<Request<Body>, Response = Response<Self::ResBody>> + Clone + Send + 'static,
        S::Error: fmt::Debug,
        S::Future: Send;
}

/// `side` over [`Bare`](crate::bare::Bare).
pub fn over_bare<V: Visit<ResBody = Body>>(side: Side, case: &Case, visitor: V) -> V::Out {
    let auth = Auth::new(&case.token(), &Uri::from_static(API));
    over(side, &auth, case.bare(), case.bare(), visitor)
}

/// Where the requests over [`Bare`](crate::bare::Bare) go.
pub const API: &str = "https://api.example.com";

/// The token that all sides send.
#[derive(Clone, Debug)]
pub struct Auth {
    token: String,
    audience: Audience,
}

impl Auth {
    /// A token for the origin of `uri` alone, as every source of a platform has.
    ///
    /// # Panics
    ///
    /// If it has none.
    #[must_use]
    pub fn new(token: &str, uri: &Uri) -> Self {
        Self {
            token: token.to_owned(),
            audience: Audience::origin_of(uri).expect("an origin"),
        }
    }
}

/// `side` over a client, which is given twice: for bodies as they are, and for those that `ReplayBodyLayer` makes.
pub fn over<P, R, V, ResBody>(side: Side, auth: &Auth, plain: P, replayed: R, visitor: V) -> V::Out
where
    V: Visit<ResBody = ResBody>,
    P: Service<Request<Body>, Response = Response<ResBody>> + Clone + Send + 'static,
    P::Future: Send,
    P::Error: Into<BoxError> + fmt::Debug,
    R: Service<Request<ReplayBody<Body>>, Response = Response<ResBody>> + Clone + Send + 'static,
    R::Future: Send,
    R::Error: Into<BoxError> + fmt::Debug,
    ResBody: http_body::Body + Unpin + Send + 'static,
{
    let Auth { token, audience } = auth.clone();
    let fixed = AddAuthorizationLayer::bearer(&token);
    let textbook = TextbookLayer::new(&token);
    let auth = SkewAuthLayer::new(ScriptedSource::new([token]).with_audience(audience));
    let stack = ServiceBuilder::new()
        .layer(Retry401Layer::new())
        .layer(RateLimitBackoffLayer::new())
        .layer(auth.clone());
    let retry = RetryLayer::new(KeepAClone);
    let layers = ServiceBuilder::new();
    let once = layers
        .clone()
        .map_request(|request: Request<Body>| request.map(Once));
    let unwrap = |request: Request<Once>| request.map(|body| body.0);
    let unwrapped = plain.clone().map_request(unwrap);
    match side {
        Side::Bare => visitor.visit(plain),
        Side::Static => visitor.visit(layers.layer(fixed).service(plain)),
        Side::Auth => visitor.visit(layers.layer(auth).service(plain)),
        Side::Retry401 => visitor.visit(layers.layer(Retry401Layer::new()).service(plain)),
        Side::RateLimit => visitor.visit(layers.layer(RateLimitBackoffLayer::new()).service(plain)),
        Side::Stack => visitor.visit(stack.service(plain)),
        Side::ReplayStack => {
            let replay = ReplayBodyLayer::new();
            visitor.visit(layers.layer(replay).layer(stack).service(replayed))
        }
        Side::OnceStack => visitor.visit(once.layer(stack).service(unwrapped)),
        Side::OnceRateLimit => {
            visitor.visit(once.layer(RateLimitBackoffLayer::new()).service(unwrapped))
        }
        Side::RetryStatic => visitor.visit(layers.layer(retry).layer(fixed).service(plain)),
        Side::RetryTwiceStatic => {
            let twice = layers.layer(retry.clone()).layer(retry);
            visitor.visit(twice.layer(fixed).service(plain))
        }
        Side::Textbook => visitor.visit(layers.layer(textbook).service(plain)),
        Side::RetryTextbook => visitor.visit(layers.layer(retry).layer(textbook).service(plain)),
    }
}

/// A body that cannot be sent twice.
struct Once(Body);

impl Replay for Once {
    fn again(&self) -> Option<Self> {
        None
    }
}

/// Any error.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;
