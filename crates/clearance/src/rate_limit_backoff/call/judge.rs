//! What becomes of a reply: handed up, or waited out.

use std::{sync::Arc, time::Duration};

use clearance_core::retry_after;
use http::{Method, Request, Response};
use tokio::time::Instant;

use super::{
    super::{
        event,
        gate::Seat,
        hint::hint,
        key::Key,
        pace::later,
        pause::Due,
        refusal::{GaveUp, Refusal, RetryAfter, is_accepted, refusal},
        step::with_drift,
    },
    Call, Course, Kept,
};
use crate::{Replay, Waited, grpc, replay::is_idempotent};

/// A longer wait is a quota's rather than a rate's: it concerns only the call that met it.
const LONGEST_SHARED: Duration = Duration::from_secs(60);
/// How long a call waits alone where no time is stated.
const UNSTATED: Duration = Duration::from_secs(1);
/// So often a call is sent before it is given up for being refused while others get through.
const MOST_ATTEMPTS: u32 = 5;

pub(in crate::rate_limit_backoff) enum Outcome<ResB> {
    /// The reply is handed up.
    Final(Response<ResB>),
    /// The call is sent again. The body of the reply is of no interest any more, but may be read for so long.
    Wait(ResB, Duration),
}

impl<S, B: Replay> Call<S, B> {
    /// Whether there is nothing to judge: a success, to a call that met no limit and cannot be of gRPC. Seen in place,
    /// so that the reply is not moved once more.
    #[inline(always)]
    pub(in crate::rate_limit_backoff) fn lets_pass<ResB>(&self, reply: &Response<ResB>) -> bool {
        let may_be_grpc = match &self.kept {
            Kept::Request(kept) => *kept.method() == Method::POST,
            Kept::Note(noted) => noted.is_post,
            Kept::Nothing => true,
        };
        let judges_all = self.core.rules.classifier().is_some();
        reply.status().is_success() && self.course.is_none() && !may_be_grpc && !judges_all
    }

    /// What becomes of this reply.
    #[inline(never)]
    pub(in crate::rate_limit_backoff) fn judge<ResB>(
        &mut self,
        mut reply: Response<ResB>,
    ) -> Outcome<ResB> {
        let (status, headers) = (reply.status(), reply.headers());
        let rules = &self.core.rules;
        let Some(kind) = refusal(status, headers, rules.classifier()) else {
            return self.passed(reply);
        };
        // To be sent again at once is no wait, as with a `Retry-After` of 0.
        let asked = grpc::pushback(headers)
            .filter(|wait| !wait.is_zero())
            .or_else(|| retry_after(headers, || Some(rules.local_now())));
        if kind == Refusal::Busy && (asked.is_none() || !self.is_idempotent()) {
            return self.passed(reply);
        }

        let (now, round, is_void) = (Instant::now(), self.round, self.is_void());
        let core = Arc::clone(&self.core);
        let (seat, attempts) = self.seated(now);
        core.renew(seat);
        seat.count_refused(now);
        let alone = match asked {
            asked if is_void => Some(asked.unwrap_or(UNSTATED)),
            asked => asked.filter(|asked| kind == Refusal::Busy || *asked > LONGEST_SHARED),
        };
        let until = match alone {
            // Asked for a moment again and again, a call alone takes longer each time.
            Some(asked) if attempts > 1 => {
                let least = Duration::from_secs(1 << (attempts - 2).min(5));
                later(now, with_drift(asked.max(least)))
            }
            Some(asked) => later(now, with_drift(asked)),
            None => seat.limited(now, round, asked),
        };
        let hint = hint(reply.headers()).filter(|_| !is_void);
        hint.iter().for_each(|hint| seat.hinted(now, *hint));
        // A call that is not alone waits for its turn, too.
        let (due, not_before) = match alone {
            Some(_) => (Due::at(until), until),
            None => (seat.expected(now), now),
        };
        let ahead = due.turn - now;
        let key = Arc::clone(seat.key());
        match self.may_wait(now, due) {
            Ok(request) => {
                // Time must be left to send it.
                let mut reading = ahead;
                if let Some(course) = &mut self.course {
                    reading = reading.max((course.latest(now) - now) / 2);
                    course.wait(request, now, not_before);
                }
                // It joins the line at once, not when its reply is drained.
                self.ask(now);
                event::held(&key, Some(status), ahead, attempts);
                Outcome::Wait(reply.into_body(), reading)
            }
            Err(reason) => {
                self.seat().iter().for_each(|seat| seat.count_given_up());
                event::gave_up(&key, status, ahead, attempts, reason);
                let told = RetryAfter(asked.unwrap_or(ahead));
                reply.extensions_mut().insert(told);
                self.finish(reply)
            }
        }
    }

    fn finish<ResB>(&self, mut reply: Response<ResB>) -> Outcome<ResB> {
        if let Some(course) = &self.course {
            if course.waited.attempts > 1 || !course.waited.total.is_zero() {
                reply.extensions_mut().insert(course.waited);
            }
        }
        Outcome::Final(reply)
    }

    fn passed<ResB>(&self, reply: Response<ResB>) -> Outcome<ResB> {
        if let Some(seat) = self.seat().filter(|_| !self.is_void()) {
            if is_accepted(reply.status(), reply.headers()) {
                seat.accepted(Instant::now(), self.round);
            }
            if let Some(hint) = hint(reply.headers()) {
                seat.hinted(Instant::now(), hint);
            }
        }
        self.finish(reply)
    }

    /// Whether the call was sent with the token of an earlier generation, whose limits concern nobody any more.
    fn is_void(&self) -> bool {
        let sent = self.course.as_ref().and_then(|course| course.generation);
        sent.is_some_and(|sent| self.core.rules.generation() != Some(sent))
    }

    fn is_idempotent(&self) -> bool {
        match &self.kept {
            Kept::Request(kept) => {
                let head = kept.head();
                is_idempotent(&head.method, &head.headers)
            }
            Kept::Note(noted) => noted.is_idempotent,
            Kept::Nothing => false,
        }
    }

    fn seat(&self) -> Option<&Seat> {
        self.course.as_ref()?.seat.as_ref()
    }

    /// The seat of a call that was refused, and how often it was sent.
    fn seated(&mut self, now: Instant) -> (&mut Seat, u32) {
        let Self {
            core, kept, course, ..
        } = self;
        let course = course.get_or_insert_with(|| {
            let deadline = match kept {
                Kept::Request(kept) => kept.deadline(),
                _ => None,
            };
            let once = Waited {
                attempts: 1,
                ..Waited::default()
            };
            Box::new(Course::new(core.rules.max_wait, once, deadline))
        });
        let Course {
            seat, key, waited, ..
        } = &mut **course;
        let seat = seat.get_or_insert_with(|| {
            let key = key.take().unwrap_or_else(|| match kept {
                Kept::Request(kept) => core.rules.key(&kept.head()),
                Kept::Note(noted) => noted.key.key(),
                Kept::Nothing => Key::default(),
            });
            Seat::new(core.gates.enter(&key, now))
        });
        (seat, waited.attempts)
    }

    /// The request once more, if waiting for its turn is within all bounds. The call counts as held then.
    fn may_wait(&mut self, now: Instant, due: Due) -> Result<Request<B>, GaveUp> {
        let Some(course) = self.course.as_deref_mut() else {
            unreachable!("a call that was refused has a seat");
        };
        if due.turn > course.latest(now) {
            return Err(GaveUp::TooLong);
        }
        let Course { seat, waited, .. } = course;
        if waited.attempts >= MOST_ATTEMPTS && seat.as_ref().is_some_and(Seat::others_got_through) {
            return Err(GaveUp::Unlucky);
        }
        // Before the copy is asked for, since that cuts off what is still being sent.
        let most = self.core.rules.max_held;
        if !seat.as_mut().is_some_and(|seat| seat.hold(most)) {
            return Err(GaveUp::Crowded);
        }
        let again = match &self.kept {
            Kept::Request(kept) => kept.again(),
            _ => None,
        };
        if again.is_none() {
            seat.iter_mut().for_each(Seat::release);
        }
        again.ok_or(GaveUp::Unrepeatable)
    }
}
