//! What a server says of its limit is kept to, and not for longer than it means.

use super::*;

/// Refuses its first call, and says `fields` of its limit with that, or with every reply.
fn telling(always: bool, fields: &'static [(&'static str, &'static str)]) -> Answering {
    Answering::by(move |nth| {
        let mut reply = Response::builder();
        if nth == 1 {
            reply = reply.status(429).header(RETRY_AFTER, 1);
        }
        let told = fields.iter().filter(|_| always || nth == 1);
        told.fold(reply, |reply, (name, value)| reply.header(*name, *value))
    })
}

#[tokio::test(start_paused = true)]
async fn a_quota_of_a_day_is_no_pace() {
    let server = telling(
        true,
        &[
            ("ratelimit-policy", r#""day";q=10000;w=86400"#),
            ("ratelimit", r#""day";r=9990;t=86000"#),
        ],
    );
    let calls = server.sends(120, SECOND / 2).await;
    assert!(
        calls.iter().all(|call| *call < 2 * SECOND),
        "{:?}",
        calls.iter().max()
    );
}

#[tokio::test(start_paused = true)]
async fn what_is_left_of_a_window_is_no_pace_after_it() {
    let server = telling(false, &[("ratelimit", r#""a";r=2;t=20"#)]);
    let calls = server.sends(120, SECOND).await;
    assert!(
        calls[0] > SECOND && calls[5] > 10 * SECOND,
        "{:?}",
        &calls[..6]
    );
    let late = &calls[60..];
    assert!(late.iter().all(|call| *call < SECOND), "{late:?}");
}

#[tokio::test(start_paused = true)]
async fn what_is_left_of_something_else_than_requests_is_no_pause() {
    let server = telling(
        true,
        &[
            (
                "ratelimit-policy",
                r#""uploads";q=100;w=60;qu="content-bytes""#,
            ),
            ("ratelimit", r#""uploads";r=0;t=50"#),
        ],
    );
    let calls = server.sends(1, SECOND).await;
    assert!(calls[0] < 2 * SECOND, "{calls:?}");
}

#[tokio::test(start_paused = true)]
async fn a_rate_is_kept_whatever_is_said_of_a_shorter_window() {
    let server = telling(
        true,
        &[
            ("ratelimit-policy", r#""burst";q=1;w=1, "minute";q=6;w=60"#),
            ("ratelimit", r#""burst";r=0;t=1"#),
        ],
    );
    server.sends(12, SECOND / 100).await;
    // One that was refused, six after it, and one that left before the rate was known.
    assert!(server.most_in(60 * SECOND) <= 8, "{:?}", server.arrived());
}
