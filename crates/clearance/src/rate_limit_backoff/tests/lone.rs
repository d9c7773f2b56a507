//! A caller that sends one call after the other: nobody ever stands in line behind it.

use super::{limiter::Limiter, *};
use tower::{Layer, service_fn};

const HOUR: f64 = 3600.0;

/// Some of the first calls are refused, for a reason that passes. When is the caller as fast as `rate` again, in seconds?
async fn recovers(layer: RateLimitBackoffLayer, refused: [usize; 2], wait: u64, rate: f64) -> f64 {
    let server = Answering::by(move |nth| match refused.contains(&nth) {
        true => Response::builder().status(429).header(RETRY_AFTER, wait),
        false => Response::builder(),
    });
    let service = layer.layer(server.clone());
    let start = Instant::now();
    let mut last = start;
    while start.elapsed().as_secs_f64() < HOUR {
        send(&service, get("/")).await;
        sleep(ROUND_TRIP).await;
        let apart = last.elapsed();
        last = Instant::now();
        if server.arrived().len() > refused[1] + 2 && apart.as_secs_f64() * rate <= 1.0 {
            return start.elapsed().as_secs_f64();
        }
    }
    HOUR
}

/// It made a call in 22 seconds, for good.
#[tokio::test(start_paused = true)]
async fn a_quota_is_used_again() {
    let layer = layer().quota(Quota::new(300, 60 * SECOND));
    let after = recovers(layer, [2, 4], 60, 4.9).await;
    assert!((120.0..480.0).contains(&after), "{after}");
}

/// It made five calls a second, for good.
#[tokio::test(start_paused = true)]
async fn a_rate_grows_until_nothing_is_held() {
    let after = recovers(layer(), [2, 400], 60, 45.0).await;
    assert!((120.0..480.0).contains(&after), "{after}");
}

/// It used half of the limit, or even less.
#[tokio::test(start_paused = true)]
async fn a_limit_is_found_by_one_caller_too() {
    let start = Instant::now();
    let book = Arc::new(Mutex::new((Limiter::bucket(40.0, 10.0), 0_u32, 0_u32)));
    let server = service_fn(|_: Request<Body>| {
        let mut book = book.lock().unwrap();
        let status = match book.0.admit(start.elapsed()) {
            Ok(()) => {
                book.1 += 1;
                200
            }
            Err(_) => {
                book.2 += 1;
                429
            }
        };
        let answer = reply((status, Some("1")));
        async {
            sleep(SECOND / 100).await;
            Ok::<_, Infallible>(answer)
        }
    });
    let service = layer().layer(server);
    while start.elapsed() < 300 * SECOND {
        send(&service, get("/")).await;
    }
    let book = book.lock().unwrap();
    assert!(book.1 > 10_800, "{}", book.1);
    assert!(book.2 < book.1 / 100, "{}", book.2);
}
