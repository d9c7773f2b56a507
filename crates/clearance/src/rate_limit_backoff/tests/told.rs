//! What a server says of its limit is kept to, and not for longer than it means.

use tower::Layer;

use super::*;

const TEN_A_SECOND: (&str, &str) = ("ratelimit-policy", r#""a";q=200;w=20"#);

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

/// A bucket of two, that is filled with ten a second for two minutes, and with two after it. Each reply says what is told.
fn ten_then_two(told: Option<(&'static str, &'static str)>) -> Answering {
    let start = Instant::now();
    let bucket = Mutex::new((start, 0.0_f64));
    Answering::by(move |_| {
        let (now, mut bucket) = (Instant::now(), bucket.lock().unwrap());
        let is_late = now - start >= 120 * SECOND;
        let rate = if is_late { 2.0 } else { 10.5 };
        let level = (bucket.1 + rate * (now - bucket.0).as_secs_f64()).min(2.0);
        let passes = level >= 1.0;
        *bucket = (now, if passes { level - 1.0 } else { level });
        let reply = match told {
            Some((name, value)) => Response::builder().header(name, value),
            None => Response::builder(),
        };
        match passes {
            true => reply,
            false => reply.status(429).header(RETRY_AFTER, 1),
        }
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

/// It refused all but a few of them at once, as if two in twenty seconds were all there ever will be.
#[tokio::test(start_paused = true)]
async fn a_burst_is_not_refused_for_the_little_that_is_left_of_a_window() {
    let server = telling(false, &[TEN_A_SECOND, ("ratelimit", r#""a";r=2;t=20"#)]);
    let calls = server.sends(401, Duration::ZERO).await;
    let arrived = server.arrived();
    assert_eq!((calls.len(), arrived.len()), (401, 402));
    // After the first, that was refused: two until the window ends, and then ten a second.
    let after = |at: &Duration| at.as_secs() >= 20;
    assert_eq!(arrived.iter().filter(|at| !after(at)).count(), 3);
    assert!(arrived[401] < 61 * SECOND, "{:?}", arrived[401]);
    assert!(server.most_in(SECOND) <= 11, "{arrived:?}");
}

#[tokio::test(start_paused = true)]
async fn a_burst_after_a_window_is_not_held_for_what_was_left_of_it() {
    let server = telling(false, &[TEN_A_SECOND, ("ratelimit", r#""a";r=1;t=20"#)]);
    let service = layer().layer(server.clone());
    send(&service, get("/")).await;
    // Twenty seconds after the first one left it would be another one's turn: a second after the end of the window.
    sleep(SECOND * 39 / 2).await;
    let begun = Instant::now();
    let mut calls = vec![];
    for _ in 0..400 {
        calls.push(spawn(&service, get("/")).await);
    }
    assert_eq!(server.arrived().len(), 3, "one leaves at once");
    for call in calls {
        assert_eq!(call.await.unwrap().status(), 200);
    }
    assert_eq!(server.arrived().len(), 402);
    let took = begun.elapsed();
    assert!(took > 39 * SECOND && took < 41 * SECOND, "{took:?}");
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

#[tokio::test(start_paused = true)]
async fn what_is_told_of_a_wait_is_what_the_layer_would_have_waited() {
    let server = Answering::by(|_| {
        let none_left = ("ratelimit", r#""a";r=0;t=30"#);
        Response::builder()
            .status(429)
            .header(none_left.0, none_left.1)
    });
    let layer = layer().max_wait(10 * SECOND);
    let reply = send(&layer.layer(server), get("/")).await;
    let RetryAfter(told) = *reply.extensions().get().unwrap();
    let paused = layer.status().keys[0].pause.unwrap();
    assert!(
        paused > 29 * SECOND && told >= paused,
        "{told:?} of {paused:?}"
    );
}

/// All four hundred left in one go: the rate had grown to a million behind what was left.
#[tokio::test(start_paused = true)]
async fn a_rate_does_not_grow_unseen_while_a_window_lasts() {
    let server = telling(false, &[("ratelimit", r#""a";r=100;t=20"#)]);
    server.sends(401, Duration::ZERO).await;
    let arrived = server.arrived();
    // Of the window, by the server's clock.
    let end = 20 * SECOND + SECOND / 20;
    let before = |time: Duration| arrived.iter().filter(|at| **at < time).count();
    let within = |from: Duration| before(from + SECOND) - before(from);
    // Five a second, and then from twenty a second on, twice as many every second.
    assert!((4..=6).contains(&within(10 * SECOND)), "{arrived:?}");
    assert!((25..=31).contains(&within(end)), "{arrived:?}");
    assert!((50..=62).contains(&within(end + SECOND)), "{arrived:?}");
}

/// Ten a second are told. For two minutes they are allowed, and then two.
#[tokio::test(start_paused = true)]
async fn a_limit_below_what_is_told_is_learned_as_fast_as_one_of_which_nothing_is_told() {
    const POLICY: (&str, &str) = ("ratelimit-policy", r#""a";q=600;w=60"#);
    const REST: (&str, &str) = ("ratelimit", r#""a";r=100;t=10"#);
    let mut refused = vec![];
    for told in [None, Some(POLICY), Some(REST)] {
        let server = ten_then_two(told);
        let layer = layer().max_wait(1000 * SECOND);
        server.sends_by(layer, 1300, SECOND / 12).await;
        refused.push(server.arrived().len() - 1300);
    }
    assert!(refused.iter().all(|all| *all <= refused[0]), "{refused:?}");
}

#[tokio::test(start_paused = true)]
async fn a_call_a_minute_is_kept_to() {
    let server = Answering::by(|nth| {
        let told = Response::builder().header("ratelimit-policy", r#""a";q=1;w=60"#);
        match nth {
            1 => told.status(429).header(RETRY_AFTER, 60),
            _ => told,
        }
    });
    let layer = layer().max_wait(3600 * SECOND);
    server.sends_by(layer, 5, Duration::ZERO).await;
    let arrived = server.arrived();
    // After the first that was let through: the rate was not known when it left.
    for pair in arrived[2..].windows(2) {
        assert!(pair[1] - pair[0] >= 60 * SECOND, "{arrived:?}");
    }
}
