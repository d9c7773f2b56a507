//! One call: what it carries from one sending to the next, and how it passes the gate.

mod course;
mod judge;

use std::{
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use http::Request;
use tokio::time::Instant;
use tower_service::Service;

use self::course::Course;
pub(super) use self::judge::Outcome;
use super::{
    MaxWait, event,
    gate::Seat,
    key::Noted,
    pause::Due,
    refusal::{Limit, RateLimited},
    service::Core,
};
use crate::{
    Replay, Waited, grpc,
    replay::{Head, KeptRequest},
};

/// From its first sending to the reply that is handed up.
pub(super) struct Call<S, B> {
    core: Arc<Core<S>>,
    kept: Kept<B>,
    /// The round of refusals that had begun last when the call was sent.
    round: u64,
    /// Boxed, as few calls come to more than one sending.
    course: Option<Box<Course<S, B>>>,
}

/// What the call is sent again from.
enum Kept<B> {
    /// It was not sent yet.
    Nothing,
    Request(KeptRequest<B>),
    /// Its body cannot be sent twice. Its refusal holds the others of its key all the same.
    Note(Noted),
}

pub(super) enum Next<F> {
    Sent(F),
    Hold(Turn),
}

/// When a call that waits may be made ready and sent.
pub(super) enum Turn {
    Now,
    At(Instant),
    Never(Box<RateLimited>),
}

impl<S, B> Call<S, B> {
    pub(super) fn new(core: Arc<Core<S>>, request: &Request<B>) -> Self {
        let wishes = request.extensions();
        let (spent, most) = (wishes.get::<Waited>(), wishes.get::<MaxWait>());
        let is_own = spent.is_some() || most.is_some() || core.rules.has_generations();
        let course = is_own.then(|| {
            let max_wait = most.map_or(core.rules.max_wait, |most| most.0);
            let waited = spent.copied().unwrap_or_default();
            Box::new(Course::new(max_wait, waited, grpc::deadline(request)))
        });
        Self {
            core,
            kept: Kept::Nothing,
            round: 0,
            course,
        }
    }

    pub(super) fn turn(&mut self) -> Turn {
        let now = Instant::now();
        if self
            .course
            .as_ref()
            .is_some_and(|course| course.is_over(now))
        {
            return self.refuse(Duration::ZERO, Limit::Deadline);
        }
        self.ask(now).map_or(Turn::Now, |due| self.hold(now, due))
    }

    /// What to wait for, if the call cannot be sent now. It is in line from the first time on.
    fn ask(&mut self, now: Instant) -> Option<Due> {
        let course = self.course.as_mut()?;
        let (wait, seat) = (course.wait.as_ref()?, course.seat.as_mut()?);
        if now < wait.not_before {
            return Some(Due::at(wait.not_before));
        }
        self.core.renew(seat);
        seat.ask(now)
    }

    /// Until its turn comes, unless that is too late.
    fn hold(&mut self, now: Instant, due: Due) -> Turn {
        let wait = self.course.as_ref().and_then(|course| course.wait.as_ref());
        let latest = wait.map_or(now, |wait| wait.latest);
        if now < latest && due.turn <= latest {
            return Turn::At(due.again.min(latest));
        }
        self.refuse(due.turn - now, Limit::Deadline)
    }

    /// The call is not sent, or not again. It leaves the line with its seat.
    fn refuse(&mut self, wait: Duration, limit: Limit) -> Turn {
        let course = self.course.take();
        let Some((seat, waited)) = course.and_then(|course| Some((course.seat?, course.waited)))
        else {
            unreachable!("only a call with a seat is held");
        };
        seat.count_given_up();
        let error = RateLimited::new(seat.key(), wait, limit);
        event::refused(seat.key(), &error, waited.attempts);
        Turn::Never(Box::new(error))
    }
}

impl<S, B: Replay> Call<S, B> {
    /// The gate on the way in, unless some key is limited: one atomic load.
    pub(super) fn is_clear(&mut self) -> bool {
        let sight = self.core.gates.sight();
        self.round = sight.round;
        sight.clear
    }

    /// The gate of the request's key: the request, to be sent at once, or its turn.
    pub(super) fn admit(&mut self, request: Request<B>) -> Result<Request<B>, Turn> {
        let now = Instant::now();
        let deadline = grpc::deadline(&request);
        let (head, body) = request.into_parts();
        let key = self.core.rules.key(&head);
        let request = Request::from_parts(head, body);
        let gate = self.core.gates.find(&key, now);
        let max_wait = self.core.rules.max_wait;
        let course = self
            .course
            .get_or_insert_with(|| Box::new(Course::new(max_wait, Waited::default(), deadline)));
        course.key = Some(key);
        let Some(mut seat) = gate.map(Seat::new) else {
            return Ok(request);
        };
        self.core.renew(&seat);
        let Some(due) = seat.pass(now) else {
            course.seat = Some(seat).filter(Seat::met_limit);
            return Ok(request);
        };
        let ahead = due.turn - now;
        event::held(seat.key(), None, ahead, course.waited.attempts);
        let has_room = seat.hold(self.core.rules.max_held);
        course.seat = Some(seat);
        if !has_room {
            return Err(self.refuse(ahead, Limit::Crowd));
        }
        course.wait(request, now, now);
        Err(self.hold(now, due))
    }

    /// Before every sending. The head may have been handed over by the layer above.
    pub(super) fn keep(&mut self, request: &Request<B>, handed: Option<Arc<Head>>) {
        if let Some(course) = &mut self.course {
            course.waited.attempts = course.waited.attempts.saturating_add(1);
        }
        self.note_generation();
        if matches!(self.kept, Kept::Nothing) {
            let note = || Kept::Note(self.core.rules.note(request));
            self.kept = KeptRequest::of(request, handed).map_or_else(note, Kept::Request);
        }
    }

    /// Once more after each poll: the layer below may have waited for another token, and chosen that.
    pub(super) fn note_generation(&mut self) {
        if let Some(course) = &mut self.course {
            course.generation = self.core.rules.generation();
        }
    }

    /// Makes the inner service ready and sends, if the gate still allows it then.
    pub(super) fn poll_send(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Next<S::Future>, S::Error>>
    where
        S: Service<Request<B>> + Clone,
    {
        let waiting = self.course.as_mut().and_then(|course| {
            let wait = course.wait.take()?;
            Some((course, wait))
        });
        let Some((course, mut wait)) = waiting else {
            unreachable!("only a call that waits is made ready");
        };
        let unready = || self.core.spare.unready();
        let mut service = wait.service.take().unwrap_or_else(unready);
        let Poll::Ready(ready) = service.poll_ready(cx) else {
            wait.service = Some(service);
            course.wait = Some(wait);
            return Poll::Pending;
        };
        if let Err(error) = ready {
            // Whoever keeps the future that ends here keeps no place by it.
            self.course = None;
            return Poll::Ready(Err(error));
        }

        // Read last: from here to the call nothing is awaited.
        self.round = self.core.gates.sight().round;
        let now = Instant::now();
        if course.is_over(now) {
            return Poll::Ready(Ok(Next::Hold(self.refuse(Duration::ZERO, Limit::Deadline))));
        }
        let due = course.seat.as_mut().and_then(|seat| seat.pass(now));
        if let Some(due) = due {
            // The readiness goes back with the service.
            course.wait = Some(wait);
            return Poll::Ready(Ok(Next::Hold(self.hold(now, due))));
        }
        let waited = now - wait.since;
        course.waited.total = course.waited.total.saturating_add(waited);
        let deadline = course.deadline;
        let mut request = wait.request;
        self.keep(&request, None);
        grpc::tell_deadline(request.headers_mut(), deadline);
        if let Some(course) = &self.course {
            course.tell(|key| event::sent(key, waited, course.waited.attempts));
        }
        Poll::Ready(Ok(Next::Sent(service.call(request))))
    }
}
