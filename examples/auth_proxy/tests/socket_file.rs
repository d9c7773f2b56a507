//! The proxy at a Unix socket.

use std::{
    fs,
    os::unix::fs::{FileTypeExt, PermissionsExt},
    path::{Path, PathBuf},
};

use tokio::net::UnixStream;

use super::*;

fn configuration(path: &Path) -> Configuration {
    Configuration {
        address: Address::Unix(path.to_owned()),
        key: None,
        key_is_new: false,
        bounds: BOUNDS,
    }
}

/// A directory of this test's own, which is gone afterwards.
struct Directory(PathBuf);

impl Directory {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("auth-proxy-{}-{name}", std::process::id()));
        fs::create_dir(&path).unwrap();
        Self(path)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap();
    }
}

async fn ask(path: &Path, fields: &str) -> Raw {
    let mut stream = UnixStream::connect(path).await.unwrap();
    let request =
        format!("GET /api/v2/users HTTP/1.1\r\nHost: any\r\nConnection: close\r\n{fields}\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    let read = timeout(LONG, stream.read_to_string(&mut answer));
    read.await.expect("the proxy hangs").unwrap();
    Raw(answer)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_its_owner_may_open_it_who_needs_no_key() {
    let directory = Directory::new("owner");
    let path = directory.0.join("proxy.sock");
    let (_genesys, platform) = simulated(Genesys::builder()).await;
    let listening = Listening::at(&configuration(&path)).await.unwrap();
    let there = fs::symlink_metadata(&path).unwrap();
    assert!(there.file_type().is_socket());
    assert_eq!(there.permissions().mode() & 0o777, 0o600);
    // Where it was made is gone.
    assert_eq!(fs::read_dir(&directory.0).unwrap().count(), 1);

    let (stop, stopped) = oneshot::channel::<()>();
    let proxy = Proxy::new(&platform, BOUNDS).unwrap();
    let done = tokio::spawn(listening.serve(proxy, async { drop(stopped.await) }, pending()));
    assert_eq!(ask(&path, "").await.status(), 200);
    assert_eq!(
        ask(&path, "Origin: https://evil.example\r\n")
            .await
            .status(),
        403
    );
    let second = Listening::at(&configuration(&path))
        .await
        .err()
        .unwrap()
        .to_string();
    assert!(
        second.contains("somebody listens there already"),
        "{second}"
    );

    stop.send(()).unwrap();
    timeout(LONG, done).await.unwrap().unwrap();
    assert_eq!(fs::read_dir(&directory.0).unwrap().count(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_takes_the_place_of_a_dead_one_and_of_nothing_else() {
    let directory = Directory::new("place");
    let path = directory.0.join("proxy.sock");
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    drop(Listening::at(&configuration(&path)).await.unwrap());
    assert!(!path.exists());

    fs::write(&path, "precious").unwrap();
    let refused = Listening::at(&configuration(&path))
        .await
        .err()
        .unwrap()
        .to_string();
    assert!(refused.starts_with("AUTH_PROXY_SOCKET "), "{refused}");
    assert_eq!(fs::read_to_string(&path).unwrap(), "precious");

    let nowhere = directory.0.join("none").join("proxy.sock");
    let refused = Listening::at(&configuration(&nowhere))
        .await
        .err()
        .unwrap()
        .to_string();
    assert!(
        refused.contains("a directory that you may write to"),
        "{refused}"
    );
}
