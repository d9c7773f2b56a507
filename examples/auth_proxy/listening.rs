//! Where the proxy is reached: a port of loopback, or a socket file that only its owner may open.

use std::{fmt, net::SocketAddr};

use axum::serve::ListenerExt;
use tokio::net::TcpListener;

use crate::{
    configuration::{Address, Bounds, Configuration},
    door::Door,
    names::Names,
    problem::Problem,
    proxy::Proxy,
    serving::serve,
};

/// The proxy, reachable but not answering yet.
pub(crate) struct Listening {
    listener: Listener,
    door: Door,
    bounds: Bounds,
}

enum Listener {
    Tcp(TcpListener, SocketAddr),
    #[cfg(unix)]
    Unix(crate::socket_file::SocketFile),
}

impl Listening {
    pub(crate) async fn at(configuration: &Configuration) -> Result<Self, Problem> {
        let (listener, names) = match &configuration.address {
            Address::Tcp { at, anywhere } => {
                let failed = |error| {
                    Problem::new(format!(
                        "cannot listen on {at}: {error}; set AUTH_PROXY_LISTEN to another address, or to 127.0.0.1:0 for any \
                         free port"
                    ))
                };
                let listener = TcpListener::bind(at).await.map_err(failed)?;
                let at = listener.local_addr()?;
                let names = if *anywhere {
                    Names::Addresses
                } else {
                    Names::Loopback
                };
                (Listener::Tcp(listener, at), names(at.port()))
            }
            #[cfg(unix)]
            Address::Unix(path) => {
                let socket = crate::socket_file::SocketFile::bind(path).await?;
                (Listener::Unix(socket), Names::Any)
            }
            #[cfg(not(unix))]
            Address::Unix(_) => {
                let advice =
                    "AUTH_PROXY_SOCKET needs Unix sockets, which are not to be had here; unset it";
                return Err(Problem::new(advice));
            }
        };
        let door = Door {
            names,
            key: configuration.key.clone(),
        };
        Ok(Self {
            listener,
            door,
            bounds: configuration.bounds,
        })
    }

    /// Where it is, if it is at a port.
    pub(crate) fn port(&self) -> Option<SocketAddr> {
        match &self.listener {
            Listener::Tcp(_, at) => Some(*at),
            #[cfg(unix)]
            Listener::Unix(_) => None,
        }
    }

    /// Answers until `stop` ends, and then finishes what is under way, but not after `at_once` ends.
    pub(crate) async fn serve(
        self,
        proxy: Proxy,
        stop: impl Future<Output = ()>,
        at_once: impl Future<Output = ()>,
    ) {
        let router = proxy.router(self.door);
        match self.listener {
            Listener::Tcp(listener, _) => {
                // Replies are written in small pieces as they come.
                let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
                serve(listener, router, self.bounds, stop, at_once).await;
            }
            #[cfg(unix)]
            Listener::Unix(socket) => serve(socket, router, self.bounds, stop, at_once).await,
        }
    }
}

impl fmt::Display for Listening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.listener {
            Listener::Tcp(_, at) => write!(f, "http://{at}"),
            #[cfg(unix)]
            Listener::Unix(socket) => write!(f, "{}", socket.path().display()),
        }
    }
}
