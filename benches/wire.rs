//! A hyper server in another process, and hyper-util's client with 64 connections to it.

use std::{
    convert::Infallible,
    env, fmt,
    future::Future,
    io::{BufRead, BufReader, Read},
    pin::Pin,
    process::{Child, Command, Stdio},
    time::Duration,
};

use bytes::Bytes;
use clearance::ReplayBody;
use http::{Request, Response, Uri};
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioIo},
};
use tokio::{net::TcpListener, runtime::Runtime, task::JoinSet, time::Instant};
use tower::{Service, ServiceExt};

use crate::{
    bare::Body,
    load::Case,
    sides::{self, Auth, Side, Visit},
};

/// The sides that are compared over a wire.
pub const SIDES: [Side; 8] = [
    Side::Static,
    Side::Bare,
    Side::Auth,
    Side::Stack,
    Side::ReplayStack,
    Side::RetryStatic,
    Side::Textbook,
    Side::RetryTextbook,
];

/// Tasks that send, each of which needs a connection.
pub const TASKS: usize = 64;

const ROLE: &str = "--serve";

/// Becomes the server, in the process that [`Server::start`] made.
///
/// # Panics
///
/// If it cannot listen.
pub fn serve_if_asked() {
    if env::args().nth(1).as_deref() != Some(ROLE) {
        return;
    }
    // Ends with the one that started it.
    std::thread::spawn(|| {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        std::process::exit(0);
    });
    runtime().block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        println!("{}", listener.local_addr().expect("an address"));
        loop {
            let (stream, _) = listener.accept().await.expect("a connection");
            stream.set_nodelay(true).expect("no delay");
            tokio::spawn(
                hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service_fn(answer)),
            );
        }
    });
}

async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    drop(request);
    Ok(Response::new(Full::from(
        "{\"entities\":[],\"pageSize\":25}",
    )))
}

/// The server's process.
#[derive(Debug)]
pub struct Server {
    process: Child,
    uri: Uri,
}

impl Server {
    /// This program once more, as the server.
    ///
    /// # Panics
    ///
    /// If that fails.
    #[must_use]
    pub fn start() -> Self {
        let this = env::current_exe().expect("this program's path");
        let mut process = Command::new(this)
            .arg(ROLE)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the server starts");
        let mut address = String::new();
        let said = process.stdout.take().expect("it was piped");
        BufReader::new(said)
            .read_line(&mut address)
            .expect("the server says where it is");
        let uri = format!("http://{}/api/v2/users?pageSize=25", address.trim());
        let uri = uri.parse().expect("a valid address");
        Self { process, uri }
    }

    /// Where it is.
    #[must_use]
    pub fn uri(&self) -> &Uri {
        &self.uri
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// When a task has sent enough.
#[derive(Clone, Copy, Debug)]
pub enum Until {
    /// So many requests.
    Sent(usize),
    /// The request during which this time passed.
    Time(Instant),
}

impl Until {
    /// Whether that is enough.
    #[must_use]
    pub fn is_over(self, sent: usize) -> bool {
        match self {
            Self::Sent(enough) => sent >= enough,
            Self::Time(end) => Instant::now() >= end,
        }
    }
}

/// What one task does: sends until it is over, and gives how long each request took.
pub type Worker = Box<dyn Fn(Until) -> Pin<Box<dyn Future<Output = Vec<Duration>> + Send>>>;

/// A client with [`TASKS`] tasks that send through it, all on this thread.
pub struct Burst {
    runtime: Runtime,
    worker: Worker,
}

impl Burst {
    /// `side` over hyper-util's client.
    #[must_use]
    pub fn new(side: Side, server: &Server) -> Self {
        let runtime = runtime();
        let worker = {
            let _inside = runtime.enter();
            let auth = Auth::new(&Case::COMMON.token(), server.uri());
            let visitor = Workers(server.uri().clone());
            sides::over(side, &auth, client(), client::<ReplayBody<Body>>(), visitor)
        };
        Self { runtime, worker }
    }

    /// Any other client.
    #[must_use]
    pub fn with(worker: Worker) -> Self {
        let runtime = runtime();
        Self { runtime, worker }
    }

    /// Sends, and gives how long each request took.
    pub fn run(&mut self, until: Until) -> Vec<Duration> {
        self.runtime.block_on(async {
            let tasks: JoinSet<_> = (0..TASKS).map(|_| (self.worker)(until)).collect();
            tasks.join_all().await.concat()
        })
    }
}

impl fmt::Debug for Burst {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Burst")
    }
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime")
}

fn client<B>() -> Client<HttpConnector, B>
where
    B: http_body::Body<Data: Send> + Send,
{
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    Client::builder(TokioExecutor::new()).build(connector)
}

struct Workers(Uri);

impl Visit for Workers {
    type ResBody = Incoming;
    type Out = Worker;

    fn visit<S>(self, service: S) -> Worker
    where
        S: Service<Request<Body>, Response = Response<Incoming>> + Clone + Send + 'static,
        S::Error: fmt::Debug,
        S::Future: Send,
    {
        Box::new(move |until| Box::pin(send(service.clone(), self.0.clone(), until)))
    }
}

async fn send<S>(mut service: S, uri: Uri, until: Until) -> Vec<Duration>
where
    S: Service<Request<Body>, Response = Response<Incoming>>,
    S::Error: fmt::Debug,
{
    let mut taken = Vec::new();
    while !until.is_over(taken.len()) {
        let request = Case::COMMON.request_to(uri.clone());
        let begun = Instant::now();
        let ready = service.ready().await.expect("ready");
        let response = ready.call(request).await.expect("a reply");
        assert!(response.status().is_success());
        let body = response.into_body().collect().await;
        drop(body.expect("the reply's body"));
        taken.push(begun.elapsed());
    }
    taken
}
