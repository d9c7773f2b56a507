//! gRPC as the layers see it: replies without messages, and deadlines that no wait outlives. On paused time.
#![allow(clippy::unwrap_used, reason = "test code")]

mod push_backs;
mod statuses;
#[path = "../support.rs"]
mod support;
mod token_waits;
mod unread;

use std::time::Duration;

use http::{Request, Response, Version};
use support::{Api, Body, Seen, URL, Verdict};

/// A reply without messages.
fn status(code: u32) -> Verdict {
    Verdict::from(200)
        .with("content-type", "application/grpc")
        .with("grpc-status", code)
}

fn messages() -> Verdict {
    Verdict::from(200).with("content-type", "application/grpc")
}

fn call(timeout: Option<&str>) -> Request<Body> {
    let request = Request::post(URL)
        .version(Version::HTTP_2)
        .header("content-type", "application/grpc");
    let request = match timeout {
        Some(timeout) => request.header("grpc-timeout", timeout),
        None => request,
    };
    request.body("a message".into()).unwrap()
}

fn code<B>(response: &Response<B>) -> &str {
    response
        .headers()
        .get("grpc-status")
        .map_or("", |code| code.to_str().unwrap())
}

/// The deadline that the API was told.
fn timeout(seen: &Seen) -> Duration {
    let text = seen.head.headers()["grpc-timeout"].to_str().unwrap();
    let (digits, unit) = text.split_at(text.len() - 1);
    let nanos = match unit {
        "S" => 1_000_000_000,
        "m" => 1_000_000,
        "u" => 1_000,
        _ => 1,
    };
    Duration::from_nanos(digits.parse::<u64>().unwrap() * nanos)
}

fn timeouts(api: &Api) -> Vec<Duration> {
    api.seen().iter().map(timeout).collect()
}

fn around(duration: Duration, millis: u64) -> bool {
    duration.abs_diff(Duration::from_millis(millis)) <= Duration::from_millis(25)
}
