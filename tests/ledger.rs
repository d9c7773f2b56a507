//! A book of every call: what its caller was told, and what became of each of its sends at the server.
//!
//! A call has a number, which it carries in a header field, and each of its sends has another. The caller's end, the
//! service just above the client and the server all write into the one book. When a call has ended its page is judged
//! and torn out, so that the book stays as small as what is under way.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard},
};

use http::{HeaderMap, HeaderName, Request};

pub(crate) const CALL: HeaderName = HeaderName::from_static("x-call");
pub(crate) const SEND: HeaderName = HeaderName::from_static("x-send");

#[derive(Default)]
pub(crate) struct Ledger {
    pages: Mutex<HashMap<u64, Vec<Send>>>,
    totals: Mutex<Totals>,
}

/// One send.
#[derive(Debug)]
struct Send {
    number: u64,
    arrived: u32,
    executed: u32,
    verdict: Verdict,
}

/// How the server ended an exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Not yet, or never.
    Open,
    /// In whole.
    Answered(u16),
    /// The head and a part of the body.
    CutShort(u16),
    /// The connection was closed without an answer.
    Reset,
}

/// What a caller was told.
#[derive(Debug)]
#[expect(dead_code, reason = "the texts are shown where something is wrong")]
pub(crate) enum Told {
    /// A status, and whether the body came whole, as far as it was read. The send whose reply it is, if the body says so.
    Reply {
        status: u16,
        whole: bool,
        of: Option<u64>,
    },
    /// No token could be had.
    NoToken(String),
    /// A limit would have taken too long.
    Limited(String),
    /// The client failed.
    Broken(String),
    /// Nothing: it gave up.
    GaveUp,
}

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Totals {
    pub(crate) calls: u64,
    pub(crate) sends: u64,
    pub(crate) ok: u64,
    pub(crate) replayed: u64,
    /// Executed and refused all the same, so that it was executed once more.
    pub(crate) executed_twice: u64,
    pub(crate) broken: u64,
    pub(crate) no_token: u64,
    pub(crate) limited: u64,
    pub(crate) gave_up: u64,
    pub(crate) returned_401: u64,
    pub(crate) returned_429: u64,
}

impl Ledger {
    pub(crate) fn begun(&self, call: u64) {
        let page = self.pages().insert(call, Vec::new());
        assert!(page.is_none(), "call {call} has begun twice");
    }

    pub(crate) fn sent<B>(&self, request: &Request<B>, number: u64) {
        let call = number_in(request.headers(), &CALL);
        let mut pages = self.pages();
        let page = pages.get_mut(&call);
        page.expect("a call that has ended is sent").push(Send {
            number,
            arrived: 0,
            executed: 0,
            verdict: Verdict::Open,
        });
    }

    pub(crate) fn arrived(&self, headers: &HeaderMap) {
        self.at(headers, |send| send.arrived += 1);
    }

    pub(crate) fn executed(&self, headers: &HeaderMap) {
        self.at(headers, |send| send.executed += 1);
    }

    pub(crate) fn ended(&self, headers: &HeaderMap, verdict: Verdict) {
        self.at(headers, |send| send.verdict = verdict);
    }

    fn at(&self, headers: &HeaderMap, write: impl FnOnce(&mut Send)) {
        let (call, number) = (number_in(headers, &CALL), number_in(headers, &SEND));
        let mut pages = self.pages();
        let page = pages.get_mut(&call);
        let page = page.expect("a call that has ended arrives at the server");
        let send = page.iter_mut().find(|send| send.number == number);
        write(send.expect("a send that was not sent arrives"));
    }

    /// Judges the page of a call. One that gave up is judged when nothing can be under way any more.
    ///
    /// # Panics
    ///
    /// If the call was lost, or done twice, or its caller was told something else than the server did.
    pub(crate) fn settle(&self, call: u64, told: &Told) {
        let page = self.pages().remove(&call).expect("it has begun");
        let wrong = |what: &str| panic!("call {call}: {what}: {told:?}, {page:?}");
        let (last, earlier) = match page.split_last() {
            Some((last, earlier)) => (Some(last), earlier),
            None => (None, &[][..]),
        };
        for send in &page {
            if send.arrived > 1 || send.executed > 1 {
                wrong("one send was received twice");
            }
        }
        for send in earlier {
            // A send again is only justified by a refusal.
            if !matches!(send.verdict, Verdict::Answered(401 | 429 | 503)) {
                wrong("it was sent again without having been refused");
            }
        }
        let verdict = last.map(|last| last.verdict);
        let executed = last.is_some_and(|last| last.executed == 1);
        let refused = matches!(verdict, None | Some(Verdict::Answered(401 | 429 | 503)));
        match told {
            Told::Reply { status, whole, of } => {
                let expected = if *whole {
                    Verdict::Answered(*status)
                } else {
                    Verdict::CutShort(*status)
                };
                // Of a body that was not read nobody knows how it would have ended.
                let unread = of.is_none() && verdict == Some(Verdict::CutShort(*status));
                if verdict != Some(expected) && !unread {
                    wrong("the server has not said that");
                }
                if *status == 200 && !executed {
                    wrong("it is said to be done, and is not");
                }
                if of.is_some() && *of != last.map(|last| last.number) {
                    wrong("the reply is another's");
                }
            }
            Told::NoToken(_) | Told::Limited(_) if !refused => {
                wrong("it was sent, and its reply is lost");
            }
            Told::Broken(_) if !last.is_some_and(is_broken) => {
                wrong("the server has not broken the connection");
            }
            _ => {}
        }
        let again = earlier.iter().filter(|send| send.executed == 1).count() as u64;
        let totals = &mut *self.totals.lock().expect("no panic while it is held");
        totals.calls += 1;
        totals.sends += page.len() as u64;
        totals.replayed += earlier.len() as u64;
        totals.executed_twice += again;
        match told {
            Told::Reply { status, .. } => match status {
                200 => totals.ok += 1,
                401 => totals.returned_401 += 1,
                429 => totals.returned_429 += 1,
                _ => {}
            },
            Told::NoToken(_) => totals.no_token += 1,
            Told::Limited(_) => totals.limited += 1,
            Told::Broken(_) => totals.broken += 1,
            Told::GaveUp => totals.gave_up += 1,
        }
    }

    /// How many calls are under way, or were given up and not judged yet.
    pub(crate) fn open(&self) -> usize {
        self.pages().len()
    }

    pub(crate) fn totals(&self) -> Totals {
        *self.totals.lock().expect("no panic while it is held")
    }

    fn pages(&self) -> MutexGuard<'_, HashMap<u64, Vec<Send>>> {
        // What panics here has found an error: the others may go on.
        self.pages
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

/// A client may fail before the server has seen anything, and before the head of a reply that is cut short is out.
fn is_broken(send: &Send) -> bool {
    matches!(send.verdict, Verdict::Reset | Verdict::CutShort(_)) || send.arrived == 0
}

fn number_in(headers: &HeaderMap, name: &HeaderName) -> u64 {
    let value = headers
        .get(name)
        .and_then(|value| value.to_str().ok()?.parse().ok());
    value.expect("every request is numbered")
}
