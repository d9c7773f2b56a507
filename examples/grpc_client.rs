//! The layers under a gRPC client: a generated client over tonic's `Channel`, unary and streaming, and what its callers
//! are told when the token source fails.
//!
//! ```text
//! cargo run --example grpc_client
//! ```
//!
//! The server is in this process, on a loopback socket, and wants a bearer token; it revokes tokens while the client
//! works. Client and server are generated without `protoc` (`grpc/build.rs`); over TLS nothing else changes.

#[path = "grpc/agents.rs"]
mod agents;
#[path = "grpc/status.rs"]
mod status;

use std::{
    collections::HashSet,
    error::Error,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use clearance::{
    Audience, RateLimitBackoffLayer, ReplayBody, ReplayBodyLayer, Retry401Layer, SkewAuthLayer,
    TokenError,
};
use clearance_test::{ScriptedSource, Step};
use tonic::{
    Code, Request, Response, Status, Streaming,
    body::Body,
    codegen::{
        BoxStream,
        tokio_stream::{StreamExt, iter},
    },
    service::Interceptor,
    transport::{Channel, Endpoint, Server, server::TcpIncoming},
};
use tower::{ServiceBuilder, util::BoxCloneSyncService};

use self::{
    agents::{Agent, Agents, AgentsClient, AgentsServer, GetRequest, ImportSummary, WatchRequest},
    status::status_of,
};

type BoxError = Box<dyn Error + Send + Sync>;

/// A client that has a name, to be held in a struct of the application. Erased outside of the layers, not inside.
type Client = AgentsClient<BoxCloneSyncService<http::Request<Body>, http::Response<Body>, Status>>;

/// How long a call may take until its reply begins, with every wait in it: for a token, for a rate limit, for the server.
/// A deadline of the call's own (`Request::set_timeout`) is kept by the layers and, for each sending, by the `Channel`.
const LONGEST: Duration = Duration::from_secs(30);

fn client(channel: Channel, auth: &SkewAuthLayer, longest: Duration) -> Client {
    let stack = ServiceBuilder::new()
        .map_err(status_of)
        .timeout(longest)
        // tonic's requests are streams, which can be sent only once: this one keeps what has been sent, up to 64 KiB.
        .layer(ReplayBodyLayer::new())
        .layer(Retry401Layer::new())
        .layer(RateLimitBackoffLayer::new())
        .layer(auth.clone())
        .map_request(|request: http::Request<ReplayBody<Body>>| request.map(Body::new))
        .service(channel);
    AgentsClient::new(BoxCloneSyncService::new(stack))
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let gate = Gate::default();
    let address = serve(&gate)?;
    let url = format!("http://{address}");

    // tonic's requests have neither authority nor `Host` up here: the `Channel` fills them in further down. So the
    // audience cannot be checked, and it has to be said that they may carry the token all the same. It is safe, for this
    // channel goes to this address and nowhere else.
    let audience = Audience::origin(&url)?.or_unaddressed();
    let source = ScriptedSource::counting().with_audience(audience);
    let auth = SkewAuthLayer::new(source.clone());
    let channel = Endpoint::new(url)?.connect().await?;
    let mut client = client(channel.clone(), &auth, LONGEST);

    let request = GetRequest { id: "2".to_owned() };
    let agent = client.get(request).await?.into_inner();
    println!("unary:            {} is {}", agent.id, agent.name);
    assert_eq!((source.fetches(), gate.refused()), (1, 0));

    gate.revoke_all();
    let mut agents = client.watch(WatchRequest::default()).await?.into_inner();
    let mut names = Vec::new();
    while let Some(agent) = agents.message().await? {
        names.push(agent.name);
    }
    println!("server streaming: {}", names.join(", "));
    assert_eq!(names, AGENTS);
    assert_eq!((source.fetches(), gate.refused()), (2, 1));

    gate.revoke_all();
    let photos = (1..=30).map(|id| Agent {
        id: id.to_string(),
        photo: Bytes::from(vec![id; 1024]),
        ..Agent::default()
    });
    let summary = client.import(iter(photos)).await?.into_inner();
    let ImportSummary { agents, bytes } = summary;
    println!("client streaming: {agents} agents with {bytes} bytes of photos");
    assert_eq!((agents, bytes), (30, 30 * 1024));
    assert_eq!((source.fetches(), gate.refused()), (3, 2));

    println!("{}", auth.status());

    // The issuer is down, and the token no longer good.
    gate.revoke_all();
    source.set([Step::Fail(
        TokenError::unavailable("maintenance").without_retry(),
    )]);
    let lost = SkewAuthLayer::new(source);
    let status = self::client(channel, &lost, LONGEST)
        .get(GetRequest::default())
        .await;
    let status = status.err().ok_or("a call without a token succeeded")?;
    println!(
        "issuer down:      {:?}, {}",
        status.code(),
        status.message()
    );
    assert_eq!(status.code(), Code::Unavailable);
    Ok(())
}

// ===== the server =====

const AGENTS: [&str; 3] = ["Ada", "Grace", "Edsger"];

/// What stands before the service: lets requests in whose token was not revoked.
#[derive(Clone, Default)]
struct Gate(Arc<Mutex<Seen>>);

#[derive(Default)]
struct Seen {
    admitted: HashSet<String>,
    revoked: HashSet<String>,
    refused: usize,
}

impl Gate {
    /// Every token that was used so far.
    fn revoke_all(&self) {
        let seen = &mut *self.seen();
        seen.revoked.extend(seen.admitted.drain());
    }

    fn refused(&self) -> usize {
        self.seen().refused
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Interceptor for Gate {
    fn call(&mut self, request: Request<()>) -> Result<Request<()>, Status> {
        let field = request.metadata().get("authorization");
        let token = field
            .and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "))
            .ok_or_else(|| Status::unauthenticated("a token is needed"))?;
        let seen = &mut *self.seen();
        if seen.revoked.contains(token) {
            seen.refused += 1;
            println!("                  (the server refuses {token})");
            return Err(Status::unauthenticated("the token was revoked"));
        }
        seen.admitted.insert(token.to_owned());
        Ok(request)
    }
}

struct Directory;

#[tonic::async_trait]
impl Agents for Directory {
    type WatchStream = BoxStream<Agent>;

    async fn get(&self, request: Request<GetRequest>) -> Result<Response<Agent>, Status> {
        let id = request.into_inner().id;
        let mut all = directory();
        let agent = all.find(|agent| agent.id == id);
        agent
            .map(Response::new)
            .ok_or_else(|| Status::not_found("no agent has this id"))
    }

    async fn watch(&self, _: Request<WatchRequest>) -> Result<Response<BoxStream<Agent>>, Status> {
        let all: BoxStream<Agent> = Box::pin(iter(directory().map(Ok)));
        Ok(Response::new(all))
    }

    async fn import(
        &self,
        request: Request<Streaming<Agent>>,
    ) -> Result<Response<ImportSummary>, Status> {
        let mut agents = request.into_inner();
        let mut summary = ImportSummary::default();
        while let Some(agent) = agents.next().await {
            summary.agents += 1;
            summary.bytes += agent?.photo.len() as u64;
        }
        Ok(Response::new(summary))
    }
}

fn directory() -> impl Iterator<Item = Agent> + Send {
    (1..).zip(AGENTS).map(|(id, name): (u8, _)| Agent {
        id: id.to_string(),
        name: name.to_owned(),
        photo: Bytes::new(),
    })
}

fn serve(gate: &Gate) -> Result<SocketAddr, BoxError> {
    let incoming = TcpIncoming::bind(([127, 0, 0, 1], 0).into())?;
    let address = incoming.local_addr()?;
    let service = AgentsServer::with_interceptor(Directory, gate.clone());
    tokio::spawn(
        Server::builder()
            .add_service(service)
            .serve_with_incoming(incoming),
    );
    Ok(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn revoked_tokens_are_cured_and_a_failure_is_told() -> Result<(), BoxError> {
        main()
    }

    /// What a caller sees over a source that does this; nothing listens where the channel goes.
    async fn status(step: Step, longest: Duration) -> Result<Status, BoxError> {
        let deaf = std::net::TcpListener::bind("127.0.0.1:0")?;
        let url = format!("http://{}", deaf.local_addr()?);
        drop(deaf);
        let auth = SkewAuthLayer::new(ScriptedSource::script([step]));
        let channel = Endpoint::new(url)?.connect_lazy();
        let mut client = client(channel, &auth, longest);
        let reply = client.get(GetRequest::default()).await;
        reply.err().ok_or_else(|| "no failure".into())
    }

    #[tokio::test]
    async fn each_kind_of_failure_has_its_code() -> Result<(), BoxError> {
        let minute = Some(Duration::from_secs(60));
        let failures = [
            (TokenError::denied("invalid_client"), Code::Unauthenticated),
            (TokenError::throttled(minute, "too many"), Code::Unavailable),
            (TokenError::unavailable("down"), Code::Unavailable),
            (TokenError::malformed("HTML"), Code::Internal),
        ];
        for (error, code) in failures {
            let told = error.to_string();
            let status = status(Step::Fail(error.without_retry()), LONGEST).await?;
            assert_eq!((status.code(), status.message()), (code, &*told));
            // For those who want more than the code.
            let source = status.source().ok_or("no source")?;
            assert!(source.is::<TokenError>());
        }
        Ok(())
    }

    #[tokio::test]
    async fn what_is_not_the_sources_failure_has_its_own() -> Result<(), BoxError> {
        // No token comes at all.
        let slow = status(Step::Hang, Duration::from_millis(200)).await?;
        assert_eq!(slow.code(), Code::DeadlineExceeded);
        // A token comes, and nobody listens.
        let deaf = status(Step::Fresh, LONGEST).await?;
        assert_eq!(deaf.code(), Code::Unavailable);
        assert!(!deaf.message().contains("token"), "{deaf}");
        Ok(())
    }
}
