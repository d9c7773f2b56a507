//! What is bounded, and how it ends.

use std::sync::Arc;

use tokio::{sync::Semaphore, time::Instant};

use super::*;
use crate::trouble::ERROR;

/// Each request to it says that it has come, and waits until it is let go.
#[derive(Clone)]
struct Gate {
    come: Arc<Semaphore>,
    let_go: Arc<Semaphore>,
}

impl Gate {
    async fn new() -> (Self, JoinSet<()>, Platform) {
        let closed = || Arc::new(Semaphore::new(0));
        let gate = Self {
            come: closed(),
            let_go: closed(),
        };
        let Self { come, let_go } = gate.clone();
        let router = Router::new().fallback(async move || {
            come.add_permits(1);
            let_go.acquire().await.unwrap().forget();
            "let go"
        });
        let (serving, platform) = api(router).await;
        (gate, serving, platform)
    }

    async fn come(&self) {
        timeout(LONG, self.come.acquire())
            .await
            .unwrap()
            .unwrap()
            .forget();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_under_way_is_finished_when_it_is_told_to_stop() {
    let (gate, _serving, platform) = Gate::new().await;
    let proxy = Served::over(&platform).await;
    let under_way = proxy.begin(proxy.request("GET", "/", Body::empty()));
    gate.come().await;

    proxy.stop.send(()).unwrap();
    // It closes its port at once.
    let closed = async { while TcpStream::connect(proxy.at).await.is_ok() {} };
    timeout(LONG, closed).await.unwrap();
    assert!(!proxy.done.is_finished());

    gate.let_go.add_permits(1);
    let reply = timeout(LONG, under_way).await.unwrap().unwrap().unwrap();
    assert_eq!(whole(reply).await.body(), "let go");
    timeout(LONG, proxy.done)
        .await
        .expect("it does not end")
        .unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_does_not_end_within_the_grace_is_cut_off() {
    let (gate, _serving, platform) = Gate::new().await;
    let bounds = Bounds {
        grace: SHORT,
        ..BOUNDS
    };
    let proxy = Served::within(&platform, bounds).await;
    let under_way = proxy.begin(proxy.request("GET", "/", Body::empty()));
    gate.come().await;
    let told = Instant::now();
    proxy.stop.send(()).unwrap();
    timeout(LONG, proxy.done)
        .await
        .expect("it does not end")
        .unwrap();
    assert!(told.elapsed() >= SHORT);
    assert!(timeout(LONG, under_way).await.unwrap().unwrap().is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_request_too_many_is_told_so_at_once() {
    let (gate, _serving, platform) = Gate::new().await;
    let proxy = Served::within(
        &platform,
        Bounds {
            requests: 1,
            ..BOUNDS
        },
    )
    .await;
    let first = proxy.begin(proxy.request("GET", "/", Body::empty()));
    gate.come().await;
    let second = proxy.get("/").await;
    assert_eq!(
        (second.status().as_u16(), field(second.headers(), ERROR)),
        (429, Some("crowded"))
    );
    assert_eq!(field(second.headers(), "retry-after"), Some("1"));

    gate.let_go.add_permits(2);
    whole(timeout(LONG, first).await.unwrap().unwrap().unwrap()).await;
    assert_eq!(proxy.get("/").await.body(), "let go");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_that_goes_away_gives_its_place_back() {
    let (gate, _serving, platform) = Gate::new().await;
    let proxy = Served::within(
        &platform,
        Bounds {
            requests: 1,
            ..BOUNDS
        },
    )
    .await;
    let mut stream = TcpStream::connect(proxy.at).await.unwrap();
    let request = format!(
        "GET / HTTP/1.1\r\nHost: {}\r\nx-auth-proxy-key: {KEY}\r\n\r\n",
        proxy.at
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    gate.come().await;
    assert_eq!(proxy.get("/").await.status(), 429);
    drop(stream);

    gate.let_go.add_permits(2);
    let again = async { while proxy.get("/").await.status() == 429 {} };
    timeout(LONG, again).await.expect("its place is never free");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_api_that_does_not_answer_is_given_up() {
    let (_gate, _serving, platform) = Gate::new().await;
    let bounds = Bounds {
        patience: SHORT,
        requests: 1,
        ..BOUNDS
    };
    let proxy = Served::within(&platform, bounds).await;
    // The second one finds the seat of the first.
    for _ in 0..2 {
        let reply = proxy.get("/").await;
        assert_eq!(
            (reply.status().as_u16(), field(reply.headers(), ERROR)),
            (504, Some("timeout"))
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn heads_are_bounded_in_length_and_time() {
    let (_gate, _serving, platform) = Gate::new().await;
    let bounds = Bounds {
        head: 3 * SHORT,
        ..BOUNDS
    };
    let proxy = Served::within(&platform, bounds).await;
    let long = format!("GET / HTTP/1.1\r\nX-Long: {}\r\n\r\n", "x".repeat(33_000));
    assert_eq!(proxy.raw(&long).await.status(), 431);
    // Neither a head that does not end nor a connection that says nothing keeps its place: both are closed.
    assert!([0, 408].contains(&proxy.raw("GET / HTTP/1.1\r\nX-Slow: ").await.status()));
    assert_eq!(proxy.raw("").await.status(), 0);
    let idle = "GET /healthz HTTP/1.1\r\nHost: HOST\r\n\r\n";
    assert_eq!(proxy.raw(idle).await.status(), 200);
}
