//! A token that is on its way with a request, and what the reply says of it.

use std::{mem, sync::Arc};

use clearance_core::{OriginSlot, clock::date_of};
use http::{Method, Response, StatusCode};
use tokio::time::Instant;

use crate::{
    RefusalReason, TokenRefused, challenge, grpc,
    token_cache::{CachedToken, Refusal, Shared, Terms},
};

/// The reply, after what it may have to tell. It is not a reference that is taken, and not inlined, so that a reply with
/// no news is not moved once more.
#[inline(never)]
pub(super) fn answered<B>(sent: Option<Sent>, mut response: Response<B>) -> Response<B> {
    match sent {
        Some(Sent::Plainly(sent)) => sent.answered(Rare::default(), &mut response),
        Some(Sent::With(sent)) => sent.0.answered(sent.1, &mut response),
        // Unless another layer below did attach one, and knows better.
        None if Verdict::of(&response) == Verdict::Refused
            && response.extensions().get::<TokenRefused>().is_none() =>
        {
            let refused = TokenRefused::refused(RefusalReason::NotAttached);
            response.extensions_mut().insert(refused);
        }
        None => {}
    }
    response
}

/// What a reply says of the token that its request carried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Accepted,
    Refused,
    /// Neither: the request may not have come so far.
    Nothing,
}

impl Verdict {
    /// 401 is a refusal, and so is `UNAUTHENTICATED` in a gRPC reply without messages. 407 is a proxy's matter.
    fn of<B>(response: &Response<B>) -> Self {
        let status = response.status();
        if status == StatusCode::UNAUTHORIZED {
            return Self::Refused;
        }
        if !status.is_success() && status != StatusCode::NOT_MODIFIED {
            return Self::Nothing;
        }
        match grpc::status(response.headers()) {
            None | Some(0) => Self::Accepted,
            Some(grpc::UNAUTHENTICATED) => Self::Refused,
            Some(_) => Self::Nothing,
        }
    }
}

/// A token that is on its way with a request.
pub(super) enum Sent {
    Plainly(OnItsWay),
    /// Apart, as few calls have more to tell.
    With(Box<(OnItsWay, Rare)>),
}

pub(super) struct OnItsWay {
    shared: Arc<Shared>,
    at: Instant,
    /// Of the token: as good as its number, in half the space.
    id: u32,
    slot: OriginSlot,
    on_trial: bool,
    news: News,
}

/// What a success may tell that is new: each of these also what those before it may.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum News {
    Nothing,
    /// A refusal by gRPC or gRPC-Web, which send all their calls by `POST`.
    Status,
    /// What the clock of its host shows.
    Date,
    /// That the token is accepted there.
    All,
}

impl News {
    #[inline(always)]
    pub(super) fn of(method: &Method, is_known: bool, is_due: bool) -> Self {
        match *method {
            _ if !is_known => Self::All,
            _ if is_due => Self::Date,
            Method::POST => Self::Status,
            _ => Self::Nothing,
        }
    }
}

#[derive(Clone, Copy, Default)]
pub(super) struct Rare {
    held_since: Option<Instant>,
    /// Where routes are watched.
    route: Option<u64>,
}

impl Sent {
    #[inline]
    pub(super) fn new(
        shared: &Arc<Shared>,
        token: &CachedToken,
        slot: OriginSlot,
        terms: Terms,
        at: Instant,
        route: Option<u64>,
        news: News,
    ) -> Self {
        let mut sent = OnItsWay {
            shared: Arc::clone(shared),
            at,
            id: token.id as u32,
            slot,
            on_trial: terms.on_trial,
            news,
        };
        let held_since = terms.held_since;
        if held_since.is_none() && route.is_none() {
            return Self::Plainly(sent);
        }
        sent.news = news.max(News::Date);
        Self::With(Box::new((sent, Rare { held_since, route })))
    }

    #[inline(always)]
    pub(super) fn is_no_news<B>(&self, response: &Response<B>) -> bool {
        let Self::Plainly(sent) = self else {
            return false;
        };
        sent.news == News::Nothing && response.status().is_success()
    }
}

impl OnItsWay {
    fn answered<B>(mut self, rare: Rare, response: &mut Response<B>) {
        let is_no_grpc = || grpc::status(response.headers()).is_none();
        if self.news == News::Status && response.status().is_success() && is_no_grpc() {
            return;
        }
        let on_trial = mem::take(&mut self.on_trial);
        let (id, verdict) = (self.id(), Verdict::of(response));
        if verdict == Verdict::Refused || response.status() == StatusCode::FORBIDDEN {
            self.shared.mark_repeated(id, response.headers_mut());
        }
        let headers = response.headers();
        self.shared.observe(self.slot, id, headers, self.at);
        match verdict {
            Verdict::Refused => {
                let refused = self.shared.refused(Refusal {
                    id,
                    by: self.slot,
                    sent: self.at,
                    on_trial,
                    challenge: challenge::read(headers),
                    date: date_of(headers),
                    route: rare.route,
                    held_since: rare.held_since,
                });
                tracing::debug!(token = id, advice = %refused.advice(), "token refused");
                response.extensions_mut().insert(refused);
            }
            Verdict::Accepted => {
                let route = rare.route.filter(|route| self.shared.is_watched(*route));
                if on_trial || route.is_some() || self.news == News::All {
                    self.shared.accepted(self.at, id, self.slot, route);
                }
            }
            Verdict::Nothing if on_trial => self.shared.not_refused(id),
            Verdict::Nothing => {}
        }
    }

    fn id(&self) -> u64 {
        self.id.into()
    }
}

impl Drop for OnItsWay {
    /// A call that ends without an answer leaves the trial of its token to the next one.
    fn drop(&mut self) {
        if self.on_trial {
            self.shared.seat_left(self.id());
        }
    }
}
