//! The simulator as a tower service, and behind hyper's HTTP/1.1 server.

use std::{
    error::Error,
    future::Future,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use http::{Request, Response};
use http_body_util::BodyExt;
use hyper::{
    rt::{Read, Write},
    server::conn::http1,
    service::service_fn,
};
use tower_service::Service;

use super::{
    Body, Simulator,
    call::{Door, Hosts},
    pipe,
    world::World,
};

impl<V, B> Service<Request<B>> for Simulator<V>
where
    B: http_body::Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    type Response = Response<Body>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Response<Body>>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let world = Arc::clone(self.world());
        Box::pin(async move { answer(&world, None, pipe::hosts(), request).await })
    }
}

async fn answer<B>(
    world: &World,
    door: Option<Door>,
    hosts: Hosts,
    request: Request<B>,
) -> io::Result<Response<Body>>
where
    B: http_body::Body,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let (head, body) = request.into_parts();
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    let request = Request::from_parts(head, body);
    world.exchange(door, hosts, request).await
}

/// Serves one connection to its end.
pub(crate) async fn serve_connection<I>(world: Arc<World>, door: Door, hosts: Hosts, io: I)
where
    I: Read + Write + Unpin,
{
    world.log.connected();
    let service = service_fn(|request| answer(&world, Some(door), hosts.clone(), request));
    // An error here is a client that went away, or a fault doing its work.
    let _ = http1::Builder::new().serve_connection(io, service).await;
}
