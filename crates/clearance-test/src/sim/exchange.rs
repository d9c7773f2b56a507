//! From a request to its answer, by way of what goes wrong.

use std::{future::pending, io, time::Duration};

use bytes::Bytes;
use clearance_core::clock::WallClock;
use http::{
    HeaderValue, Method, Request, Response, StatusCode,
    header::{CACHE_CONTROL, DATE},
};
use tokio::time::sleep;

use super::{
    Body, Endpoint, Fault,
    answer::{self, Answer, since_epoch},
    body::{half, reset_error},
    call::{Call, Door, Hosts},
    world::World,
};

impl World {
    /// Answers a request, if need be badly. Without a `door` its path tells which host is meant.
    pub(crate) async fn exchange(
        &self,
        door: Option<Door>,
        hosts: Hosts,
        request: Request<Bytes>,
    ) -> io::Result<Response<Body>> {
        let endpoint = match (door, self.vendor.endpoint(request.uri().path())) {
            (Some(Door::Login), Endpoint::Api) => Endpoint::Discovery,
            (Some(Door::Api), _) => Endpoint::Api,
            (_, endpoint) => endpoint,
        };
        let call = Call::new(endpoint, hosts, request);
        let in_pause = self.pauses.covers(call.payer(), call.arrived);
        let entry = self.log.arrived(&call, in_pause);

        let fault = self.faults.take(endpoint);
        self.wait(fault.as_ref()).await;
        let mut answer = match &fault {
            Some(Fault::Hang) => pending().await,
            Some(Fault::Reset) => return Err(reset_error()),
            Some(fault) => self
                .instead(&call, fault)
                .unwrap_or_else(|| self.answer(&call)),
            None => self.answer(&call),
        };
        self.stamp(&call, &mut answer);
        self.log.answered(entry, answer.status());
        Ok(answer.map(|data| match &fault {
            _ if call.method == Method::HEAD => Body::default(),
            Some(fault) => spoil(&data, fault),
            None => Body::whole(data),
        }))
    }

    async fn wait(&self, fault: Option<&Fault>) {
        let late = match fault {
            Some(Fault::Slow(late)) => *late,
            _ => Duration::ZERO,
        };
        let wait = self.settings.latency.saturating_add(late);
        if !wait.is_zero() {
            sleep(wait).await;
        }
    }

    /// What is answered in place of the true answer, if the fault is of that kind.
    fn instead(&self, call: &Call, fault: &Fault) -> Option<Answer> {
        let status = |status| StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY);
        Some(match fault {
            // The platforms have a body of its own for this one.
            Fault::Status(401) if call.endpoint == Endpoint::Api => self.vendor.unauthorized(call),
            Fault::Status(code) => self.vendor.error(call, status(*code)),
            Fault::Answer(code, text) => {
                answer::text(status(*code), "application/json", text.clone())
            }
            Fault::Html => answer::html(StatusCode::OK),
            Fault::Throttle(wait, form) => self.throttle(call, *wait, *form),
            _ => return None,
        })
    }

    /// Sets the fields that every answer has.
    fn stamp(&self, call: &Call, answer: &mut Answer) {
        let date = answer::http_date(since_epoch(self.date_clock(call.endpoint).now()));
        let correlation = self.vendor.correlation();
        let fields = [
            (DATE, HeaderValue::from_str(&date)),
            (correlation, HeaderValue::from_str(&call.correlation)),
            (CACHE_CONTROL, HeaderValue::from_str("no-store")),
        ];
        for (name, value) in fields {
            let value = value.expect("dates and ids are made of visible ASCII");
            answer.headers_mut().insert(name, value);
        }
    }
}

/// The body of a good answer after what the fault does to it.
fn spoil(data: &Bytes, fault: &Fault) -> Body {
    match fault {
        Fault::Cut => Body::cut(data),
        Fault::ResetInBody => Body::reset(data),
        Fault::HangInBody => Body::hanging(data),
        Fault::Malformed => Body::whole(half(data)),
        Fault::Oversized => {
            let mut padded = data.to_vec();
            padded.resize(data.len() + (1 << 20), b' ');
            Body::whole(padded.into())
        }
        _ => Body::whole(data.clone()),
    }
}
