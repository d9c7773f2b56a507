//! A server on a loopback socket, behind a limiter.

use std::{
    convert::Infallible,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header::RETRY_AFTER};
use http_body_util::Full;
use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{
    net::TcpListener,
    task::JoinSet,
    time::{Instant, sleep},
};

use crate::limiter::Limiter;

/// How a server says when to come back.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Told {
    Seconds,
    Date,
    Nothing,
}

/// When requests were let through, and when refused, in seconds from the start.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    pub passed: Vec<f64>,
    pub refused: Vec<f64>,
}

/// What all connections share.
struct Server {
    start: Instant,
    told: Told,
    round_trip: Duration,
    limiter: Mutex<Limiter>,
    seen: Arc<Mutex<Seen>>,
}

/// Serves until the task set is dropped.
pub async fn serve(
    limiter: Limiter,
    told: Told,
    round_trip: Duration,
    start: Instant,
) -> (SocketAddr, Arc<Mutex<Seen>>, JoinSet<()>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let seen = Arc::new(Mutex::new(Seen::default()));
    let server = Arc::new(Server {
        start,
        told,
        round_trip,
        limiter: Mutex::new(limiter),
        seen: Arc::clone(&seen),
    });
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let mut connections = JoinSet::new();
        while let Ok((stream, _)) = listener.accept().await {
            let _ = stream.set_nodelay(true);
            let server = Arc::clone(&server);
            let service = service_fn(move |_| answer(Arc::clone(&server)));
            let io = TokioIo::new(stream);
            connections.spawn(async move {
                // A client that hangs up is none of our business.
                let _ = http1::Builder::new().serve_connection(io, service).await;
            });
        }
    });
    (address, seen, tasks)
}

async fn answer(server: Arc<Server>) -> Result<Response<Full<Bytes>>, Infallible> {
    // The way back takes the whole round trip: a timer on the way here would add its own jitter of a millisecond.
    let at = server.start.elapsed();
    let admitted = server.limiter.lock().expect("no panic").admit(at);
    {
        let mut seen = server.seen.lock().expect("no panic");
        let times = if admitted.is_ok() {
            &mut seen.passed
        } else {
            &mut seen.refused
        };
        times.push(at.as_secs_f64());
    }
    let mut reply = Response::new(Full::from("reply"));
    if let Err(wait) = admitted {
        *reply.status_mut() = StatusCode::TOO_MANY_REQUESTS;
        let told = match server.told {
            Told::Seconds => Some(HeaderValue::from(up(wait).max(1))),
            // hyper adds the `Date` that this one is to be read by.
            Told::Date => {
                let now = SystemTime::now() + wait;
                let since = now
                    .duration_since(SystemTime::UNIX_EPOCH)
                    .expect("after 1970");
                let date = SystemTime::UNIX_EPOCH + Duration::from_secs(up(since));
                HeaderValue::from_str(&httpdate::fmt_http_date(date)).ok()
            }
            Told::Nothing => None,
        };
        if let Some(told) = told {
            reply.headers_mut().insert(RETRY_AFTER, told);
        }
    }
    sleep(server.round_trip).await;
    Ok(reply)
}

fn up(duration: Duration) -> u64 {
    duration.as_secs() + u64::from(duration.subsec_nanos() > 0)
}
