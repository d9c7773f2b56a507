//! A quota is never exceeded, whatever the server says, and however long a call of another key is away.

use tower::Layer;

use super::*;

const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test(start_paused = true)]
async fn a_quota_of_a_window_is_kept() {
    let server = Answering::by(|_| Response::builder());
    let layer = layer().quota(Quota::new(300, MINUTE));
    server.sends_by(layer, 400, Duration::ZERO).await;
    let most = server.most_in(MINUTE);
    assert!((290..=300).contains(&most), "{most}");
}

#[tokio::test(start_paused = true)]
async fn a_quota_is_kept_whatever_is_said_of_another_limit() {
    let server = Answering::by(|_| Response::builder().header("ratelimit", r#""burst";r=0;t=1"#));
    let layer = layer().quota(Quota::new(6, MINUTE));
    server.sends_by(layer, 12, Duration::ZERO).await;
    assert!(server.most_in(MINUTE) <= 6, "{:?}", server.arrived());
}

#[tokio::test(start_paused = true)]
async fn a_quota_is_kept_after_refusals() {
    let server = Answering::by(|nth| match nth % 2 {
        1 => Response::builder().status(429).header(RETRY_AFTER, 1),
        _ => Response::builder(),
    });
    let layer = layer().quota(Quota::new(6, MINUTE));
    server.sends_by(layer, 8, Duration::ZERO).await;
    assert!(server.most_in(MINUTE) <= 6, "{:?}", server.arrived());
}

/// It panicked: a pause of a second allows more than such a quota does.
#[tokio::test(start_paused = true)]
async fn a_quota_slower_than_a_call_in_fifty_seconds_outlives_a_refusal() {
    let server = Answering::by(|nth| match nth {
        2 => Response::builder().status(429).header(RETRY_AFTER, 1),
        _ => Response::builder(),
    });
    let day = 24 * 60 * MINUTE;
    let layer = layer().quota(Quota::new(1000, day)).max_wait(day);
    server.sends_by(layer, 3, Duration::ZERO).await;
    assert_eq!(server.arrived().len(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_slow_quota_is_not_forgotten_for_another_key() {
    let server = Answering::by(|_| Response::builder());
    let hour = 60 * MINUTE;
    let layer = layer().quota(Quota::new(1, hour)).max_wait(2 * hour);
    let service = layer.layer(server.clone());
    let other = Request::get("https://other.example.com/");
    send(&service, get("/")).await;
    sleep(301 * SECOND).await;
    send(&service, other.body(Full::default()).unwrap()).await;
    send(&service, get("/")).await;
    let arrived = server.arrived();
    assert!(arrived[2] - arrived[0] >= hour, "{arrived:?}");
}

/// A call a minute, the second of which is refused for whatever reason: the key was slow for good.
#[tokio::test(start_paused = true)]
async fn a_rate_below_a_quota_is_forgotten_too() {
    let server = Answering::by(|nth| match nth {
        2 => Response::builder().status(429).header(RETRY_AFTER, 60),
        _ => Response::builder(),
    });
    let layer = layer().quota(Quota::new(300, MINUTE));
    server.sends_by(layer.clone(), 2, MINUTE).await;
    let rate = || layer.status().keys[0].rate.unwrap();
    assert!(rate() < 0.1, "{}", rate());
    server.sends_by(layer.clone(), 20, MINUTE).await;
    assert!((4.9..5.0).contains(&rate()), "{}", rate());
    let calls = server.sends_by(layer.clone(), 10, Duration::ZERO).await;
    assert!(calls[9] < 2 * SECOND, "{calls:?}");
}
