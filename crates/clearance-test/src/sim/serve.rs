//! The way in through loopback sockets.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
};

use hyper_util::rt::TokioIo;
use tokio::{net::TcpListener, task::JoinSet};

use super::{
    call::{Door, Hosts},
    service::serve_connection,
    world::World,
};

/// A simulator that listens. Dropped, it closes its ports and cuts its connections.
#[derive(Debug)]
#[must_use = "dropped, it stops listening"]
pub struct Running {
    hosts: Hosts,
    _tasks: JoinSet<()>,
}

impl Running {
    pub(crate) async fn start(world: &Arc<World>) -> io::Result<Self> {
        let anywhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let login = TcpListener::bind(anywhere).await?;
        let api = TcpListener::bind(anywhere).await?;
        let hosts = Hosts {
            login: format!("http://{}", login.local_addr()?),
            api: format!("http://{}", api.local_addr()?),
        };
        let mut tasks = JoinSet::new();
        for (door, listener) in [(Door::Login, login), (Door::Api, api)] {
            tasks.spawn(accept(Arc::clone(world), door, hosts.clone(), listener));
        }
        Ok(Self {
            hosts,
            _tasks: tasks,
        })
    }

    /// The login host's base URL.
    #[must_use]
    pub fn login_url(&self) -> &str {
        &self.hosts.login
    }

    /// The API host's base URL.
    #[must_use]
    pub fn api_url(&self) -> &str {
        &self.hosts.api
    }
}

async fn accept(world: Arc<World>, door: Door, hosts: Hosts, listener: TcpListener) {
    let mut connections = JoinSet::new();
    loop {
        if let Ok((stream, _)) = listener.accept().await {
            // The answers are small and their heads and bodies are written apart.
            let _ = stream.set_nodelay(true);
            let io = TokioIo::new(stream);
            connections.spawn(serve_connection(
                Arc::clone(&world),
                door,
                hosts.clone(),
                io,
            ));
        }
        while connections.try_join_next().is_some() {}
    }
}
