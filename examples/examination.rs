//! What the doctor does with a patient: a few cheap calls through all three layers, and notes on all that they tell.

use std::{error::Error, time::Duration};

use bytes::Bytes;
use clearance::{
    RateLimitBackoffLayer, Retry401Layer, SkewAuthLayer, rate_limit_backoff, skew_auth,
};
use clearance_oauth::https;
use http::{HeaderValue, Request, Response, header::ACCEPT};
use http_body::Body;
use http_body_util::{BodyExt, Empty, Limited};
use tokio::time::{Instant, sleep, timeout};
use tower::{Service, ServiceBuilder, ServiceExt};

use crate::{
    patient::{Minted, Patient},
    reply::{Failure, Reply},
};

type BoxError = Box<dyn Error + Send + Sync>;

/// Calls made where nothing is in doubt: with the pauses between them the second of `Date` changes at least once.
const CALLS: usize = 5;
/// Calls made where the API's clock is not known to the second by then.
const MOST_CALLS: usize = 8;
/// Calls that meet the same refusal tell no more than these.
const REFUSED_CALLS: usize = 2;
const PAUSE: Duration = Duration::from_millis(300);
/// The longest that one sending of a request may take.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// The longest that a call waits for a rate limit.
const WAIT_AT_MOST: Duration = Duration::from_secs(10);
const LONGEST_BODY: usize = 1024 * 1024;

/// All that was found out.
pub(crate) struct Notes {
    /// The API, such as `https://api.example.com`.
    pub(crate) api: String,
    pub(crate) minted: Vec<Minted>,
    pub(crate) calls: Vec<Call>,
    pub(crate) auth: skew_auth::Status,
    pub(crate) limits: rate_limit_backoff::Status,
}

/// How a call went.
pub(crate) struct Call {
    pub(crate) outcome: Result<Reply, Failure>,
    pub(crate) took: Duration,
}

impl Notes {
    /// How long a limit wants to be waited for, where that was too long.
    pub(crate) fn too_long(&self) -> Option<Duration> {
        self.calls.iter().find_map(|call| match &call.outcome {
            Ok(reply) => reply.retry_after,
            Err(Failure::Limited(limited)) => Some(limited.wait),
            Err(_) => None,
        })
    }

    pub(crate) fn replies(&self) -> impl Iterator<Item = &Reply> {
        self.calls
            .iter()
            .filter_map(|call| call.outcome.as_ref().ok())
    }
}

/// Makes the calls, and hands each outcome in a word or two to `tell` as it comes.
pub(crate) async fn examine(patient: &Patient, tell: impl Fn(&str)) -> Notes {
    let auth = SkewAuthLayer::new(patient.source.clone());
    let limits = RateLimitBackoffLayer::new().max_wait(WAIT_AT_MOST);
    let before_each = patient.before_each.clone();
    let client = ServiceBuilder::new()
        .layer(Retry401Layer::new())
        .layer(limits.clone())
        .layer(auth.clone())
        .timeout(ANSWER_WITHIN)
        .map_request(move |request: Request<Empty<Bytes>>| {
            before_each();
            request
        })
        .service(https());

    let mut notes = Notes {
        api: patient.origin(),
        minted: Vec::new(),
        calls: Vec::new(),
        auth: auth.status(),
        limits: limits.status(),
    };
    while notes.wants_another_call() {
        if !notes.calls.is_empty() {
            sleep(PAUSE).await;
        }
        let begun = Instant::now();
        let outcome = call(&client, patient).await;
        let call = Call {
            outcome,
            took: begun.elapsed(),
        };
        tell(&call.in_short());
        notes.calls.push(call);
        notes.auth = auth.status();
    }
    notes.minted = patient.source.minted();
    notes.limits = limits.status();
    notes
}

impl Notes {
    fn wants_another_call(&self) -> bool {
        let Some(last) = self.calls.last() else {
            return true;
        };
        let Ok(reply) = &last.outcome else {
            return false;
        };
        if reply.retry_after.is_some() {
            return false;
        }
        let host = self.auth.hosts.first();
        let is_vague = host.is_some_and(|host| {
            let error = host.skew.map(|skew| skew.error());
            host.clocks > 1 || error.is_some_and(|error| error > Duration::from_secs(1))
        });
        self.calls.len()
            < match (reply.is_accepted(), is_vague) {
                (false, _) => REFUSED_CALLS,
                (true, false) => CALLS,
                (true, true) => MOST_CALLS,
            }
    }
}

impl Call {
    fn in_short(&self) -> String {
        let outcome = match &self.outcome {
            Ok(reply) => reply.status.as_u16().to_string(),
            Err(Failure::Token(_)) => "no token".to_owned(),
            Err(Failure::Limited(_)) => "not sent".to_owned(),
            Err(Failure::Network(_)) => "no answer".to_owned(),
        };
        if self.took < Duration::from_secs(1) {
            outcome
        } else {
            format!("{outcome} after {:.1} s", self.took.as_secs_f64())
        }
    }
}

async fn call<S, B>(client: &S, patient: &Patient) -> Result<Reply, Failure>
where
    S: Service<Request<Empty<Bytes>>, Response = Response<B>, Error = BoxError> + Clone,
    B: Body<Error: Into<BoxError>>,
{
    let mut request = Request::new(Empty::new());
    *request.uri_mut() = patient.url.clone();
    let json = HeaderValue::from_static("application/json");
    request.headers_mut().insert(ACCEPT, json);
    let (head, body) = client
        .clone()
        .oneshot(request)
        .await
        .map_err(Failure::of)?
        .into_parts();
    // The head says most. A body that does not come in time is done without.
    let body = timeout(ANSWER_WITHIN, Limited::new(body, LONGEST_BODY).collect()).await;
    let body = body.ok().and_then(Result::ok);
    Ok(Reply::read(
        &head,
        &body.map(|body| body.to_bytes()).unwrap_or_default(),
    ))
}
