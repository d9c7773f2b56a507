//! Bodies are passed on as they come, and not stored.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    task::{Context, Poll},
};

use http_body::{Frame, SizeHint};
use tokio::{sync::Notify, time::sleep};

use super::*;

const MIB: usize = 1024 * 1024;
/// What may lie between two who do not read: the buffers of four sockets, and of the proxy.
const BETWEEN: usize = 40 * MIB;

/// So many zeros, made when they are asked for.
struct Zeros {
    left: usize,
    made: Arc<AtomicUsize>,
    frame: Bytes,
    /// It breaks off in the end.
    fails: bool,
}

impl Zeros {
    fn new(length: usize, made: &Arc<AtomicUsize>) -> Self {
        Self {
            left: length,
            made: made.clone(),
            frame: Bytes::from(vec![0; 64 * 1024]),
            fails: false,
        }
    }
}

impl http_body::Body for Zeros {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let frame = self.frame.slice(..self.left.min(self.frame.len()));
        if frame.is_empty() {
            let failed = self.fails.then(|| Err(io::Error::other("broken")));
            return Poll::Ready(failed);
        }
        self.left -= frame.len();
        self.made.fetch_add(frame.len(), SeqCst);
        Poll::Ready(Some(Ok(Frame::data(frame))))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact((self.left + usize::from(self.fails)) as u64)
    }
}

/// What has been made when no more is being made.
async fn at_rest(made: &AtomicUsize) -> usize {
    let mut before = 0;
    loop {
        sleep(SHORT).await;
        match made.load(SeqCst) {
            now if now == before && now > 0 => return now,
            now => before = now,
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_download_goes_no_faster_than_it_is_read() {
    let made = Arc::<AtomicUsize>::default();
    let counter = made.clone();
    let download = move || async move { Body::new(Zeros::new(256 * MIB, &counter)) };
    let router = Router::new().fallback(download);
    let (_serving, platform) = api(router).await;
    let bounds = Bounds {
        requests: 1,
        ..BOUNDS
    };
    let proxy = Served::within(&platform, bounds).await;

    let request = proxy.request("GET", "/", Body::empty());
    let reply = proxy.send(request).await.unwrap();
    assert_eq!(field(reply.headers(), "content-length"), Some("268435456"));
    let mut body = reply.into_body();
    let mut read = body
        .frame()
        .await
        .unwrap()
        .unwrap()
        .into_data()
        .unwrap()
        .len();
    let at_rest = timeout(LONG, at_rest(&made)).await.unwrap();
    assert!(
        at_rest < BETWEEN,
        "{at_rest} bytes have left the API, of which {read} were read"
    );

    // It is under way to its last byte.
    assert_eq!(proxy.get("/").await.status(), 429);

    while let Some(frame) = timeout(LONG, body.frame()).await.unwrap() {
        read += frame.unwrap().into_data().unwrap().len();
    }
    assert_eq!(read, 256 * MIB);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_goes_no_faster_than_it_is_taken() {
    let taken = Arc::new(Notify::new());
    let reads = taken.clone();
    let router = Router::new().fallback(async move |request: Request<Body>| {
        reads.notified().await;
        let (mut body, mut length) = (request.into_body(), 0);
        while let Some(frame) = body.frame().await {
            length += frame.unwrap().into_data().unwrap().len();
        }
        length.to_string()
    });
    let (_serving, platform) = api(router).await;
    let proxy = Served::over(&platform).await;

    let made = Arc::<AtomicUsize>::default();
    let zeros = Zeros::new(128 * MIB, &made);
    let sent = proxy.begin(proxy.request("PUT", "/", Body::new(zeros)));
    let at_rest = timeout(LONG, at_rest(&made)).await.unwrap();
    assert!(
        at_rest < BETWEEN,
        "{at_rest} bytes were taken from the caller, and none by the API"
    );

    taken.notify_one();
    let reply = timeout(LONG, sent).await.unwrap().unwrap().unwrap();
    assert_eq!(whole(reply).await.body(), "134217728");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_ways_are_open_at_once() {
    let echo = async |request: Request<Body>| request.into_body();
    let (_serving, platform) = api(Router::new().fallback(echo)).await;
    let proxy = Served::over(&platform).await;
    let mut stream = TcpStream::connect(proxy.at).await.unwrap();
    let head = format!(
        "POST / HTTP/1.1\r\nHost: {}\r\nx-auth-proxy-key: {KEY}\r\nTransfer-Encoding: chunked\r\n\r\n",
        proxy.at
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut heard = Vec::new();
    for word in ["first", "second", "third"] {
        let chunk = format!("{:x}\r\n{word}\r\n", word.len());
        stream.write_all(chunk.as_bytes()).await.unwrap();
        // The next one is not sent before this one has come back.
        while !heard
            .windows(word.len())
            .any(|bytes| bytes == word.as_bytes())
        {
            let read = timeout(LONG, stream.read_buf(&mut heard))
                .await
                .expect("it is stored");
            assert_ne!(read.unwrap(), 0, "{}", String::from_utf8_lossy(&heard));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_download_that_breaks_off_does_not_look_whole() {
    for chunked in [false, true] {
        let router = Router::new().fallback(async move || {
            let mut zeros = Zeros::new(MIB, &Arc::default());
            zeros.fails = true;
            match chunked {
                // Its length is not known any more.
                true => Body::new(zeros.map_frame(|frame| frame)),
                false => Body::new(zeros),
            }
        });
        let (_serving, platform) = api(router).await;
        let proxy = Served::over(&platform).await;
        let reply = proxy
            .send(proxy.request("GET", "/", Body::empty()))
            .await
            .unwrap();
        assert_eq!(reply.headers().contains_key("content-length"), !chunked);
        let body = timeout(LONG, reply.into_body().collect()).await.unwrap();
        assert!(body.is_err(), "it ended as if it were whole");
    }
}
