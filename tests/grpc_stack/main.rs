//! gRPC over the whole stack on loopback sockets: a generated client over tonic's `Channel`, in real time.
#![allow(
    clippy::unwrap_used,
    clippy::needless_pass_by_value,
    reason = "test code"
)]

#[path = "../../examples/grpc/agents.rs"]
mod agents;
mod api;
mod deadlines;
mod failing_source;
mod lowered;
mod push_backs;
mod refusals;
mod rules;
mod seen;
#[path = "../../examples/grpc/status.rs"]
mod status;
mod streams;
mod uncured;

use std::{future::Future, time::Duration};

use agents::{Agent, AgentsClient as Client, GetRequest};
use bytes::Bytes;
use clearance::{RateLimitBackoffLayer, ReplayBody, ReplayBodyLayer, Retry401Layer, SkewAuthLayer};
use clearance_test::ScriptedSource;
use prost::Message;
use status::status_of;
use tokio::time::timeout;
use tonic::{Request, Status, body::Body, client::GrpcService, transport::Channel};
use tower::ServiceBuilder;

const MILLISECOND: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);

/// Every test is over long before, or hangs.
const DEADLINE: Duration = Duration::from_secs(30);

async fn within<T>(future: impl Future<Output = T>) -> T {
    timeout(DEADLINE, future).await.expect("hangs")
}

fn agent(id: impl ToString) -> Agent {
    let id = id.to_string();
    let name = format!("agent {id}");
    Agent {
        id,
        name,
        photo: Bytes::new(),
    }
}

/// So many agents of about a kibibyte each, no two alike.
fn crowd(count: u32) -> Vec<Agent> {
    let photo = |of: u32| (0..1024).map(|at: u32| (at * 31 + of * 7) as u8).collect();
    (0..count)
        .map(|of| Agent {
            photo: photo(of),
            ..agent(of)
        })
        .collect()
}

fn encoded(agents: &[Agent]) -> Vec<Vec<u8>> {
    agents.iter().map(Message::encode_to_vec).collect()
}

fn get(id: impl ToString) -> GetRequest {
    let id = id.to_string();
    GetRequest { id }
}

/// What a generated client needs below it, to be cloned and called from tasks.
trait Stack:
    GrpcService<Body, ResponseBody = Body, Error = Status, Future: Send> + Clone + Send + 'static
{
}

impl<S> Stack for S where
    S: GrpcService<Body, ResponseBody = Body, Error = Status, Future: Send>
        + Clone
        + Send
        + 'static
{
}

/// The recommended stack under a generated client.
fn client(channel: Channel, auth: &SkewAuthLayer) -> Client<impl Stack + use<>> {
    limited_client(channel, auth, &RateLimitBackoffLayer::new())
}

fn limited_client(
    channel: Channel,
    auth: &SkewAuthLayer,
    limits: &RateLimitBackoffLayer,
) -> Client<impl Stack + use<>> {
    Client::new(
        ServiceBuilder::new()
            .map_err(status_of)
            .layer(ReplayBodyLayer::new())
            .layer(Retry401Layer::new())
            .layer(limits.clone())
            .layer(auth.clone())
            .map_request(|request: http::Request<ReplayBody<Body>>| request.map(Body::new))
            .service(channel),
    )
}

/// The first token is refused by [`rules::all_but`]`("stale")`.
fn stale_then_fresh() -> ScriptedSource {
    ScriptedSource::new(["stale", "fresh"])
}

/// Until the client knows of a limit.
async fn until_limited(limits: &RateLimitBackoffLayer) {
    within(async {
        while limits.status().keys.iter().all(|key| key.pause.is_none()) {
            tokio::time::sleep(MILLISECOND).await;
        }
    })
    .await;
}

fn get_within(longest: Duration) -> Request<GetRequest> {
    let mut request = Request::new(get(7));
    request.set_timeout(longest);
    request
}
