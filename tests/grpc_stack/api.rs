//! The server behind the channel: every kind of call, judged before or after its messages are read.

use std::sync::{Arc, Mutex, MutexGuard};

use prost::Message;
use tokio::sync::{Semaphore, mpsc};
use tonic::{
    Request, Response, Status, Streaming,
    codegen::{
        BoxStream,
        tokio_stream::{StreamExt, wrappers::ReceiverStream},
    },
    transport::{Channel, Endpoint, Server, server::TcpIncoming},
};

use crate::{
    agent,
    agents::{Agent, Agents, AgentsServer, GetRequest, ImportSummary, WatchRequest},
    rules::Rule,
    seen::Seen,
    within,
};

/// A server that judges each request by a rule, and remembers what it saw.
#[derive(Clone)]
pub(crate) struct Api(Arc<Inner>);

struct Inner {
    rule: Box<dyn Rule>,
    /// Whether a stream of messages is judged before the first of them is read.
    at_the_door: bool,
    seen: Mutex<Vec<Seen>>,
    /// What is sent to the one who watches.
    watched: Mutex<Option<mpsc::Receiver<Result<Agent, Status>>>>,
    /// One for each message that was read of a stream.
    read: Semaphore,
}

impl Api {
    pub(crate) fn new(rule: impl Rule) -> Self {
        Self::judging(rule, false)
    }

    pub(crate) fn at_the_door(rule: impl Rule) -> Self {
        Self::judging(rule, true)
    }

    fn judging(rule: impl Rule, at_the_door: bool) -> Self {
        Self(Arc::new(Inner {
            rule: Box::new(rule),
            at_the_door,
            seen: Mutex::default(),
            watched: Mutex::default(),
            read: Semaphore::new(0),
        }))
    }

    pub(crate) fn seen(&self) -> MutexGuard<'_, Vec<Seen>> {
        self.0.seen.lock().unwrap()
    }

    pub(crate) fn tokens(&self) -> Vec<String> {
        self.seen().iter().map(|seen| seen.token.clone()).collect()
    }

    /// What is sent in here is what the next one who watches gets.
    pub(crate) fn watched(&self) -> mpsc::Sender<Result<Agent, Status>> {
        let (sender, receiver) = mpsc::channel(1);
        *self.0.watched.lock().unwrap() = Some(receiver);
        sender
    }

    /// Waits until one more message of a stream was read.
    pub(crate) async fn next_read(&self) {
        self.0.read.acquire().await.unwrap().forget();
    }

    fn judge(&self, seen: Seen) -> Result<(), Status> {
        let before = {
            let mut all = self.seen();
            all.push(seen.clone());
            all.len() - 1
        };
        (self.0.rule)(&seen, before)
    }

    /// A channel to it. The server ends with the runtime of the test.
    pub(crate) async fn serve(&self) -> Channel {
        let incoming = TcpIncoming::bind(([127, 0, 0, 1], 0).into()).unwrap();
        let url = format!("http://{}", incoming.local_addr().unwrap());
        let service = AgentsServer::new(self.clone());
        let server = Server::builder().add_service(service);
        tokio::spawn(server.serve_with_incoming(incoming));
        within(Endpoint::new(url).unwrap().connect()).await.unwrap()
    }
}

#[tonic::async_trait]
impl Agents for Api {
    type WatchStream = BoxStream<Agent>;

    async fn get(&self, request: Request<GetRequest>) -> Result<Response<Agent>, Status> {
        let mut seen = Seen::new(request.metadata());
        seen.messages.push(request.get_ref().encode_to_vec());
        self.judge(seen)?;
        Ok(Response::new(agent(request.into_inner().id)))
    }

    async fn watch(
        &self,
        request: Request<WatchRequest>,
    ) -> Result<Response<BoxStream<Agent>>, Status> {
        let mut seen = Seen::new(request.metadata());
        seen.messages.push(request.get_ref().encode_to_vec());
        self.judge(seen)?;
        let watched = self.0.watched.lock().unwrap().take();
        let watched = watched.ok_or_else(|| Status::internal("watched twice"))?;
        Ok(Response::new(Box::pin(ReceiverStream::new(watched))))
    }

    async fn import(
        &self,
        request: Request<Streaming<Agent>>,
    ) -> Result<Response<ImportSummary>, Status> {
        let mut seen = Seen::new(request.metadata());
        let mut summary = ImportSummary::default();
        if self.0.at_the_door {
            self.judge(seen.clone())?;
        }
        let mut stream = request.into_inner();
        while let Some(agent) = stream.next().await {
            let agent = agent?;
            self.0.read.add_permits(1);
            summary.agents += 1;
            summary.bytes += agent.photo.len() as u64;
            seen.messages.push(agent.encode_to_vec());
        }
        if self.0.at_the_door {
            let mut all = self.seen();
            let entered = all.iter_mut().rfind(|other| other.at == seen.at).unwrap();
            entered.messages = seen.messages;
        } else {
            self.judge(seen)?;
        }
        Ok(Response::new(summary))
    }
}
