//! A Unix socket that nobody but its owner may open, not even for a moment.

use std::{
    fs::{self, DirBuilder, Permissions},
    io,
    os::unix::fs::{DirBuilderExt, FileTypeExt, PermissionsExt},
    path::{Path, PathBuf},
    process,
};

use axum::serve::Listener;
use tokio::net::{UnixListener, UnixStream, unix::SocketAddr};

use crate::problem::Problem;

/// It listens. Dropped, it takes its file away.
pub(crate) struct SocketFile {
    listener: UnixListener,
    path: PathBuf,
}

impl SocketFile {
    pub(crate) async fn bind(path: &Path) -> Result<Self, Problem> {
        let about = |error: &dyn std::fmt::Display, advice: &str| {
            Problem::new(format!(
                "AUTH_PROXY_SOCKET {}: {error}; {advice}",
                path.display()
            ))
        };
        let advice = "set it to another path, or move away what is there";
        match fs::symlink_metadata(path) {
            Ok(there) if !there.file_type().is_socket() => {
                return Err(about(&"there is something else of that name", advice));
            }
            Ok(_) if UnixStream::connect(path).await.is_ok() => {
                return Err(about(&"somebody listens there already", advice));
            }
            // Nobody is there, or one that was killed left its file.
            _ => {}
        }
        let advice = "set it to a path in a directory that you may write to, such as $XDG_RUNTIME_DIR/auth-proxy.sock";
        let listener = bind_closed(path).map_err(|error| about(&error, advice))?;
        Ok(Self {
            listener,
            path: path.to_owned(),
        })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

/// A socket has the mode that the umask leaves, which may let others in until it is changed. So it is made where nobody
/// else gets to, and moved when it is closed to others.
fn bind_closed(path: &Path) -> io::Result<UnixListener> {
    let closed = path.with_file_name(format!(".auth-proxy-{}", process::id()));
    DirBuilder::new().mode(0o700).create(&closed)?;
    let inside = closed.join("s");
    let listener = UnixListener::bind(&inside)
        .and_then(|listener| {
            fs::set_permissions(&inside, Permissions::from_mode(0o600)).map(|()| listener)
        })
        .and_then(|listener| fs::rename(&inside, path).map(|()| listener));
    if listener.is_err() {
        let _ = fs::remove_file(&inside);
    }
    fs::remove_dir(&closed)?;
    listener
}

impl Listener for SocketFile {
    type Io = UnixStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (UnixStream, SocketAddr) {
        Listener::accept(&mut self.listener).await
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}
