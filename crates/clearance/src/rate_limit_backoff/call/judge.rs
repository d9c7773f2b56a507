//! What becomes of a reply: handed up, or waited out.

use std::{sync::Arc, time::Duration};

use clearance_core::retry_after;
use http::{Request, Response};
use tokio::time::Instant;

use super::{
    super::{
        event,
        gate::Seat,
        hint::hint,
        key::Noted,
        pace::later,
        pause::{Due, with_drift},
        refusal::{GaveUp, Refusal, RetryAfter, is_accepted, refusal},
    },
    Call,
};
use crate::{
    Replay, grpc,
    replay::{KeptRequest, is_idempotent},
};

/// A longer wait is a quota's rather than a rate's: it concerns only the call that met it.
const LONGEST_SHARED: Duration = Duration::from_secs(60);
/// So often a call is sent before it is given up for being refused while others get through.
const MOST_ATTEMPTS: u32 = 5;

pub(in crate::rate_limit_backoff) enum Outcome<ResB> {
    Final(Response<ResB>),
    /// The call is sent again later. This body is of no interest any more.
    Wait(ResB),
}

impl<S, B: Replay> Call<S, B> {
    /// What becomes of this reply.
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

        let (now, round, attempts) = (Instant::now(), self.round, self.waited.attempts);
        let core = Arc::clone(&self.core);
        let seat = self.seated(now);
        core.renew(seat);
        seat.count_refused(now);
        let alone = asked.filter(|asked| kind == Refusal::Busy || *asked > LONGEST_SHARED);
        let until = match alone {
            // Asked for a moment again and again, a call alone takes longer each time.
            Some(asked) if attempts > 1 => {
                let least = Duration::from_secs(1 << (attempts - 2).min(5));
                later(now, with_drift(asked.max(least)))
            }
            Some(asked) => later(now, with_drift(asked)),
            None => seat.limited(now, round, asked),
        };
        hint(reply.headers())
            .iter()
            .for_each(|hint| seat.hinted(now, *hint));
        // A call that is not alone waits for its turn, too.
        let (due, not_before) = match alone {
            Some(_) => (Due::at(until), until),
            None => (seat.expected(now), now),
        };
        let ahead = due.turn - now;
        match self.may_wait(now, due) {
            Ok(request) => {
                self.wait(request, now, not_before);
                // It joins the line at once, not when its reply is drained.
                self.ask(now);
                self.tell(|key| event::held(key, Some(status), ahead, attempts));
                Outcome::Wait(reply.into_body())
            }
            Err(reason) => {
                self.seat.iter().for_each(Seat::count_given_up);
                self.tell(|key| event::gave_up(key, status, ahead, attempts, reason));
                let told = RetryAfter(asked.unwrap_or(until - now));
                reply.extensions_mut().insert(told);
                Outcome::Final(self.finish(reply))
            }
        }
    }

    /// `reply` as it is handed up.
    fn finish<ResB>(&self, mut reply: Response<ResB>) -> Response<ResB> {
        if self.waited.attempts > 1 || !self.waited.total.is_zero() {
            reply.extensions_mut().insert(self.waited);
        }
        reply
    }

    fn passed<ResB>(&self, reply: Response<ResB>) -> Outcome<ResB> {
        if let Some(seat) = &self.seat {
            if is_accepted(reply.status(), reply.headers()) {
                seat.accepted(Instant::now(), self.round);
            }
            if let Some(hint) = hint(reply.headers()) {
                seat.hinted(Instant::now(), hint);
            }
        }
        Outcome::Final(self.finish(reply))
    }

    fn is_idempotent(&self) -> bool {
        let head = self.kept.as_ref().map(KeptRequest::head);
        head.is_some_and(|head| is_idempotent(&head.method, &head.headers))
    }

    fn seated(&mut self, now: Instant) -> &mut Seat {
        let Self {
            core, key, kept, ..
        } = self;
        self.seat.get_or_insert_with(|| {
            let head = || kept.as_ref().map(|kept| core.rules.key(&kept.head()));
            let key = key.take().map(Noted::key).or_else(head).unwrap_or_default();
            Seat::new(core.gates.enter(&key, now))
        })
    }

    /// The request once more, if waiting for its turn is within all bounds. The call counts as held then.
    fn may_wait(&mut self, now: Instant, due: Due) -> Result<Request<B>, GaveUp> {
        if due.turn > self.latest(now) {
            return Err(GaveUp::TooLong);
        }
        let (rules, waited) = (&self.core.rules, self.waited);
        if waited.attempts >= MOST_ATTEMPTS
            && self.seat.as_ref().is_some_and(Seat::others_got_through)
        {
            return Err(GaveUp::Unlucky);
        }
        // Before the copy is asked for, since that cuts off what is still being sent.
        let hold = |seat: &mut Seat| seat.hold(rules.max_held);
        if !self.seat.as_mut().is_some_and(hold) {
            return Err(GaveUp::Crowded);
        }
        let again = self.kept.as_ref().and_then(KeptRequest::again);
        if again.is_none() {
            self.seat.iter_mut().for_each(Seat::release);
        }
        again.ok_or(GaveUp::Unrepeatable)
    }
}
