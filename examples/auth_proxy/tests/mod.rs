//! The proxy on sockets, in real time.

mod attacks;
mod bounds;
mod callers;
mod health;
mod hops;
mod snippets;
#[cfg(unix)]
mod socket_file;
mod streaming;
mod tls;
mod troubles;

use std::{future::pending, net::SocketAddr, time::Duration};

use axum::{Router, body::Body};
use bytes::Bytes;
use clearance::{Audience, Secret};
use clearance_test::{
    ScriptedSource,
    sim::{Builder, Genesys, GenesysCloud},
};
use http::{HeaderMap, Request, Response};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper_util::{
    client::legacy::{Client, Error, connect::HttpConnector},
    rt::TokioExecutor,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::oneshot,
    task::{JoinHandle, JoinSet},
    time::timeout,
};

use crate::{
    configuration::{Address, Bounds, Configuration},
    listening::Listening,
    platform::Platform,
    proxy::Proxy,
};

const KEY: &str = "the-key-of-these-tests";
/// The longest that anything here may take: only what hangs takes so long.
const LONG: Duration = Duration::from_secs(30);
/// What a bound is where one is tried.
const SHORT: Duration = Duration::from_millis(300);

const BOUNDS: Bounds = Bounds {
    requests: 256,
    patience: LONG,
    head: LONG,
    grace: LONG,
};

/// A proxy that serves until it is told to stop.
struct Served {
    at: SocketAddr,
    stop: oneshot::Sender<()>,
    done: JoinHandle<()>,
    client: Client<HttpConnector, Body>,
}

impl Served {
    async fn over(platform: &Platform) -> Self {
        Self::within(platform, BOUNDS).await
    }

    async fn within(platform: &Platform, bounds: Bounds) -> Self {
        let address = Address::Tcp {
            at: ([127, 0, 0, 1], 0).into(),
            anywhere: false,
        };
        let configuration = Configuration {
            address,
            key: Some(Secret::from(KEY)),
            key_is_new: false,
            bounds,
        };
        let listening = Listening::at(&configuration).await.unwrap();
        let at = listening.port().unwrap();
        let proxy = Proxy::new(platform, bounds).unwrap();
        let (stop, stopped) = oneshot::channel();
        let stopped = async { drop(stopped.await) };
        let done = tokio::spawn(listening.serve(proxy, stopped, pending()));
        Self {
            at,
            stop,
            done,
            client: Client::builder(TokioExecutor::new()).build_http(),
        }
    }

    /// A request of somebody who has the key.
    fn request(&self, method: &str, path: &str, body: Body) -> Request<Body> {
        let request = Request::builder()
            .method(method)
            .header("x-auth-proxy-key", KEY);
        request
            .uri(format!("http://{}{path}", self.at))
            .body(body)
            .unwrap()
    }

    async fn send(&self, request: Request<Body>) -> Result<Response<Incoming>, Error> {
        let sent = self.client.request(request);
        timeout(LONG, sent).await.expect("the proxy hangs")
    }

    /// A request that is under way while the test goes on.
    fn begin(&self, request: Request<Body>) -> JoinHandle<Result<Response<Incoming>, Error>> {
        tokio::spawn(self.client.request(request))
    }

    async fn get(&self, path: &str) -> Response<Bytes> {
        let request = self.request("GET", path, Body::empty());
        whole(self.send(request).await.unwrap()).await
    }

    /// What comes back, until the connection ends, for these bytes. `HOST` in them is where the proxy is.
    async fn raw(&self, bytes: &str) -> Raw {
        let mut stream = TcpStream::connect(self.at).await.unwrap();
        let bytes = bytes.replace("HOST", &self.at.to_string());
        stream.write_all(bytes.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        let read = timeout(LONG, stream.read_to_end(&mut answer));
        // A connection that is ended before all was read is reset, after the reply.
        let _ = read.await.expect("the proxy hangs");
        Raw(String::from_utf8(answer).unwrap())
    }
}

struct Raw(String);

impl Raw {
    /// 0: there is none.
    fn status(&self) -> u16 {
        let status = self.0.split(' ').nth(1);
        status
            .and_then(|status| status.parse().ok())
            .unwrap_or_default()
    }
}

async fn whole(response: Response<Incoming>) -> Response<Bytes> {
    let (head, body) = response.into_parts();
    let body = timeout(LONG, body.collect()).await.expect("a reply hangs");
    Response::from_parts(head, body.unwrap().to_bytes())
}

fn field<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).map(|value| value.to_str().unwrap())
}

/// The simulated platform, and itself as one that the proxy goes to.
async fn simulated(platform: Builder<GenesysCloud>) -> (Genesys, Platform) {
    let genesys = platform.build();
    (genesys.clone(), Platform::of(genesys).await.unwrap())
}

/// An API in this process that takes the token `t0k3n`. It is gone with the set.
async fn api(router: Router) -> (JoinSet<()>, Platform) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let platform = platform_at(&format!("http://{}", listener.local_addr().unwrap()));
    let mut serving = JoinSet::new();
    serving.spawn(async { axum::serve(listener, router).await.unwrap() });
    (serving, platform)
}

fn platform_at(url: &str) -> Platform {
    let audience = Audience::origin(url).unwrap();
    let source = ScriptedSource::new(["t0k3n"]).with_audience(audience);
    Platform::new("an API of these tests", url, source)
}
