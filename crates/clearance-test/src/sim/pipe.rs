//! The way in through pipes in memory.

use std::{
    fmt,
    future::{Ready, ready},
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use http::Uri;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::{
    client::legacy::connect::{Connected, Connection},
    rt::TokioIo,
};
use tokio::io::DuplexStream;
use tower_service::Service;

use super::{
    call::{Door, Hosts},
    service::serve_connection,
    world::World,
};

/// The base URLs within the pipes. Exactly `localhost`, to which clients send tokens over plain `http`; no such ports
/// are ever listened to.
pub(crate) const LOGIN_URL: &str = "http://localhost:1";
pub(crate) const API_URL: &str = "http://localhost:2";

/// How much either end can write that the other has not read.
const PIPE_SIZE: usize = 64 * 1024;

/// Connects hyper-util's clients with a simulator through pipes in memory.
///
/// The other end of each pipe is hyper's HTTP/1.1 server, so that the same bytes flow as over a socket, but in exact
/// virtual time under a paused clock. A call needs a tokio runtime, on which it spawns that server.
#[derive(Clone)]
pub struct Connector {
    world: Arc<World>,
}

/// The client's end of a pipe.
#[derive(Debug)]
pub struct Pipe(TokioIo<DuplexStream>);

pub(crate) fn hosts() -> Hosts {
    Hosts {
        login: LOGIN_URL.to_owned(),
        api: API_URL.to_owned(),
    }
}

// ===== impl Connector =====

impl Connector {
    pub(crate) fn new(world: Arc<World>) -> Self {
        Self { world }
    }

    fn connect(&self, uri: &Uri) -> io::Result<Pipe> {
        let door = match (uri.host(), uri.port_u16()) {
            (Some("localhost"), Some(1)) => Door::Login,
            (Some("localhost"), Some(2)) => Door::Api,
            _ => {
                let message = format!("nothing is simulated at {uri}");
                return Err(io::Error::new(io::ErrorKind::ConnectionRefused, message));
            }
        };
        let (client, server) = tokio::io::duplex(PIPE_SIZE);
        tokio::spawn(serve_connection(
            Arc::clone(&self.world),
            door,
            hosts(),
            TokioIo::new(server),
        ));
        Ok(Pipe(TokioIo::new(client)))
    }
}

impl Service<Uri> for Connector {
    type Response = Pipe;
    type Error = io::Error;
    type Future = Ready<io::Result<Pipe>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        ready(self.connect(&uri))
    }
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connector").finish_non_exhaustive()
    }
}

// ===== impl Pipe =====

impl Connection for Pipe {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl Read for Pipe {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl Write for Pipe {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
