//! The API at its worst: which requests it refuses, limits, executes and answers, and which it cuts off.

use std::{io, sync::atomic::Ordering::SeqCst, time::Duration};

use http::{Request, Response, header::AUTHORIZATION};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::time::{Instant, sleep};

use super::Rough;
use crate::{
    ending::Ending,
    ledger::{SEND, Verdict},
};

/// So many requests in so long.
const LIMIT: (u32, Duration) = (100, Duration::from_millis(250));

/// What goes wrong with a request.
#[derive(Clone, Copy)]
enum Trouble {
    None,
    ResetBefore,
    ResetAfter,
    CutBody,
    Busy,
    Error,
    Slow,
}

impl Rough {
    pub(super) async fn api(&self, request: Request<Incoming>) -> io::Result<Response<Ending>> {
        let (head, body) = request.into_parts();
        let headers = &head.headers;
        self.ledger.arrived(headers);
        let body = body.collect().await;
        let ended = |verdict| self.ledger.ended(headers, verdict);
        let reset = || {
            self.counts.resets.fetch_add(1, SeqCst);
            ended(Verdict::Reset);
            Err(io::Error::other("reset"))
        };
        if body.is_err() {
            // Its caller gave up.
            return reset();
        }
        let (trouble, latency, padding) = self.cast();
        sleep(latency).await;
        let reply = |status: u16, text: String| {
            ended(Verdict::Answered(status));
            let reply = Response::builder().status(status);
            (reply, Ending::whole(text))
        };
        let refuse = |status, wait: Duration| {
            let (reply, body) = reply(status, "x".repeat(padding));
            let wait = format!("{:.3}", wait.as_secs_f64());
            Ok(reply.header("retry-after", wait).body(body).unwrap())
        };
        let unauthorised = || {
            self.counts.unauthorised.fetch_add(1, SeqCst);
            let (reply, body) = reply(401, "x".repeat(padding));
            Ok(reply.body(body).unwrap())
        };
        let sent = headers
            .get(AUTHORIZATION)
            .and_then(|it| it.to_str().ok()?.strip_prefix("Bearer "));
        let sent = sent.expect("every request has a token").to_owned();
        if !self.tokens.lock().unwrap().contains(&sent) {
            return unauthorised();
        }
        if let Err(wait) = self.admit() {
            self.counts.limited.fetch_add(1, SeqCst);
            return refuse(429, wait);
        }
        match trouble {
            Trouble::ResetBefore => return reset(),
            Trouble::Busy => {
                self.counts.busy.fetch_add(1, SeqCst);
                return refuse(503, Duration::from_millis(50));
            }
            Trouble::Slow => sleep(Duration::from_millis(300)).await,
            _ => {}
        }
        self.ledger.executed(headers);
        if self.revokes_late.swap(false, SeqCst) {
            self.tokens.lock().unwrap().clear();
            return unauthorised();
        }
        if self.limits_late.swap(false, SeqCst) {
            self.counts.limited.fetch_add(1, SeqCst);
            return refuse(429, Duration::from_millis(20));
        }
        let number = headers[&SEND].to_str().unwrap();
        let text = format!("{number} {}", "x".repeat(padding));
        match trouble {
            Trouble::ResetAfter => reset(),
            Trouble::CutBody => {
                ended(Verdict::CutShort(200));
                Ok(Response::new(Ending::cut(text)))
            }
            Trouble::Error => {
                let (reply, body) = reply(500, text);
                Ok(reply.body(body).unwrap())
            }
            _ => {
                let (reply, body) = reply(200, text);
                Ok(reply.body(body).unwrap())
            }
        }
    }

    fn cast(&self) -> (Trouble, Duration, usize) {
        let mut dice = self.dice();
        let trouble = match dice.u16(..1000) {
            0..4 => Trouble::ResetBefore,
            4..8 => Trouble::ResetAfter,
            8..12 => Trouble::CutBody,
            12..18 => Trouble::Busy,
            18..24 => Trouble::Error,
            24..28 => Trouble::Slow,
            _ => Trouble::None,
        };
        let latency = Duration::from_millis(dice.u64(..20));
        (trouble, latency, dice.usize(..4096))
    }

    /// Whether a request is within the limit, or for how long none is.
    fn admit(&self) -> Result<(), Duration> {
        let (most, length) = LIMIT;
        let (begun, used) = &mut *self.window.lock().unwrap();
        let now = Instant::now();
        if begun.is_none_or(|begun| now >= begun + length) {
            (*begun, *used) = (Some(now), 0);
        }
        *used += 1;
        let left = || begun.map_or(length, |begun| begun + length - now);
        if *used > most { Err(left()) } else { Ok(()) }
    }
}
