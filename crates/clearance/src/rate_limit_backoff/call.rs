//! One call: what it carries from one sending to the next, and how it passes the gate.

mod judge;

use std::{
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use http::Request;
use tokio::time::Instant;
use tower_service::Service;

use super::{
    MaxWait, event,
    gate::Seat,
    key::{Key, Noted},
    pace::later,
    pause::Due,
    refusal::{Limit, RateLimited},
    service::Core,
};
use crate::{Replay, Waited, grpc, replay::KeptRequest};

pub(super) use self::judge::Outcome;

/// From its first sending to the reply that is handed up.
pub(super) struct Call<S, B> {
    core: Arc<Core<S>>,
    /// `None`: not sent yet, or with a body that cannot be sent twice.
    kept: Option<KeptRequest<B>>,
    /// Where it was needed already, or cannot be had from `kept` later.
    key: Option<Noted>,
    /// Of a call that met a limit.
    seat: Option<Seat>,
    /// The round of refusals that had begun last when the call was sent.
    round: u64,
    waited: Waited,
    max_wait: Duration,
    /// Of a gRPC call: when nobody waits for its reply any more.
    deadline: Option<Instant>,
    wait: Option<Box<Wait<S, B>>>,
}

/// From the moment in which a call is held to its next sending.
struct Wait<S, B> {
    request: Request<B>,
    since: Instant,
    /// The time that was stated to this very call.
    not_before: Instant,
    /// From when on it has waited as long as it may.
    latest: Instant,
    /// What it will be sent by; here only while it is made ready.
    service: Option<S>,
}

pub(super) enum Next<F> {
    Sent(F),
    Hold(Turn),
}

/// When a call that waits may be made ready and sent.
pub(super) enum Turn {
    Now,
    At(Instant),
    Never(RateLimited),
}

impl<S, B> Call<S, B> {
    pub(super) fn new(core: Arc<Core<S>>, request: &Request<B>) -> Self {
        let wishes = request.extensions();
        let spent = wishes.get::<Waited>();
        let max_wait = wishes.get::<MaxWait>().map(|wish| wish.0);
        Self {
            max_wait: max_wait.unwrap_or(core.rules.max_wait),
            core,
            kept: None,
            key: None,
            seat: None,
            round: 0,
            waited: spent.copied().unwrap_or_default(),
            deadline: grpc::deadline(request),
            wait: None,
        }
    }

    pub(super) fn turn(&mut self) -> Turn {
        let now = Instant::now();
        self.ask(now).map_or(Turn::Now, |due| self.hold(now, due))
    }

    /// What to wait for, if the call cannot be sent now. It is in line from the first time on.
    fn ask(&mut self, now: Instant) -> Option<Due> {
        let (wait, seat) = (self.wait.as_ref()?, self.seat.as_mut()?);
        if now < wait.not_before {
            return Some(Due::at(wait.not_before));
        }
        self.core.renew(seat);
        seat.ask(now)
    }

    /// Until its turn comes, unless that is too late.
    fn hold(&mut self, now: Instant, due: Due) -> Turn {
        let latest = self.wait.as_ref().map_or(now, |wait| wait.latest);
        if now < latest && due.turn <= latest {
            return Turn::At(due.again.min(latest));
        }
        self.refuse(due.turn - now, Limit::Deadline)
    }

    /// The call is not sent, or not again. It leaves the line with its seat.
    fn refuse(&mut self, wait: Duration, limit: Limit) -> Turn {
        let Some(seat) = self.seat.take() else {
            unreachable!("only a call with a seat is held");
        };
        self.wait = None;
        seat.count_given_up();
        let error = RateLimited::new(seat.key(), wait, limit);
        event::refused(seat.key(), &error, self.waited.attempts);
        Turn::Never(error)
    }

    fn wait(&mut self, request: Request<B>, now: Instant, not_before: Instant) {
        self.wait = Some(Box::new(Wait {
            request,
            since: now,
            not_before,
            latest: self.latest(now),
            service: None,
        }));
    }

    /// When a call that is held from now on has waited as long as it may.
    fn latest(&self, now: Instant) -> Instant {
        let latest = later(now, self.max_wait.saturating_sub(self.waited.total));
        self.deadline
            .map_or(latest, |deadline| deadline.min(latest))
    }

    fn tell(&self, event: impl FnOnce(&Key)) {
        if let Some(seat) = &self.seat {
            event(seat.key());
        }
    }
}

impl<S, B: Replay> Call<S, B> {
    /// The gate on the way in: the request, to be sent at once, or its turn. Unless some key is limited it is
    /// one atomic load.
    pub(super) fn admit(&mut self, request: Request<B>) -> Result<Request<B>, Turn> {
        let sight = self.core.gates.sight();
        self.round = sight.round;
        if sight.clear {
            return Ok(self.keep(request));
        }
        let now = Instant::now();
        let (head, body) = request.into_parts();
        let key = self.core.rules.key(&head);
        let request = Request::from_parts(head, body);
        let gate = self.core.gates.find(&key, now);
        self.key = Some(Noted::Key(key));
        let Some(mut seat) = gate.map(Seat::new) else {
            return Ok(self.keep(request));
        };
        self.core.renew(&seat);
        let Some(due) = seat.pass(now) else {
            self.seat = Some(seat).filter(Seat::met_limit);
            return Ok(self.keep(request));
        };
        let ahead = due.turn - now;
        event::held(seat.key(), None, ahead, self.waited.attempts);
        let has_room = seat.hold(self.core.rules.max_held);
        self.seat = Some(seat);
        if !has_room {
            return Err(self.refuse(ahead, Limit::Crowd));
        }
        self.wait(request, now, now);
        Err(self.hold(now, due))
    }

    /// Before every sending.
    fn keep(&mut self, request: Request<B>) -> Request<B> {
        self.waited.attempts = self.waited.attempts.saturating_add(1);
        if self.kept.is_some() {
            return request;
        }
        self.kept = KeptRequest::of(&request);
        if self.kept.is_some() || self.key.is_some() {
            return request;
        }
        // Its refusal holds the others of its key, and then nothing is left to tell the key by.
        let (request, key) = self.core.rules.note_key(request);
        self.key = Some(key);
        request
    }

    /// Makes the inner service ready and sends, if the gate still allows it then.
    pub(super) fn poll_send(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Next<S::Future>, S::Error>>
    where
        S: Service<Request<B>> + Clone,
    {
        let Some(mut wait) = self.wait.take() else {
            unreachable!("only a call that waits is made ready");
        };
        let unready = || self.core.unready();
        let mut service = wait.service.take().unwrap_or_else(unready);
        let Poll::Ready(ready) = service.poll_ready(cx) else {
            wait.service = Some(service);
            self.wait = Some(wait);
            return Poll::Pending;
        };
        ready?;

        // Read last: from here to the call nothing is awaited.
        self.round = self.core.gates.sight().round;
        let now = Instant::now();
        let due = self.seat.as_mut().and_then(|seat| seat.pass(now));
        if let Some(due) = due {
            // The readiness goes back with the service.
            self.wait = Some(wait);
            return Poll::Ready(Ok(Next::Hold(self.hold(now, due))));
        }
        let waited = now - wait.since;
        self.waited.total = self.waited.total.saturating_add(waited);
        let mut request = self.keep(wait.request);
        grpc::tell_deadline(request.headers_mut(), self.deadline);
        self.tell(|key| event::sent(key, waited, self.waited.attempts));
        Poll::Ready(Ok(Next::Sent(service.call(request))))
    }
}
