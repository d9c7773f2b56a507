//! What the two listings have in common: how a page is asked for, and what is counted.

use std::{collections::HashSet, time::Duration};

use bytes::Bytes;
use clearance::{
    RateLimitBackoffLayer, RefusalReason, SkewAuthLayer, Waited, rate_limit_backoff::RetryAfter,
};
use http::{Extensions, Request, Response, StatusCode, header::ACCEPT};
use http_body::Body;
use http_body_util::{BodyExt, Empty, Limited};
use serde_json::Value;
use tower::{Service, ServiceExt};

use crate::{
    narration::{Narrator, seconds},
    problem::Problem,
    simulation::Simulation,
    summary::Summary,
};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// An answer with something in it.
pub(crate) struct Reply {
    pub(crate) json: Value,
    waited: Duration,
}

/// Asks for one page. `None`: 204, there is nothing.
pub(crate) async fn get<S, B>(client: &S, url: &str) -> Result<Option<Reply>, Problem>
where
    S: Service<Request<Empty<Bytes>>, Response = Response<B>, Error = BoxError> + Clone,
    B: Body<Error: Into<BoxError>>,
{
    const LONGEST: usize = 16 * 1024 * 1024;
    let request = Request::get(url)
        .header(ACCEPT, "application/json")
        .body(Empty::new())?;
    let path = request.uri().path().to_owned();
    let sent = client.clone().oneshot(request).await;
    let (head, body) = sent.map_err(|error| Problem::of(&*error))?.into_parts();
    let body = Limited::new(body, LONGEST).collect().await;
    let body = body.map_err(|error| Problem::of(&*error))?.to_bytes();

    let waited = head
        .extensions
        .get::<Waited>()
        .copied()
        .unwrap_or_default()
        .total;
    match head.status {
        StatusCode::NO_CONTENT => Ok(None),
        StatusCode::OK => match serde_json::from_slice(&body) {
            Ok(json) => Ok(Some(Reply { json, waited })),
            Err(_) => Err(Problem::new(format!(
                "GET {path} was answered with no JSON; check the API's address"
            ))),
        },
        status => Err(Problem::new(format!(
            "GET {path} was answered with {status}; {}",
            advice(status, &head.extensions)
        ))),
    }
}

/// What to do about an answer that is none. The layers left their reasons in its extensions.
fn advice(status: StatusCode, extensions: &Extensions) -> String {
    match (
        extensions.get::<RefusalReason>(),
        extensions.get::<RetryAfter>(),
    ) {
        (Some(reason), _) => reason.to_string(),
        (None, Some(RetryAfter(wait))) => format!("try again in {}", seconds(*wait)),
        (None, None) if status.is_server_error() => "try again later".to_owned(),
        (None, None) => {
            "check the API's address, and the roles and permissions of the client".to_owned()
        }
    }
}

/// What has been listed so far.
#[derive(Default)]
pub(crate) struct Tally {
    /// By their ids: nobody is counted twice.
    agents: HashSet<String>,
    total: Option<usize>,
    pages: usize,
    waited: Duration,
    refusals: u64,
}

/// What one page says.
pub(crate) struct Page {
    /// Id and name of each agent.
    pub(crate) agents: Vec<(String, String)>,
    /// How many there are on all pages.
    pub(crate) total: Option<usize>,
}

impl Tally {
    /// Counts a page and tells of it. `false`: it brought nobody new, so there is no end in asking for more.
    pub(crate) fn count<V>(
        &mut self,
        page: &Page,
        reply: &Reply,
        auth: &SkewAuthLayer,
        simulation: Option<&mut Simulation<V>>,
        narrator: &Narrator,
    ) -> bool {
        let status = auth.status();
        if let Some(skew) = status.issuer_skew.filter(|_| self.pages == 0) {
            narrator.say(
                "SkewAuth",
                format_args!("measured the issuer's clock: {skew}"),
            );
        }
        let before = self.agents.len();
        self.agents
            .extend(page.agents.iter().map(|(id, _)| id.clone()));
        self.total = page.total.or(self.total);
        self.pages += 1;
        self.waited += reply.waited;

        let (first, last) = (page.agents.first(), page.agents.last());
        let names = first
            .zip(last)
            .map(|((_, first), (_, last))| format!(", {first} to {last}"));
        let cured = if status.refusals > self.refusals {
            "; 401 cured"
        } else {
            ""
        };
        self.refusals = status.refusals;
        let waited = match reply.waited {
            Duration::ZERO => String::new(),
            waited => format!("; 429 waited out, {}", seconds(waited)),
        };
        let line = format!(
            "page {}: {} agents{}{cured}{waited}",
            self.pages,
            page.agents.len(),
            names.unwrap_or_default()
        );
        narrator.say("(listing)", line);

        if let Some(simulation) = simulation {
            simulation.listed(self.agents.len(), self.total, narrator);
        }
        self.agents.len() > before
    }

    pub(crate) fn summary<V>(
        &self,
        auth: &SkewAuthLayer,
        limits: &RateLimitBackoffLayer,
        simulation: Option<&Simulation<V>>,
    ) -> Summary {
        let status = auth.status();
        Summary {
            agents: self.agents.len(),
            total: self.total.unwrap_or(self.agents.len()),
            refreshes: status.refreshes,
            cured_401: status.refusals,
            cured_429: limits
                .status()
                .keys
                .iter()
                .map(|key| key.refused - key.given_up)
                .sum(),
            waited: self.waited,
            skew: status.issuer_skew,
            counters: simulation.map(|simulation| simulation.counters()),
        }
    }
}
